#include "limiter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_MAX = 100000 }; /* a higher limit in a header is not believed */
static const double BACKOFF_MAX = 60.0;
static const double BACKOFF_DATED = 8.0; /* when the server says how long */
static const double PAUSE_MAX = 86400.0; /* whatever a header says: not for ever */
static const double PROBE_EVERY = 5.0;   /* seconds between tries when a minute seems used up by others */
static const double SPREAD = 1.25;       /* of an even pace, beside others */
static const double RTT_GUESS =
    0.05; /* how old what a response told is on arrival, and the next request too */

/* Slots are held a little longer than the window: two clocks never run at exactly the same rate. */
static double span(const struct aw_window *w)
{
    return w->length * 1.0005 + 0.001;
}

/* Makes the ring hold `limit` times; false when out of memory, then it is as it was. */
static bool grow(struct aw_window *w, int limit)
{
    size_t cap = (size_t)limit;
    if (cap <= w->cap)
        return true;
    double *done = malloc(cap * sizeof *done);
    if (!done)
        return false;
    for (size_t i = 0; i < w->count; i++)
        done[i] = w->done[(w->head + i) % w->cap];
    free(w->done);
    w->done = done;
    w->cap = cap;
    w->head = 0;
    return true;
}

bool aw_limiter_init(struct aw_limiter *l, int per_second, int per_minute, bool fixed, double reserve)
{
    *l = (struct aw_limiter){.fixed = fixed, .reserve = reserve};
    const int limits[AW_WINDOWS] = {per_second, per_minute};
    const double lengths[AW_WINDOWS] = {1.0, 60.0};
    for (int i = 0; i < AW_WINDOWS; i++) {
        struct aw_window *w = &l->windows[i];
        int limit = limits[i] < LIMIT_MAX ? limits[i] : LIMIT_MAX;
        w->length = lengths[i];
        w->limit = w->server_limit = limit;
        if (limit > 0 && !grow(w, limit)) {
            aw_limiter_free(l);
            return false;
        }
    }
    return true;
}

void aw_limiter_free(struct aw_limiter *l)
{
    for (int i = 0; i < AW_WINDOWS; i++)
        free(l->windows[i].done);
    *l = (struct aw_limiter){0};
}

static double done_at(const struct aw_window *w, size_t i)
{
    return w->done[(w->head + i) % w->cap];
}

static void release(struct aw_window *w, double now)
{
    while (w->count > 0 && done_at(w, 0) + span(w) <= now) {
        w->head = (w->head + 1) % w->cap;
        w->count--;
        w->released++;
    }
}

/* Begins a new span when the newest is over. */
static void turn_span(struct aw_window *w, double now)
{
    int spans = 0;
    for (; now >= w->span_start + w->length && spans < AW_SPANS; spans++) {
        memmove(w->foreign + 1, w->foreign, (AW_SPANS - 1) * sizeof *w->foreign);
        w->foreign[0] = 0;
        w->span_start += w->length;
    }
    if (spans == AW_SPANS)
        w->span_start = now;
}

/* The most that others were seen to hold lately. What they take comes in bursts: the last word is not enough.
 */
static int foreign(const struct aw_window *w)
{
    int most = 0;
    for (int i = 0; i < AW_SPANS; i++)
        most = w->foreign[i] > most ? w->foreign[i] : most;
    return most;
}

/* Requests that others may send in so many seconds. */
static double foreign_in(const struct aw_limiter *l, double seconds)
{
    double rate = 0;
    for (int i = 0; i < AW_WINDOWS; i++)
        rate = fmax(rate, foreign(&l->windows[i]) / l->windows[i].length);
    return rate > 0 ? ceil(rate * seconds) + 1 : 0;
}

/*
 * How many slots of the window we may hold: what the limit, our reserve and the others leave, one at least. Others
 * get an eighth more than they were seen to take, so that they can grow back when we had crowded them out.
 */
static int share_of(const struct aw_limiter *l, const struct aw_window *w)
{
    int others = foreign(w);
    int limit = w->limit < w->server_limit ? w->limit : w->server_limit;
    int ours = (int)floor(limit * (1 - l->reserve) + 1e-9);
    int left = others > 0 ? w->server_limit - others - others / 8 - 1 : ours;
    left = left < ours ? left : ours;
    return left > 1 ? left : 1;
}

/*
 * Whether others take enough for the minute to be shared out evenly. One in a hundred of it is not: they find room
 * in what is left to them, and one request too many in our own account must not slow us down for minutes.
 */
static bool beside_others(const struct aw_limiter *l)
{
    const struct aw_window *minute = &l->windows[AW_MINUTE];
    return foreign(&l->windows[AW_SECOND]) > 0 || foreign(minute) > minute->server_limit / 100;
}

/*
 * Seconds from one request to the next. Alone, the minute may be spent at the second's pace. Beside others it is
 * spread, or they would find it spent; and evenly, so that few of ours are under way whenever they fill a window.
 */
static double pace(const struct aw_limiter *l)
{
    const struct aw_window *minute = &l->windows[AW_MINUTE];
    if (minute->limit == 0 || !beside_others(l))
        return 0;
    return minute->length / (SPREAD * share_of(l, minute));
}

/* Seconds until the window has room by our own count. */
static double wait_for_slot(const struct aw_limiter *l, const struct aw_window *w, double now)
{
    int held = l->in_flight + (int)w->count, allowed = share_of(l, w);
    if (held < allowed)
        return 0;
    size_t excess = (size_t)(held - allowed);
    return excess < w->count ? done_at(w, excess) + span(w) - now : INFINITY;
}

/* Seconds until the window has room by the server's last word. */
static double wait_for_word(const struct aw_limiter *l, const struct aw_window *w, double now)
{
    if (!w->known || now >= w->told_at + span(w) || (w->reset_at > 0 && now >= w->reset_at))
        return 0;
    uint64_t since = l->sent - w->told_seq;
    if (since == 0 && now >= w->told_at + PROBE_EVERY && w->reset_at <= 0)
        return 0;
    double left = w->remaining - (double)since + (double)(w->released - w->told_released) -
                  foreign_in(l, now - w->told_at + RTT_GUESS);
    if (left >= 1)
        return 0;
    double until = w->reset_at > 0 ? w->reset_at : w->told_at + (since == 0 ? PROBE_EVERY : span(w));
    if (until > w->told_at + span(w))
        until = w->told_at + span(w);
    if (w->count > 0 && done_at(w, 0) + span(w) < until)
        until = done_at(w, 0) + span(w);
    return until > now ? until - now : 0;
}

double aw_limiter_wait(struct aw_limiter *l, double now)
{
    if (now < l->paused_until)
        return l->paused_until - now;
    if (l->probing && l->probe_out)
        return INFINITY;
    double wait = 0;
    for (int i = 0; i < AW_WINDOWS; i++) {
        struct aw_window *w = &l->windows[i];
        if (w->limit == 0)
            continue;
        release(w, now);
        turn_span(w, now);
        double slot = wait_for_slot(l, w, now), word = slot > 0 ? 0 : wait_for_word(l, w, now);
        wait = fmax(wait, fmax(slot, word));
    }
    return fmax(wait, fmin(l->due - now, pace(l)));
}

struct aw_ticket aw_limiter_begin(struct aw_limiter *l, double now)
{
    struct aw_ticket ticket = {.seq = ++l->sent, .probe = l->probing};
    l->in_flight++;
    l->due = fmax(l->due, now) + pace(l);
    for (int i = 0; i < AW_WINDOWS; i++)
        ticket.held[i] = l->in_flight + (int)l->windows[i].count;
    l->probe_out = l->probe_out || l->probing;
    return ticket;
}

void aw_limiter_end(struct aw_limiter *l, const struct aw_ticket *ticket, bool sent, double now)
{
    l->in_flight--;
    if (ticket->probe)
        l->probe_out = false;
    if (!sent)
        l->due = fmin(l->due, now);
    for (int i = 0; sent && i < AW_WINDOWS; i++) {
        struct aw_window *w = &l->windows[i];
        if (w->limit == 0)
            continue;
        release(w, now);
        if (w->count == w->cap) { /* not reached while aw_limiter_wait is asked before each begin */
            w->head = (w->head + 1) % w->cap;
            w->count--;
        }
        w->done[(w->head + w->count++) % w->cap] = now;
    }
}

static void adopt_limit(struct aw_limiter *l, struct aw_window *w, int told)
{
    if (told <= 0 || told > LIMIT_MAX || told == w->server_limit)
        return;
    if (!l->fixed && grow(w, told))
        w->limit = told;
    w->server_limit = told;
}

/* Whether the plain trio speaks of window i, told by its limit: that window's and not the other one's. */
static bool plain_is(const struct aw_limiter *l, const struct aw_told *told, int i)
{
    return told->plain_limit == l->windows[i].server_limit &&
           told->plain_limit != l->windows[AW_WINDOWS - 1 - i].server_limit;
}

static void learn(struct aw_limiter *l, const struct aw_ticket *ticket, const struct aw_told *told,
                  double now)
{
    for (int i = 0; i < AW_WINDOWS; i++) {
        struct aw_window *w = &l->windows[i];
        if (w->limit == 0)
            continue;
        adopt_limit(l, w, told->limit[i]);
        bool plain = plain_is(l, told, i);
        int remaining = told->remaining[i] >= 0 ? told->remaining[i] : plain ? told->plain_remaining : -1;
        if (remaining < 0)
            continue;
        release(w, now);
        turn_span(w, now);
        /*
         * Of what the server has counted, at most these are ours: the slots held when the request was sent,
         * and what was sent since. The rest is certainly others'.
         */
        int64_t ours = ticket->held[i] + (int64_t)(l->sent - ticket->seq);
        int64_t others = w->server_limit - (int64_t)remaining - ours;
        if (others > w->foreign[0])
            w->foreign[0] = (int)others;
        if (w->known && ticket->seq < w->told_seq)
            continue;
        w->known = true;
        w->remaining = remaining;
        w->told_at = now;
        w->reset_at = plain && told->reset >= 0 ? now + told->reset : 0;
        w->told_seq = ticket->seq;
        w->told_released = w->released;
    }
}

void aw_limiter_told(struct aw_limiter *l, const struct aw_ticket *ticket, const struct aw_told *told,
                     double now)
{
    learn(l, ticket, told, now);
    if (ticket->seq > l->paused_seq) {
        l->refusals = 0;
        l->probing = false;
    }
}

/*
 * Alone we are never refused: there are others. Bursts of ours that fill each second before they come would keep them
 * out of all that we are told; at an even pace we see what they take.
 */
static void suspect_others(struct aw_limiter *l, double now)
{
    struct aw_window *second = &l->windows[AW_SECOND];
    turn_span(second, now);
    if (second->foreign[0] == 0)
        second->foreign[0] = 1;
}

double aw_limiter_refused(struct aw_limiter *l, const struct aw_ticket *ticket, const struct aw_told *told,
                          double now)
{
    learn(l, ticket, told, now);
    suspect_others(l, now);
    if (ticket->seq > l->paused_seq || l->refusals == 0) {
        l->refusals++;
        l->paused_seq = l->sent;
    }
    /* The reset of a window that is not the exhausted one says nothing. */
    bool idle = (plain_is(l, told, AW_MINUTE) && told->remaining[AW_MINUTE] > 0) ||
                (plain_is(l, told, AW_SECOND) && told->remaining[AW_SECOND] > 0);
    double reset = idle ? -1 : told->reset, pause = fmax(0, fmax(told->retry_after, reset));
    bool dated = told->retry_after >= 0 || reset >= 0;
    const struct aw_window *minute = &l->windows[AW_MINUTE];
    if (told->remaining[AW_SECOND] == 0)
        pause = fmax(pause, l->windows[AW_SECOND].length);
    if (told->remaining[AW_MINUTE] == 0 && !dated)
        pause = fmax(pause, minute->count > 0 ? done_at(minute, 0) + span(minute) - now : minute->length);
    /* However short the server's word is, refusals in a row make us slower. */
    double least = fmin(dated ? BACKOFF_DATED : BACKOFF_MAX,
                        ldexp(dated ? 0.1 : 1.0, l->refusals < 10 ? l->refusals - 1 : 10));
    pause = fmin(fmax(pause, least), PAUSE_MAX);
    l->paused_until = fmax(l->paused_until, now + pause);
    l->probing = true;
    return fmax(pause, l->paused_until - now); /* the sum may have rounded a little of it away */
}
