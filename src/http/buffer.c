#include "buffer.h"

#include <stdlib.h>
#include <string.h>

void aw_buffer_init(struct aw_buffer *b, size_t limit)
{
    *b = (struct aw_buffer){.limit = limit};
}

enum aw_buffer_status aw_buffer_append(struct aw_buffer *b, const void *bytes, size_t n)
{
    if (n > b->limit - b->len)
        return AW_BUFFER_LIMIT;
    if (n > b->cap - b->len) {
        size_t need = b->len + n, cap = b->cap ? b->cap : 1024;
        while (cap < need)
            cap = cap > b->limit / 2 ? b->limit : cap * 2;
        char *data = realloc(b->data, cap);
        if (!data)
            return AW_BUFFER_MEMORY;
        b->data = data;
        b->cap = cap;
    }
    if (n > 0)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    return AW_BUFFER_OK;
}

void aw_buffer_reset(struct aw_buffer *b, size_t keep)
{
    if (b->cap > keep)
        aw_buffer_free(b);
    b->len = 0;
}

void aw_buffer_free(struct aw_buffer *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

void aw_wipe(void *p, size_t n)
{
    /* A call that the compiler can't see through, so that it can't drop it. */
    static void *(*const volatile set)(void *, int, size_t) = memset;
    if (n > 0)
        set(p, 0, n);
}
