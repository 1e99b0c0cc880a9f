#include "private.h"

#include <math.h>
#include <string.h>

/* ---- events, random numbers ---- */

static void tell(aw_engine *e, enum aw_event_kind kind, const struct aw_transfer *t, double delay,
                 const char *reason)
{
    if (e->events.cap == 0)
        return;
    struct aw_event event = {.kind = kind, .time = e->now, .delay = delay, .reason = reason};
    if (t) {
        event.id = t->result.id;
        event.attempt = t->result.attempts;
        event.status = t->result.status;
        event.method = aw_method_name(t->request.method);
        event.url = t->request.url;
    }
    aw_events_add(&e->events, &event);
}

/* splitmix64: jitter needs no more. */
static double draw(aw_engine *e)
{
    if (e->fed >= 0) {
        double r = e->fed;
        e->fed = -1;
        return r;
    }
    uint64_t z = e->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

double aw_now_or_later(const aw_engine *e)
{
    return e->now + fmax(0, aw_now() - e->begun);
}

/* ---- an attempt's beginning and end ---- */

void aw_transfer_finish(aw_engine *e, struct aw_transfer *t)
{
    struct aw_timings *times = &t->result.timings;
    aw_heap_remove(&e->timers, &t->timer);
    times->total = e->now - t->submitted;
    if (t->state == AW_QUEUED)
        times->queue += e->now - t->queued;
    aw_request_forget(&t->request);
    aw_transfer_move(e, t, AW_DONE);
    if (t->result.kind == AW_SLEPT)
        return;
    if (t->result.kind != AW_RESPONSE)
        e->stats.failures++;
    e->stats.queue_seconds += times->queue;
    e->stats.total_seconds += times->total;
}

void aw_transfer_requeue(aw_engine *e, struct aw_transfer *t)
{
    /* Before those that have not been tried yet: it is older. */
    aw_list_remove(aw_list_of(e, t), t);
    t->state = AW_QUEUED;
    t->queued = e->now;
    t->blocked = e->blocked_total;
    aw_list_prepend(&e->queue, t);
}

static void drop_handle(aw_engine *e, struct aw_handle *h)
{
    struct aw_handle **at = &e->handles;
    while (*at != h)
        at = &(*at)->next_all;
    *at = h->next_all;
    aw_handle_free(h);
}

void aw_attempt_abandon(aw_engine *e, struct aw_transfer *t)
{
    struct aw_handle *h = t->handle;
    if (e->multi)
        curl_multi_remove_handle(e->multi, h->easy);
    t->handle = NULL;
    if (t->stop == AW_STOP_RESEND) {
        /* libcurl counts its own re-sendings over all requests of a handle, and at the sixth gives up. */
        drop_handle(e, h);
        return;
    }
    h->transfer = NULL;
    h->paused = false;
    h->next = e->free_handles;
    e->free_handles = h;
}

static struct aw_handle *take_handle(aw_engine *e)
{
    const char *why;
    struct aw_handle *h = e->free_handles;
    if (h) {
        e->free_handles = h->next;
        return h;
    }
    h = aw_handle_new(&e->setup, &why);
    if (h) {
        h->next_all = e->handles;
        e->handles = h;
    }
    return h;
}

/* Seconds that t has waited for the rate limit so far. */
double aw_transfer_waited(const aw_engine *e, const struct aw_transfer *t)
{
    return t->waited + (t->state == AW_QUEUED ? e->blocked_total - t->blocked : 0);
}

static void fail_rate(aw_engine *e, struct aw_transfer *t, double wait, const char *message)
{
    aw_transfer_fail(t, AW_RATE_LIMIT, "rate-limit", message);
    t->result.retryable = true;
    t->result.retry_at = aw_epoch() + wait;
    aw_transfer_finish(e, t);
}

void aw_transfer_fail_rate(aw_engine *e, struct aw_transfer *t, double wait)
{
    fail_rate(e, t, wait, "The rate limit asks for a longer wait than max_wait allows");
}

void aw_transfer_fail_late(aw_engine *e, struct aw_transfer *t, double wait)
{
    fail_rate(e, t, wait, "Its turn would have come too late for what it was decided on");
}

void aw_attempt_start(aw_engine *e, struct aw_transfer *t)
{
    double blocked = e->blocked_total - t->blocked, waited = e->now - t->queued;
    if (blocked > 0) {
        t->waited += blocked;
        e->stats.waits++;
        e->stats.wait_seconds += blocked;
        t->result.timings.wait += blocked;
    }
    t->result.timings.queue += fmax(0, waited - blocked);
    aw_transfer_move(e, t, AW_ACTIVE);
    aw_transfer_restart(t);
    t->result.retried = t->result.sent;
    t->result.attempts++;
    e->stats.attempts++;
    t->ticket = aw_limiter_begin(&e->limiter, e->now);
    t->deadline = e->now + t->budget;
    double attempt = e->options.attempt_timeout;
    aw_heap_set(&e->timers, &t->timer, attempt > 0 ? fmin(t->deadline, e->now + attempt) : t->deadline);
    struct aw_handle *h = take_handle(e);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (h && (e->multi || aw_multi_new(e)))
        code = aw_handle_prepare(h, t, &e->setup);
    if (code == CURLE_OK && curl_multi_add_handle(e->multi, h->easy) == CURLM_OK) {
        tell(e, AW_EVENT_ATTEMPT, t, 0, NULL);
        return;
    }
    if (h) {
        t->handle = h;
        aw_attempt_abandon(e, t);
    }
    aw_limiter_end(&e->limiter, &t->ticket, false, e->now);
    if (code == CURLE_URL_MALFORMAT)
        aw_transfer_fail(t, AW_PROTOCOL, "url", "The URL can't be read");
    else
        aw_transfer_fail(t, AW_NETWORK, "out-of-memory", "Not enough memory for the request");
    aw_transfer_finish(e, t);
}

/*
 * All that the headers say of the rate, in one pass: most responses have many headers and few of these. The one that
 * whoever reads the body needs is noted on the way.
 */
static struct aw_told read_told(struct aw_transfer *t)
{
    struct aw_told told = {{-1, -1}, {-1, -1}, -1, -1, -1, -1};
    int reset = -1;
    const struct {
        const char *name;
        size_t len;
        int *value;
    } wanted[] = {
        {"x-ratelimit-limit-second", 24, &told.limit[AW_SECOND]},
        {"x-ratelimit-limit-minute", 24, &told.limit[AW_MINUTE]},
        {"x-ratelimit-remaining-second", 28, &told.remaining[AW_SECOND]},
        {"x-ratelimit-remaining-minute", 28, &told.remaining[AW_MINUTE]},
        {"ratelimit-limit", 15, &told.plain_limit},
        {"ratelimit-remaining", 19, &told.plain_remaining},
        {"ratelimit-reset", 15, &reset},
    };
    struct aw_header h, after = {0}, date = {0};
    for (size_t at = 0; aw_result_header(&t->result, &at, &h);) {
        if (h.name_len == 11 && memcmp(h.name, "retry-after", 11) == 0)
            after = h;
        else if (h.name_len == 4 && memcmp(h.name, "date", 4) == 0)
            date = h;
        else if (h.name_len == 12 && memcmp(h.name, "content-type", 12) == 0 && !t->result.content_type) {
            t->result.content_type = h.value;
            t->result.content_type_len = h.value_len;
        }
        for (size_t i = 0; h.name_len >= 15 && i < sizeof wanted / sizeof *wanted; i++)
            if (h.name_len == wanted[i].len && memcmp(h.name, wanted[i].name, h.name_len) == 0)
                *wanted[i].value = aw_header_int(h.value, h.value_len);
    }
    told.reset = reset;
    if (after.name)
        told.retry_after =
            aw_retry_after(after.value, after.value_len, date.value, date.value_len, aw_epoch());
    return told;
}

/* Tries once more after `least` seconds or a longer backoff, if retries, quota and deadline allow. */
static bool retry(aw_engine *e, struct aw_transfer *t, double least, const char *reason)
{
    if (t->retries <= 0)
        return false;
    double delay = fmax(least, aw_retry_backoff(t->retried, draw(e)));
    if (delay >= t->budget || !aw_quota_take(&e->quota))
        return false;
    t->retries--;
    t->retried++;
    t->budget -= delay;
    t->result.timings.wait += delay;
    e->stats.retries++;
    e->stats.backoff_seconds += delay;
    tell(e, AW_EVENT_RETRY, t, delay, reason);
    aw_transfer_move(e, t, AW_DELAYED);
    aw_heap_set(&e->timers, &t->timer, e->now + delay);
    return true;
}

static void on_refusal(aw_engine *e, struct aw_transfer *t, const struct aw_told *told)
{
    double pause = aw_limiter_refused(&e->limiter, &t->ticket, told, e->now);
    e->stats.rate_limited++;
    tell(e, AW_EVENT_PAUSE, t, pause, "rate-limit");
    if (t->retries == AW_RETRY_NEVER || aw_transfer_waited(e, t) + pause > e->options.max_wait) {
        aw_transfer_fail_rate(e, t, pause);
        return;
    }
    aw_heap_remove(&e->timers, &t->timer);
    aw_transfer_requeue(e, t);
}

static void on_response(aw_engine *e, struct aw_transfer *t)
{
    struct aw_result *r = &t->result;
    struct aw_told told = read_told(t);
    e->stats.responses++;
    tell(e, AW_EVENT_RESPONSE, t, 0, NULL);
    if (r->status == 429) {
        on_refusal(e, t, &told);
        return;
    }
    aw_limiter_told(&e->limiter, &t->ticket, &told, e->now);
    r->retryable = aw_retry_status(r->status);
    if (r->retryable && t->safe && retry(e, t, told.retry_after, "status"))
        return;
    if (r->status < 500)
        aw_quota_give(&e->quota, t->retried > 0);
    aw_transfer_finish(e, t);
}

static void on_failure(aw_engine *e, struct aw_transfer *t)
{
    struct aw_result *r = &t->result;
    bool may = r->retryable && (t->safe || !r->sent);
    if (may && t->stop == AW_STOP_RESEND && t->free_retries > 0) {
        t->free_retries--;
        e->stats.retries++;
        tell(e, AW_EVENT_RETRY, t, 0, r->code);
        aw_heap_remove(&e->timers, &t->timer);
        aw_transfer_requeue(e, t);
        return;
    }
    if (may && retry(e, t, 0, r->code))
        return;
    aw_transfer_finish(e, t);
}

/* The attempt ended with libcurl's word on it; CURLE_OPERATION_TIMEDOUT also when the engine ended it. */
void aw_attempt_end(aw_engine *e, struct aw_transfer *t, CURLcode code)
{
    struct aw_result *r = &t->result;
    CURL *easy = t->handle->easy;
    long connections = 0, sent_head = 0;
    curl_off_t up = 0, down = 0;
    bool counted = t->begun;
    aw_transfer_outcome(t, code, &e->setup);
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent_head);
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    e->stats.connections += (uint64_t)connections;
    e->stats.bytes_sent += (uint64_t)sent_head + (uint64_t)up;
    e->stats.bytes_received += t->head_total + (uint64_t)down;
    e->stats.connect_seconds += r->timings.connect;
    e->stats.tls_seconds += r->timings.tls;
    e->stats.first_byte_seconds += r->timings.first_byte;
    aw_attempt_abandon(e, t);
    aw_limiter_end(&e->limiter, &t->ticket, counted, aw_now_or_later(e));
    t->budget = t->deadline - e->now;
    if (r->kind == AW_RESPONSE)
        on_response(e, t);
    else
        on_failure(e, t);
}
