/* A binary min-heap of timers, intrusive: each timer knows its place, so that any can be moved or removed. */
#ifndef AW_HEAP_H
#define AW_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

struct aw_timer {
    double due;   /* on the engine's clock */
    size_t place; /* index in the heap + 1; 0: not in it */
};

struct aw_heap {
    struct aw_timer **items;
    size_t count, cap;
};

/* Makes room for `count` timers in all, so that aw_heap_set can't fail; false when out of memory. */
bool aw_heap_reserve(struct aw_heap *h, size_t count);

/* Adds the timer or moves it. There must be room. */
void aw_heap_set(struct aw_heap *h, struct aw_timer *t, double due);

/* Takes the timer out; nothing happens when it isn't in. */
void aw_heap_remove(struct aw_heap *h, struct aw_timer *t);

/* The timer due first, or NULL. */
struct aw_timer *aw_heap_first(const struct aw_heap *h);

void aw_heap_free(struct aw_heap *h);

#pragma GCC visibility pop

#endif
