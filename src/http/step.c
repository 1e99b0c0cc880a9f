#include "private.h"

#include <math.h>
#include <stddef.h>

/*
 * A step stays short, lest it hold up a host's loop: it takes so many seconds, on the real clock, and a little
 * more for what it is at. So many ready sockets are served in one, and so many requests handed to libcurl at
 * a time.
 */
static const double STEP_TIME = 0.0003;
enum { SOCKETS_A_STEP = 32, STARTS_AT_ONCE = 4 };

/* Whether the step has to leave the rest to the next one. */
static bool time_is_up(aw_engine *e)
{
    if (aw_now() < e->begun + STEP_TIME)
        return false;
    e->more = true;
    return true;
}

static void collect(aw_engine *e)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(e->multi, &left)) != NULL;) {
        char *private = NULL;
        CURLcode code = m->data.result;
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private) == CURLE_OK) {
            struct aw_handle *h = (struct aw_handle *)(void *)private;
            aw_attempt_end(e, h->transfer, code);
        }
    }
}

/*
 * libcurl ran out of memory in its own books: what it keeps of a socket may be half undone, and using it
 * again would crash. All that is with it fails, and a new multi handle takes its place, now or at the next
 * request.
 */
static void replace_multi(aw_engine *e)
{
    while (e->active.first)
        aw_attempt_end(e, e->active.first, CURLE_OUT_OF_MEMORY);
    curl_multi_cleanup(e->multi);
    aw_sockets_unwatch(&e->sockets);
    e->curl_due = -1;
    e->multi = NULL;
}

/* Lets libcurl serve a socket, or its timers, and takes what it has finished. */
static bool drive(aw_engine *e, curl_socket_t fd, int bits)
{
    int running;
    CURLMcode code = curl_multi_socket_action(e->multi, fd, bits, &running);
    collect(e);
    if (code == CURLM_OK)
        return true;
    replace_multi(e);
    return false;
}

/* Goes on with answers for which the last step had no more room; those that had their turn are the last in the next. */
static void run_paused(aw_engine *e)
{
    struct aw_transfer *next, *last = e->active.last;
    if (!e->turns.paused)
        return;
    e->turns.paused = false;
    for (struct aw_transfer *t = e->active.first; t; t = t == last ? NULL : next) {
        next = t->next;
        if (!t->handle->paused)
            continue;
        if (time_is_up(e)) {
            e->turns.paused = true;
            return;
        }
        CURLcode code = aw_handle_go_on(t->handle);
        if (code == CURLE_OK)
            aw_transfer_move(e, t, AW_ACTIVE);
        else
            aw_attempt_end(e, t, code);
    }
}

static void run_sockets(aw_engine *e)
{
    int fds[SOCKETS_A_STEP], bits[SOCKETS_A_STEP];
    size_t n = aw_sockets_ready(&e->sockets, fds, bits, SOCKETS_A_STEP, &e->more);
    for (size_t i = 0; i < n; i++)
        if (!drive(e, fds[i], bits[i]) || (i + 1 < n && time_is_up(e)))
            return;
}

static void run_curl_timer(aw_engine *e)
{
    if (e->curl_due < 0 || (e->curl_due > 0 && aw_now() < e->curl_due))
        return;
    e->curl_due = -1;
    drive(e, CURL_SOCKET_TIMEOUT, 0);
}

static void run_timers(aw_engine *e)
{
    bool first = true;
    for (struct aw_timer *timer; (timer = aw_heap_first(&e->timers)) && timer->due <= e->now; first = false) {
        if (!first && time_is_up(e))
            return;
        struct aw_transfer *t =
            (struct aw_transfer *)(void *)((char *)timer - offsetof(struct aw_transfer, timer));
        aw_heap_remove(&e->timers, timer);
        switch (t->state) {
        case AW_ACTIVE:
            aw_attempt_end(e, t, CURLE_OPERATION_TIMEDOUT);
            break;
        case AW_DELAYED:
            aw_transfer_requeue(e, t);
            break;
        case AW_SLEEPING:
            aw_transfer_finish(e, t);
            break;
        case AW_QUEUED:
        case AW_DONE:
            break;
        }
    }
}

static void count_blocked(aw_engine *e)
{
    if (e->blocked) {
        e->blocked_total += fmax(0, e->now - e->blocked_since);
        e->blocked_since = e->now;
    }
}

/* Begins what may begin: a few, or as many as there is time for. */
static void run_queue(aw_engine *e)
{
    int started = 0;
    e->blocked = false;
    while (e->queue.first && e->active.count < e->options.max_connections) {
        struct aw_transfer *t = e->queue.first;
        double wait = aw_limiter_wait(&e->limiter, e->now);
        if (e->now > t->start_by || (isfinite(wait) && e->now + wait > t->start_by)) {
            aw_transfer_restart(t);
            aw_transfer_fail_late(e, t, isfinite(wait) ? wait : 0);
            continue;
        }
        if (wait > 0) {
            double waited = aw_transfer_waited(e, t), most = e->options.max_wait;
            if (waited >= most || (isfinite(wait) && waited + wait > most)) {
                aw_transfer_restart(t);
                aw_transfer_fail_rate(e, t, isfinite(wait) ? wait : 0);
                continue;
            }
            e->blocked = true;
            e->blocked_since = e->now;
            e->unblock_at = fmin(e->now + fmin(wait, most - waited), t->start_by);
            break;
        }
        if (started == STARTS_AT_ONCE) {
            run_curl_timer(e);
            started = 0;
            if (time_is_up(e))
                return;
            continue; /* what libcurl did may have changed the queue */
        }
        aw_attempt_start(e, t);
        started++;
    }
    if (started > 0)
        run_curl_timer(e);
}

size_t aw_engine_step(aw_engine *e, double now)
{
    if (!aw_engine_mine(e))
        return 0;
    e->now = aw_later(e, now);
    e->more = false;
    e->begun = aw_now();
    e->turns.step++;
    count_blocked(e);
    run_paused(e);
    run_sockets(e);
    run_curl_timer(e);
    run_timers(e);
    run_queue(e);
    e->more |= e->turns.paused;
    return e->done.count;
}

void aw_engine_poll(aw_engine *e, double seconds)
{
    if (aw_engine_mine(e))
        aw_sockets_poll(&e->sockets, e->more ? 0 : seconds);
}

double aw_engine_timeout(const aw_engine *e, double now)
{
    return e->done.count > 0 ? 0 : aw_engine_due(e, now);
}

double aw_engine_due(const aw_engine *e, double now)
{
    double least = INFINITY;
    now = aw_later(e, now);
    const struct aw_timer *timer = aw_heap_first(&e->timers);
    bool room = e->queue.first && e->active.count < e->options.max_connections;
    if (e->more || (room && !e->blocked))
        return 0;
    if (timer)
        least = timer->due - now;
    if (e->blocked)
        least = fmin(least, e->unblock_at - now);
    if (e->curl_due >= 0)
        least = fmin(least, e->curl_due - aw_now());
    return isinf(least) ? -1 : fmax(0, least);
}
