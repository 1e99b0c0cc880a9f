/* A growing byte buffer with a hard limit, and the wiping of secrets. */
#ifndef AW_BUFFER_H
#define AW_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

struct aw_buffer {
    char *data; /* NULL until the first byte */
    size_t len, cap, limit;
};

enum aw_buffer_status { AW_BUFFER_OK, AW_BUFFER_LIMIT, AW_BUFFER_MEMORY };

/* An empty buffer that will never hold more than `limit` bytes. Allocates nothing. */
void aw_buffer_init(struct aw_buffer *b, size_t limit);

/* Appends n bytes, or leaves the buffer as it was and says why not. */
enum aw_buffer_status aw_buffer_append(struct aw_buffer *b, const void *bytes, size_t n);

/* Forgets the content; keeps memory up to `keep` bytes for the next use. */
void aw_buffer_reset(struct aw_buffer *b, size_t keep);

/* Frees the memory; the buffer is empty and may be used again. */
void aw_buffer_free(struct aw_buffer *b);

/* Overwrites n bytes in a way no compiler drops. */
void aw_wipe(void *p, size_t n);

#pragma GCC visibility pop

#endif
