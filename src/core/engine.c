#include "engine.h"

#include "events.h"
#include "global.h"
#include "limiter.h"
#include "retry.h"
#include "sockets.h"
#include "transfer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/*
 * A step stays short, lest it hold up a host's loop: it takes so many seconds, on the real clock, and a little
 * more for what it is at. So many ready sockets are served in one, and so many requests handed to libcurl at
 * a time.
 */
static const double STEP_TIME = 0.0003;
enum { SOCKETS_A_STEP = 32, STARTS_AT_ONCE = 4 };
enum { KEEP_REQUEST = 16 * 1024, KEEP_BODY = 64 * 1024 }; /* memory a finished request leaves to the next */
enum { FREE_RETRIES = 3 }; /* for connections that turn out dead, beside those of `retries` */
enum { EVENTS_KEPT = 1024 };
enum { PLACE_BITS = 24 }; /* of an id: its place in the table; above them, how often the place was used */
enum { STRINGS = 7 };

struct list {
    struct aw_transfer *first, *last;
    size_t count;
};

struct place {
    struct aw_transfer *transfer;
    int64_t uses;
    size_t next_free; /* place + 1; 0: none */
};

struct aw_engine {
    struct aw_options options;
    char *strings[STRINGS]; /* the options' own copies */
    size_t string_count;
    pid_t pid;
    CURLM *multi;
    double now;
    double curl_due; /* on the real clock: libcurl knows no other. Negative: none */
    double begun;    /* when this step began, on the real clock */
    bool more;       /* the last step left something that is ready */

    struct place *places;
    size_t place_count, place_cap, free_place;
    struct list queue, active, idle, done; /* idle: in a backoff or asleep */
    struct list spare;                     /* finished ones, their memory for the next */
    struct aw_heap timers;

    struct aw_sockets sockets;
    struct aw_handle_setup setup;
    struct aw_handle *handles, *free_handles;

    struct aw_limiter limiter;
    struct aw_quota quota;
    bool blocked; /* the queue waits for the rate limit */
    double blocked_since, blocked_total;
    double unblock_at; /* when to look again; INFINITY: after a response */
    uint64_t random;
    double fed; /* negative: nothing fed */

    struct aw_stats stats;
    struct aw_events events;
};

#define KIND_NAME(id, name)   name,
#define SUBMIT_TEXT(id, text) text,

const char *aw_kind_name(enum aw_kind kind)
{
    static const char *const names[] = {AW_KINDS(KIND_NAME)};
    return names[kind];
}

const char *aw_submit_message(enum aw_submit_error error)
{
    static const char *const texts[] = {"", AW_SUBMIT_ERRORS(SUBMIT_TEXT)};
    return texts[error];
}

double aw_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double epoch(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- lists ---- */

static void list_append(struct list *l, struct aw_transfer *t)
{
    t->prev = l->last;
    t->next = NULL;
    *(l->last ? &l->last->next : &l->first) = t;
    l->last = t;
    l->count++;
}

static void list_prepend(struct list *l, struct aw_transfer *t)
{
    t->prev = NULL;
    t->next = l->first;
    *(l->first ? &l->first->prev : &l->last) = t;
    l->first = t;
    l->count++;
}

static void list_remove(struct list *l, struct aw_transfer *t)
{
    *(t->prev ? &t->prev->next : &l->first) = t->next;
    *(t->next ? &t->next->prev : &l->last) = t->prev;
    t->prev = t->next = NULL;
    l->count--;
}

static struct list *list_of(aw_engine *e, const struct aw_transfer *t)
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

static void move(aw_engine *e, struct aw_transfer *t, enum aw_state state)
{
    list_remove(list_of(e, t), t);
    t->state = state;
    list_append(list_of(e, t), t);
}

/* ---- transfers and their ids ---- */

static struct aw_transfer *find(const aw_engine *e, int64_t id)
{
    size_t place = (size_t)(id & ((1 << PLACE_BITS) - 1));
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
        if (cap >= 1 << PLACE_BITS)
            return false;
        struct place *places = realloc(e->places, cap * sizeof *places);
        if (!places)
            return false;
        e->places = places;
        e->place_cap = cap;
    }
    e->places[e->place_count] = (struct place){.next_free = 0};
    e->free_place = ++e->place_count;
    return true;
}

/* A blank transfer, in no list and without an id, with room for its place and timer; or NULL. */
static struct aw_transfer *take_transfer(aw_engine *e)
{
    if (!reserve_place(e) || !aw_heap_reserve(&e->timers, e->place_count))
        return NULL;
    struct aw_transfer *t = e->spare.first;
    if (t) {
        list_remove(&e->spare, t);
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
static void give_transfer(aw_engine *e, struct aw_transfer *t)
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
    list_append(&e->spare, t);
}

static void give_place(aw_engine *e, const struct aw_transfer *t)
{
    size_t place = (size_t)(t->result.id & ((1 << PLACE_BITS) - 1));
    e->places[place - 1].transfer = NULL;
    e->places[place - 1].next_free = e->free_place;
    e->free_place = place;
}

static int64_t enter(aw_engine *e, struct aw_transfer *t, enum aw_state state, double now)
{
    struct place *p = &e->places[e->free_place - 1];
    t->result.id = (p->uses++ << PLACE_BITS) | (int64_t)e->free_place;
    e->free_place = p->next_free;
    p->transfer = t;
    t->submitted = t->queued = now;
    t->blocked = e->blocked_total;
    t->state = state;
    list_append(list_of(e, t), t);
    return t->result.id;
}

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

void aw_engine_feed_random(aw_engine *e, double r)
{
    e->fed = r >= 0 && r < 1 ? r : 0;
}

/*
 * When what has just been read from a socket came, at the latest. `now` is the step's beginning, and the request may
 * have been counted by the server since then, if the system let us stop in between: a slot of the rate limit given
 * back that much too soon would be one too many.
 */
static double now_or_later(const aw_engine *e)
{
    return e->now + fmax(0, aw_now() - e->begun);
}

/* ---- an attempt's beginning and end ---- */

static void finish(aw_engine *e, struct aw_transfer *t)
{
    struct aw_timings *times = &t->result.timings;
    aw_heap_remove(&e->timers, &t->timer);
    times->total = e->now - t->submitted;
    if (t->state == AW_QUEUED)
        times->queue += e->now - t->queued;
    aw_request_forget(&t->request);
    move(e, t, AW_DONE);
    if (t->result.kind == AW_SLEPT)
        return;
    if (t->result.kind != AW_RESPONSE)
        e->stats.failures++;
    e->stats.queue_seconds += times->queue;
    e->stats.total_seconds += times->total;
}

static void enqueue_again(aw_engine *e, struct aw_transfer *t)
{
    /* Before those that have not been tried yet: it is older. */
    list_remove(list_of(e, t), t);
    t->state = AW_QUEUED;
    t->queued = e->now;
    t->blocked = e->blocked_total;
    list_prepend(&e->queue, t);
}

static void release_handle(aw_engine *e, struct aw_transfer *t)
{
    struct aw_handle *h = t->handle;
    curl_multi_remove_handle(e->multi, h->easy);
    h->transfer = NULL;
    h->next = e->free_handles;
    e->free_handles = h;
    t->handle = NULL;
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
static double limit_waited(const aw_engine *e, const struct aw_transfer *t)
{
    return t->waited + (t->state == AW_QUEUED ? e->blocked_total - t->blocked : 0);
}

static void fail_rate_limit(aw_engine *e, struct aw_transfer *t, double wait)
{
    aw_transfer_fail(t, AW_RATE_LIMIT, "rate-limit",
                     "The rate limit asks for a longer wait than max_wait allows");
    t->result.retryable = true;
    t->result.retry_at = epoch() + wait;
    finish(e, t);
}

static void start(aw_engine *e, struct aw_transfer *t)
{
    double blocked = e->blocked_total - t->blocked, waited = e->now - t->queued;
    if (blocked > 0) {
        t->waited += blocked;
        e->stats.waits++;
        e->stats.wait_seconds += blocked;
        t->result.timings.wait += blocked;
    }
    t->result.timings.queue += fmax(0, waited - blocked);
    move(e, t, AW_ACTIVE);
    aw_transfer_restart(t);
    t->result.retried = t->result.sent;
    t->result.attempts++;
    e->stats.attempts++;
    t->ticket = aw_limiter_begin(&e->limiter);
    t->deadline = e->now + t->budget;
    double attempt = e->options.attempt_timeout;
    aw_heap_set(&e->timers, &t->timer, attempt > 0 ? fmin(t->deadline, e->now + attempt) : t->deadline);
    struct aw_handle *h = take_handle(e);
    bool ready = h && aw_handle_prepare(h, t, e->options.http2) == CURLE_OK;
    if (ready && curl_multi_add_handle(e->multi, h->easy) == CURLM_OK) {
        tell(e, AW_EVENT_ATTEMPT, t, 0, NULL);
        return;
    }
    if (h)
        release_handle(e, t);
    aw_limiter_end(&e->limiter, &t->ticket, false, e->now);
    aw_transfer_fail(t, AW_NETWORK, "out-of-memory", "Not enough memory for the request");
    finish(e, t);
}

static int header_int(const struct aw_transfer *t, const char *name)
{
    size_t n;
    const char *value = aw_transfer_header(t, name, &n);
    return value ? aw_header_int(value, n) : -1;
}

static double retry_after(const struct aw_transfer *t)
{
    size_t n, date_n = 0;
    const char *value = aw_transfer_header(t, "retry-after", &n);
    if (!value)
        return -1;
    const char *date = aw_transfer_header(t, "date", &date_n);
    return aw_retry_after(value, n, date, date_n, epoch());
}

static void read_told(const struct aw_transfer *t, struct aw_told *told)
{
    *told = (struct aw_told){
        .limit = {header_int(t, "x-ratelimit-limit-second"), header_int(t, "x-ratelimit-limit-minute")},
        .remaining = {header_int(t, "x-ratelimit-remaining-second"),
                      header_int(t, "x-ratelimit-remaining-minute")},
        .plain_limit = header_int(t, "ratelimit-limit"),
        .plain_remaining = header_int(t, "ratelimit-remaining"),
        .reset = header_int(t, "ratelimit-reset"),
        .retry_after = retry_after(t),
    };
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
    move(e, t, AW_DELAYED);
    aw_heap_set(&e->timers, &t->timer, e->now + delay);
    return true;
}

static void on_refusal(aw_engine *e, struct aw_transfer *t, const struct aw_told *told)
{
    double pause = aw_limiter_refused(&e->limiter, &t->ticket, told, e->now);
    e->stats.rate_limited++;
    tell(e, AW_EVENT_PAUSE, t, pause, "rate-limit");
    if (t->retries == AW_RETRY_NEVER || limit_waited(e, t) + pause > e->options.max_wait) {
        fail_rate_limit(e, t, pause);
        return;
    }
    aw_heap_remove(&e->timers, &t->timer);
    enqueue_again(e, t);
}

static void on_response(aw_engine *e, struct aw_transfer *t)
{
    struct aw_result *r = &t->result;
    struct aw_told told;
    read_told(t, &told);
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
    finish(e, t);
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
        enqueue_again(e, t);
        return;
    }
    if (may && retry(e, t, 0, r->code))
        return;
    finish(e, t);
}

/* The attempt ended with libcurl's word on it; CURLE_OPERATION_TIMEDOUT also when the engine ended it. */
static void end_attempt(aw_engine *e, struct aw_transfer *t, CURLcode code)
{
    struct aw_result *r = &t->result;
    CURL *easy = t->handle->easy;
    long connections = 0, sent_head = 0;
    curl_off_t up = 0, down = 0;
    bool counted = t->begun;
    aw_transfer_outcome(t, code);
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
    release_handle(e, t);
    aw_limiter_end(&e->limiter, &t->ticket, counted, now_or_later(e));
    t->budget = t->deadline - e->now;
    if (r->kind == AW_RESPONSE)
        on_response(e, t);
    else
        on_failure(e, t);
}

/* ---- a step ---- */

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
            end_attempt(e, h->transfer, code);
        }
    }
}

static void run_sockets(aw_engine *e)
{
    int fds[SOCKETS_A_STEP], bits[SOCKETS_A_STEP], running;
    size_t n = aw_sockets_ready(&e->sockets, fds, bits, SOCKETS_A_STEP, &e->more);
    for (size_t i = 0; i < n; i++) {
        curl_multi_socket_action(e->multi, fds[i], bits[i], &running);
        if (i + 1 < n && time_is_up(e))
            break;
    }
    if (n > 0)
        collect(e);
}

static void run_curl_timer(aw_engine *e)
{
    int running;
    if (e->curl_due < 0 || (e->curl_due > 0 && aw_now() < e->curl_due))
        return;
    e->curl_due = -1;
    curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(e);
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
            end_attempt(e, t, CURLE_OPERATION_TIMEDOUT);
            break;
        case AW_DELAYED:
            enqueue_again(e, t);
            break;
        case AW_SLEEPING:
            finish(e, t);
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
        if (wait > 0) {
            double waited = limit_waited(e, t), most = e->options.max_wait;
            if (waited >= most || (isfinite(wait) && waited + wait > most)) {
                aw_transfer_restart(t);
                fail_rate_limit(e, t, isfinite(wait) ? wait : 0);
                continue;
            }
            e->blocked = true;
            e->blocked_since = e->now;
            e->unblock_at = e->now + fmin(wait, most - waited);
            break;
        }
        if (started == STARTS_AT_ONCE) {
            run_curl_timer(e);
            started = 0;
            if (time_is_up(e))
                return;
            continue; /* what libcurl did may have changed the queue */
        }
        start(e, t);
        started++;
    }
    if (started > 0)
        run_curl_timer(e);
}

size_t aw_engine_step(aw_engine *e, double now)
{
    if (!aw_engine_mine(e))
        return 0;
    e->now = now;
    e->more = false;
    e->begun = aw_now();
    count_blocked(e);
    run_sockets(e);
    run_curl_timer(e);
    run_timers(e);
    run_queue(e);
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

/* ---- libcurl's requests to the loop ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_data)
{
    (void)easy, (void)socket_data;
    return aw_sockets_watch(&((aw_engine *)user)->sockets, fd, what) ? 0 : -1;
}

static int on_timer(CURLM *multi, long ms, void *user)
{
    (void)multi;
    aw_engine *e = user;
    e->curl_due = ms < 0 ? -1 : ms == 0 ? 0 : aw_now() + (double)ms / 1000;
    return 0;
}

/* ---- the public face ---- */

void aw_options_init(struct aw_options *options)
{
    *options = (struct aw_options){
        .connect_timeout = 5,
        .timeout = 30,
        .max_wait = 120,
        .max_connections = 16,
        .max_body = 16 * 1024 * 1024,
        .max_header = 64 * 1024,
        .retries = 2,
        .rate_second = 50,
        .rate_minute = 1000,
        .http2 = true,
    };
}

/* A copy of s that lives as long as the engine; NULL when out of memory. */
static const char *keep(aw_engine *e, const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = malloc(size);
    if (copy) {
        memcpy(copy, s, size);
        e->strings[e->string_count++] = copy;
    }
    return copy;
}

static const char *environment(const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    if (!value || !*value)
        value = getenv(upper);
    return value ? value : "";
}

/* Makes the option strings our own, with their defaults; false when out of memory. */
static bool keep_strings(aw_engine *e)
{
    struct aw_options *o = &e->options;
    bool ok = true;
    if (o->ca_file)
        ok = ok && (o->ca_file = keep(e, o->ca_file)) != NULL;
    if (o->ca_path)
        ok = ok && (o->ca_path = keep(e, o->ca_path)) != NULL;
    o->user_agent = keep(e, o->user_agent ? o->user_agent : "awork-lua/" AW_VERSION);
    /* Of the environment, https_proxy and no_proxy alone, read once: a host may change it under threads. */
    e->setup.proxy = keep(e, o->proxy ? o->proxy : environment("https_proxy", "HTTPS_PROXY"));
    const char *none = o->no_proxy ? o->no_proxy : environment("no_proxy", "NO_PROXY");
    static const char loopback[] = "localhost,127.0.0.0/8,::1";
    size_t n = strlen(none), size = n + sizeof loopback + 1;
    char *all = malloc(size);
    if (all) {
        memcpy(all, none, n);
        if (n > 0)
            all[n++] = ',';
        memcpy(all + n, loopback, sizeof loopback);
        if (strcmp(none, "*") == 0)
            all[1] = '\0';
        e->strings[e->string_count++] = all;
    }
    e->setup.no_proxy = all;
    o->proxy = o->no_proxy = NULL;
    return ok && o->user_agent && e->setup.proxy && all;
}

static void set_why(char *why, const char *text)
{
    size_t n = strlen(text);
    if (n >= AW_WHY)
        n = AW_WHY - 1;
    memcpy(why, text, n);
    why[n] = '\0';
}

static uint64_t system_seed(const void *salt)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)(epoch() * 1e6) ^ (uint64_t)(uintptr_t)salt;
    return seed;
}

static bool set_up_multi(aw_engine *e)
{
    e->multi = curl_multi_init();
    return e->multi && curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e) == CURLM_OK &&
           curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e) == CURLM_OK &&
           curl_multi_setopt(e->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX) == CURLM_OK &&
           curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)e->options.max_connections) == CURLM_OK;
}

aw_engine *aw_engine_new(const struct aw_options *options, double now, char *why)
{
    set_why(why, "not enough memory");
    aw_engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->options = *options;
    if (e->options.max_connections == 0)
        e->options.max_connections = 1;
    e->sockets.wake_read = e->sockets.wake_write = -1;
    e->pid = getpid();
    e->now = now;
    e->curl_due = -1;
    e->fed = -1;
    e->random = options->seed ? options->seed : system_seed(e);
    aw_quota_init(&e->quota);
    const char *reason = "not enough memory";
    if (!aw_global_init()) {
        reason = "libcurl could not be initialized";
        goto failed;
    }
    if (!aw_sockets_init(&e->sockets, 4 * e->options.max_connections + 8)) {
        reason = strerror(errno);
        goto failed;
    }
    const struct aw_options *o = &e->options;
    if (!aw_limiter_init(&e->limiter, o->rate_second, o->rate_minute, o->rate_explicit, o->reserve) ||
        !aw_events_init(&e->events, o->events ? EVENTS_KEPT : 0) || !keep_strings(e) || !set_up_multi(e))
        goto failed;
    e->setup.options = &e->options;
    e->setup.open = aw_sockets_on_open;
    e->setup.close = aw_sockets_on_close;
    e->setup.sockets = &e->sockets;
    /* One handle at once: an option that libcurl refuses shows here, not at the first request. */
    struct aw_handle *h = aw_handle_new(&e->setup, &reason);
    if (!h)
        goto failed;
    e->handles = e->free_handles = h;
    return e;
failed:
    set_why(why, reason);
    aw_engine_free(e);
    return NULL;
}

static void free_list(struct list *l)
{
    while (l->first) {
        struct aw_transfer *t = l->first;
        list_remove(l, t);
        free_transfer(t);
    }
}

void aw_engine_free(aw_engine *e)
{
    if (!e)
        return;
    bool clean = true;
    if (!aw_engine_mine(e)) {
        aw_sockets_cut(&e->sockets);
        /*
         * A request not yet begun may be with a resolver thread, which exists in the parent alone; libcurl
         * would wait for it forever. Its memory is then left to the end of the process.
         */
        for (const struct aw_transfer *t = e->active.first; t; t = t->next)
            clean = clean && t->begun;
    }
    if (clean) {
        for (struct aw_transfer *t = e->active.first; t; t = t->next)
            release_handle(e, t);
        for (struct aw_handle *h = e->handles, *next; h; h = next) {
            next = h->next_all;
            aw_handle_free(h);
        }
        if (e->multi)
            curl_multi_cleanup(e->multi);
        free_list(&e->active);
    }
    free_list(&e->queue);
    free_list(&e->idle);
    free_list(&e->done);
    free_list(&e->spare);
    aw_sockets_free(&e->sockets);
    aw_limiter_free(&e->limiter);
    aw_events_free(&e->events);
    aw_heap_free(&e->timers);
    free(e->places);
    for (size_t i = 0; i < e->string_count; i++) {
        aw_wipe(e->strings[i], strlen(e->strings[i])); /* a proxy's password may be in it */
        free(e->strings[i]);
    }
    free(e);
}

enum aw_submit_error aw_engine_submit(aw_engine *e, const struct aw_request *r, double now, int64_t *id)
{
    if (!aw_engine_mine(e))
        return AW_FOREIGN;
    struct aw_transfer *t = take_transfer(e);
    if (!t)
        return AW_NO_MEMORY;
    enum aw_submit_error error = aw_request_copy(&t->request, r, e->options.allow_http);
    if (error) {
        give_transfer(e, t);
        return error;
    }
    t->safe = r->safe;
    t->retries = r->retries == AW_RETRY_DEFAULT ? e->options.retries : r->retries;
    t->free_retries = FREE_RETRIES;
    t->budget = r->timeout > 0 ? r->timeout : e->options.timeout;
    t->result.url = t->request.url;
    t->result.brief = r->brief;
    e->stats.requests++;
    *id = enter(e, t, AW_QUEUED, now);
    return AW_SUBMITTED;
}

enum aw_submit_error aw_engine_sleep(aw_engine *e, double seconds, double now, int64_t *id)
{
    if (!aw_engine_mine(e))
        return AW_FOREIGN;
    struct aw_transfer *t = take_transfer(e);
    if (!t)
        return AW_NO_MEMORY;
    t->result.kind = AW_SLEPT;
    t->result.slept = fmax(0, seconds);
    *id = enter(e, t, AW_SLEEPING, now);
    aw_heap_set(&e->timers, &t->timer, now + t->result.slept);
    return AW_SUBMITTED;
}

size_t aw_engine_sockets(const aw_engine *e, struct aw_socket *out, size_t n)
{
    for (size_t i = 0; i < n && i < e->sockets.watched_count; i++) {
        const struct pollfd *p = &e->sockets.watched[i];
        out[i] = (struct aw_socket){p->fd, (p->events & POLLIN) != 0, (p->events & POLLOUT) != 0};
    }
    return e->sockets.watched_count;
}

const struct aw_result *aw_engine_peek(const aw_engine *e)
{
    return e->done.first ? &e->done.first->result : NULL;
}

const struct aw_result *aw_engine_result(const aw_engine *e, int64_t id)
{
    const struct aw_transfer *t = find(e, id);
    return t && t->state == AW_DONE ? &t->result : NULL;
}

static void forget(aw_engine *e, struct aw_transfer *t)
{
    if (t->state == AW_ACTIVE) {
        bool sent = t->begun;
        release_handle(e, t);
        aw_limiter_end(&e->limiter, &t->ticket, sent, now_or_later(e));
    }
    aw_heap_remove(&e->timers, &t->timer);
    list_remove(list_of(e, t), t);
    give_place(e, t);
    give_transfer(e, t);
}

void aw_engine_pop(aw_engine *e, const struct aw_result *r)
{
    struct aw_transfer *t = find(e, r->id);
    if (t && t->state == AW_DONE)
        forget(e, t);
}

bool aw_engine_cancel(aw_engine *e, int64_t id)
{
    struct aw_transfer *t = aw_engine_mine(e) ? find(e, id) : NULL;
    if (!t)
        return false;
    if (t->state != AW_DONE)
        e->stats.cancelled++;
    forget(e, t);
    return true;
}

void aw_engine_wakeup(aw_engine *e)
{
    aw_sockets_wake(&e->sockets);
}

void aw_engine_stats(const aw_engine *e, struct aw_stats *out)
{
    *out = e->stats;
    out->in_flight = e->active.count;
    out->queued = e->queue.count;
    out->events_lost = e->events.lost;
}

const struct aw_event *aw_engine_event(const aw_engine *e, size_t n)
{
    return aw_events_get(&e->events, n);
}

void aw_engine_drop_events(aw_engine *e, size_t n)
{
    aw_events_drop(&e->events, n);
}

bool aw_engine_take_retry(aw_engine *e)
{
    return aw_quota_take(&e->quota);
}

size_t aw_engine_in_flight(const aw_engine *e)
{
    return e->active.count;
}

bool aw_engine_mine(const aw_engine *e)
{
    return e->pid == getpid();
}
