#include "events.h"

#include <stdlib.h>
#include <string.h>

bool aw_events_init(struct aw_events *e, size_t cap)
{
    *e = (struct aw_events){.cap = cap};
    if (cap > 0)
        e->items = calloc(cap, sizeof *e->items);
    return cap == 0 || e->items;
}

void aw_events_free(struct aw_events *e)
{
    aw_events_drop(e, e->count);
    free(e->items);
    *e = (struct aw_events){0};
}

void aw_events_add(struct aw_events *e, const struct aw_event *event)
{
    if (e->cap == 0)
        return;
    char *url = NULL;
    if (event->url) {
        size_t size = strlen(event->url) + 1;
        url = malloc(size);
        if (!url) {
            e->lost++;
            return;
        }
        memcpy(url, event->url, size);
    }
    if (e->count == e->cap) {
        aw_events_drop(e, 1);
        e->lost++;
    }
    struct aw_event *slot = &e->items[(e->head + e->count++) % e->cap];
    *slot = *event;
    slot->url = url;
}

const struct aw_event *aw_events_get(const struct aw_events *e, size_t n)
{
    return n < e->count ? &e->items[(e->head + n) % e->cap] : NULL;
}

void aw_events_drop(struct aw_events *e, size_t n)
{
    for (; n > 0 && e->count > 0; n--) {
        free((char *)(uintptr_t)e->items[e->head].url);
        e->head = (e->head + 1) % e->cap;
        e->count--;
    }
}
