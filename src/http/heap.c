#include "heap.h"

#include <stdlib.h>

bool aw_heap_reserve(struct aw_heap *h, size_t count)
{
    if (count <= h->cap)
        return true;
    size_t cap = h->cap ? h->cap * 2 : 16;
    while (cap < count)
        cap *= 2;
    struct aw_timer **items = realloc(h->items, cap * sizeof(struct aw_timer *));
    if (!items)
        return false;
    h->items = items;
    h->cap = cap;
    return true;
}

static void put(struct aw_heap *h, size_t i, struct aw_timer *t)
{
    h->items[i] = t;
    t->place = i + 1;
}

static void settle(struct aw_heap *h, size_t i, struct aw_timer *t)
{
    while (i > 0 && h->items[(i - 1) / 2]->due > t->due) {
        put(h, i, h->items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (size_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && h->items[child + 1]->due < h->items[child]->due)
            child++;
        if (h->items[child]->due >= t->due)
            break;
        put(h, i, h->items[child]);
    }
    put(h, i, t);
}

void aw_heap_set(struct aw_heap *h, struct aw_timer *t, double due)
{
    t->due = due;
    size_t i = t->place ? t->place - 1 : h->count++;
    settle(h, i, t);
}

void aw_heap_remove(struct aw_heap *h, struct aw_timer *t)
{
    if (t->place == 0)
        return;
    size_t i = t->place - 1;
    struct aw_timer *last = h->items[--h->count];
    t->place = 0;
    if (last != t)
        settle(h, i, last);
}

struct aw_timer *aw_heap_first(const struct aw_heap *h)
{
    return h->count > 0 ? h->items[0] : NULL;
}

void aw_heap_free(struct aw_heap *h)
{
    free(h->items);
    *h = (struct aw_heap){0};
}
