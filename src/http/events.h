/* What happened in an engine, kept for a host that asks: a ring, so that an ignored one can't grow. */
#ifndef AW_EVENTS_H
#define AW_EVENTS_H

#include "engine.h"

#pragma GCC visibility push(hidden)

struct aw_events {
    struct aw_event *items;
    size_t cap, head, count;
    uint64_t lost;
};

/* Keeps up to `cap` events; 0: none, then adding does nothing. False when out of memory. */
bool aw_events_init(struct aw_events *e, size_t cap);
void aw_events_free(struct aw_events *e);

/* Adds a copy, URL included; the oldest is lost when the ring is full, this one when memory is. */
void aw_events_add(struct aw_events *e, const struct aw_event *event);

/* The n-th oldest, from 0, or NULL. */
const struct aw_event *aw_events_get(const struct aw_events *e, size_t n);

/* Forgets the n oldest. */
void aw_events_drop(struct aw_events *e, size_t n);

#pragma GCC visibility pop

#endif
