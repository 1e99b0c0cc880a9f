#include "private.h"

#include <stdlib.h>

enum { KEEP_REQUEST = 16 * 1024, KEEP_BODY = 64 * 1024 }; /* memory a finished request leaves to the next */

/* ---- lists ---- */

void aw_list_append(struct aw_list *l, struct aw_transfer *t)
{
    t->prev = l->last;
    t->next = NULL;
    *(l->last ? &l->last->next : &l->first) = t;
    l->last = t;
    l->count++;
}

void aw_list_prepend(struct aw_list *l, struct aw_transfer *t)
{
    t->prev = NULL;
    t->next = l->first;
    *(l->first ? &l->first->prev : &l->last) = t;
    l->first = t;
    l->count++;
}

void aw_list_remove(struct aw_list *l, struct aw_transfer *t)
{
    *(t->prev ? &t->prev->next : &l->first) = t->next;
    *(t->next ? &t->next->prev : &l->last) = t->prev;
    t->prev = t->next = NULL;
    l->count--;
}

struct aw_list *aw_list_of(aw_engine *e, const struct aw_transfer *t)
{
    switch (t->state) {
    case AW_QUEUED:
        return &e->queue;
    case AW_ACTIVE:
        return &e->active;
    case AW_DONE:
        return &e->done;
    case AW_DELAYED:
    case AW_SLEEPING:
        break;
    }
    return &e->idle;
}

void aw_transfer_move(aw_engine *e, struct aw_transfer *t, enum aw_state state)
{
    aw_list_remove(aw_list_of(e, t), t);
    t->state = state;
    aw_list_append(aw_list_of(e, t), t);
}

/* ---- transfers and their ids ---- */

struct aw_transfer *aw_transfer_find(const aw_engine *e, int64_t id)
{
    size_t place = (size_t)(id & AW_PLACE_MASK);
    if (id <= 0 || place == 0 || place > e->place_count)
        return NULL;
    struct aw_transfer *t = e->places[place - 1].transfer;
    return t && t->result.id == id ? t : NULL;
}

static bool reserve_place(aw_engine *e)
{
    if (e->free_place)
        return true;
    if (e->place_count == e->place_cap) {
        size_t cap = e->place_cap ? e->place_cap * 2 : 16;
        if (cap >= AW_PLACE_MASK)
            return false;
        struct aw_place *places = realloc(e->places, cap * sizeof *places);
        if (!places)
            return false;
        e->places = places;
        e->place_cap = cap;
    }
    e->places[e->place_count] = (struct aw_place){.next_free = 0};
    e->free_place = ++e->place_count;
    return true;
}

/* A blank transfer, in no list and without an id, with room for its place and timer; or NULL. */
struct aw_transfer *aw_transfer_take(aw_engine *e)
{
    if (!reserve_place(e) || !aw_heap_reserve(&e->timers, e->place_count))
        return NULL;
    struct aw_transfer *t = e->spare.first;
    if (t) {
        aw_list_remove(&e->spare, t);
        return t;
    }
    t = calloc(1, sizeof *t);
    if (t) {
        aw_buffer_init(&t->head, e->options.max_header);
        aw_buffer_init(&t->body, e->options.max_body);
    }
    return t;
}

static void free_transfer(struct aw_transfer *t)
{
    aw_request_wipe(&t->request, 0);
    aw_buffer_free(&t->head);
    aw_buffer_free(&t->body);
    free(t);
}

/* Takes a transfer that is in no list back, for the next request or for good. */
void aw_transfer_give(aw_engine *e, struct aw_transfer *t)
{
    if (e->spare.count >= e->options.max_connections) {
        free_transfer(t);
        return;
    }
    struct aw_request_copy request;
    struct aw_buffer head, body;
    aw_request_wipe(&t->request, KEEP_REQUEST);
    aw_buffer_reset(&t->head, KEEP_BODY);
    aw_buffer_reset(&t->body, KEEP_BODY);
    request = t->request;
    head = t->head;
    body = t->body;
    *t = (struct aw_transfer){.request = request, .head = head, .body = body};
    aw_list_append(&e->spare, t);
}

static void give_place(aw_engine *e, const struct aw_transfer *t)
{
    size_t place = (size_t)(t->result.id & AW_PLACE_MASK);
    e->places[place - 1].transfer = NULL;
    e->places[place - 1].next_free = e->free_place;
    e->free_place = place;
}

int64_t aw_transfer_enter(aw_engine *e, struct aw_transfer *t, enum aw_state state, double now)
{
    struct aw_place *p = &e->places[e->free_place - 1];
    t->result.id = (p->uses++ << AW_PLACE_BITS) | (int64_t)e->free_place;
    e->free_place = p->next_free;
    p->transfer = t;
    t->submitted = t->queued = now;
    t->blocked = e->blocked_total;
    t->state = state;
    aw_list_append(aw_list_of(e, t), t);
    return t->result.id;
}

void aw_transfer_forget(aw_engine *e, struct aw_transfer *t)
{
    aw_heap_remove(&e->timers, &t->timer);
    aw_list_remove(aw_list_of(e, t), t);
    give_place(e, t);
    aw_transfer_give(e, t);
}

void aw_list_free(struct aw_list *l)
{
    for (struct aw_transfer *t = l->first, *next; t; t = next) {
        next = t->next;
        free_transfer(t);
    }
    *l = (struct aw_list){0};
}
