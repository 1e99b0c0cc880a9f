#include "global.h"
#include "private.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { FREE_RETRIES = 3 }; /* for connections that turn out dead, beside those of `retries` */
enum { EVENTS_KEPT = 1024 };

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

double aw_epoch(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double aw_later(const aw_engine *e, double now)
{
    return isfinite(now) && now > e->now ? now : e->now;
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

bool aw_multi_new(aw_engine *e)
{
    e->multi = curl_multi_init();
    if (!e->multi)
        return false;
    if (curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
        curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e) == CURLM_OK &&
        curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
        curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e) == CURLM_OK &&
        curl_multi_setopt(e->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX) == CURLM_OK &&
        curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)e->options.max_connections) == CURLM_OK)
        return true;
    curl_multi_cleanup(e->multi);
    e->multi = NULL;
    return false;
}

/* ---- making and end ---- */

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

/* A string that lives as long as the engine; NULL when out of memory. */
static char *keep_joined(aw_engine *e, const char *a, const char *b)
{
    size_t n = strlen(a), size = strlen(b) + 1;
    char *copy = malloc(n + size);
    if (copy) {
        memcpy(copy, a, n);
        memcpy(copy + n, b, size);
        e->strings[e->string_count++] = copy;
    }
    return copy;
}

static const char *keep(aw_engine *e, const char *s)
{
    return keep_joined(e, "", s);
}

static const char *environment(const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    if (!value || !*value)
        value = getenv(upper);
    return value ? value : "";
}

const char *aw_engine_environment_proxy(void)
{
    return environment("https_proxy", "HTTPS_PROXY");
}

/* One part of a proxy's URL, as it is there or decoded; NULL if there is none. To be freed by curl_free. */
static char *login_part(CURLU *u, CURLUPart what, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(u, what, &text, flags) == CURLUE_OK ? text : NULL;
}

/* Notes the login in the proxy's URL, to take it out of messages and answers; false when out of memory. */
static bool keep_login(struct aw_handle_setup *setup)
{
    if (!strchr(setup->proxy, '@'))
        return true;
    CURLU *u = curl_url();
    bool ok = u != NULL;
    /* One that libcurl can't read will not be used. */
    if (ok && curl_url_set(u, CURLUPART_URL, setup->proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) ==
                  CURLUE_OK) {
        char *texts[4] = {login_part(u, CURLUPART_USER, 0), login_part(u, CURLUPART_PASSWORD, 0),
                          login_part(u, CURLUPART_USER, CURLU_URLDECODE),
                          login_part(u, CURLUPART_PASSWORD, CURLU_URLDECODE)};
        for (size_t i = 0; i < 4; i++)
            if (texts[i])
                ok = (setup->proxy_secrets[i] = aw_secret_new(texts[i], strlen(texts[i]))) && ok;
        const char *user = texts[2] ? texts[2] : "", *password = texts[3] ? texts[3] : "";
        size_t size = strlen(user) + strlen(password) + 2;
        char *both = malloc(size + AW_BASE64_SIZE(size));
        if (both) {
            snprintf(both, size, "%s:%s", user, password);
            size_t n = aw_base64(both, size - 1, both + size);
            setup->proxy_secrets[4] = aw_secret_new(both + size, n);
            aw_wipe(both, size + n);
            free(both);
        }
        ok = ok && setup->proxy_secrets[4];
        for (size_t i = 0; i < 4; i++)
            curl_free(texts[i]);
    }
    curl_url_cleanup(u);
    return ok;
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
    e->requests.allow_http = o->allow_http;
    e->requests.base = keep(e, o->base_url ? o->base_url : "");
    e->requests.own.accept_encoding = keep_joined(e, "Accept-Encoding: ", AW_ENCODINGS);
    if (o->user_agent && *o->user_agent)
        ok = ok && (e->requests.own.user_agent = keep_joined(e, "User-Agent: ", o->user_agent)) != NULL;
    /* Of the environment, https_proxy and no_proxy alone, read once: a host may change it under threads. */
    e->setup.proxy = keep(e, o->proxy ? o->proxy : aw_engine_environment_proxy());
    /* Without a proxy, "*" is the quickest word for it. */
    const char *none = !e->setup.proxy || !*e->setup.proxy ? "*"
                       : o->no_proxy                       ? o->no_proxy
                                                           : environment("no_proxy", "NO_PROXY");
    e->setup.no_proxy = keep(e, none);
    o->proxy = o->no_proxy = o->base_url = NULL;
    return ok && o->user_agent && e->requests.own.accept_encoding && e->requests.base && e->setup.proxy &&
           e->setup.no_proxy && keep_login(&e->setup);
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
        seed = (uint64_t)(aw_epoch() * 1e6) ^ (uint64_t)(uintptr_t)salt;
    return seed;
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
    aw_origin_init(&e->origin);
    e->now = isfinite(now) ? now : 0;
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
        !aw_events_init(&e->events, o->events ? EVENTS_KEPT : 0) || !keep_strings(e) || !aw_multi_new(e))
        goto failed;
    e->setup.options = &e->options;
    e->setup.open = aw_sockets_on_open;
    e->setup.close = aw_sockets_on_close;
    e->setup.sockets = &e->sockets;
    e->setup.turns = &e->turns;
    e->requests.base_len = strlen(e->requests.base);
    if (e->requests.base_len > 0) {
        enum aw_url_error error =
            aw_url_read_base(e->requests.base, e->requests.base_len, o->allow_http, &e->requests.base_url);
        if (error) {
            reason = aw_url_message(error);
            goto failed;
        }
        while (e->requests.base[e->requests.base_len - 1] == '/')
            e->requests.base_len--;
    }
    /* That of the environment is another's business, as long as it is not used. */
    const char *fault = aw_proxy_fault(e->setup.proxy, strlen(e->setup.proxy));
    if (fault && (options->proxy || (e->requests.base_len > 0 && !e->requests.base_url.loopback))) {
        reason = strcmp(fault, AW_URL_NO_MEMORY) == 0 ? "not enough memory" : "the proxy's URL can't be used";
        goto failed;
    }
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
            aw_attempt_abandon(e, t);
        for (struct aw_handle *h = e->handles, *next; h; h = next) {
            next = h->next_all;
            aw_handle_free(h);
        }
        if (e->multi)
            curl_multi_cleanup(e->multi);
        aw_list_free(&e->active);
    }
    aw_list_free(&e->queue);
    aw_list_free(&e->idle);
    aw_list_free(&e->done);
    aw_list_free(&e->spare);
    aw_sockets_free(&e->sockets);
    aw_limiter_free(&e->limiter);
    aw_events_free(&e->events);
    aw_heap_free(&e->timers);
    aw_origin_free(&e->origin);
    free(e->places);
    aw_secret_drop(e->requests.token);
    for (size_t i = 0; i < AW_PROXY_SECRETS; i++)
        aw_secret_drop(e->setup.proxy_secrets[i]);
    for (size_t i = 0; i < e->string_count; i++) {
        aw_wipe(e->strings[i], strlen(e->strings[i])); /* a proxy's password may be in it */
        free(e->strings[i]);
    }
    free(e);
}

/* ---- requests and results ---- */

void aw_engine_feed_random(aw_engine *e, double r)
{
    e->fed = r >= 0 && r < 1 ? r : 0;
}

enum aw_submit_error aw_engine_set_token(aw_engine *e, const char *token, size_t len, uint64_t *generation)
{
    struct aw_secret *old = e->requests.token, *new = NULL;
    if (token && aw_token_fault(token, len))
        return AW_BAD_TOKEN;
    if (token && old && old->len == len && memcmp(old->text, token, len) == 0) {
        *generation = old->generation;
        return AW_SUBMITTED;
    }
    if (token) {
        new = aw_secret_new(token, len);
        if (!new)
            return AW_NO_MEMORY;
        new->generation = ++e->generation;
    }
    aw_secret_drop(old);
    e->requests.token = new;
    *generation = new ? new->generation : 0;
    return AW_SUBMITTED;
}

struct aw_secret *aw_engine_token(const aw_engine *e)
{
    return e->requests.token;
}

enum aw_submit_error aw_engine_submit(aw_engine *e, const struct aw_request *r, double now, int64_t *id)
{
    if (!aw_engine_mine(e))
        return AW_FOREIGN;
    now = aw_later(e, now);
    struct aw_transfer *t = aw_transfer_take(e);
    if (!t)
        return AW_NO_MEMORY;
    enum aw_submit_error error = aw_request_copy(&t->request, r, &e->requests);
    if (error) {
        aw_transfer_give(e, t);
        return error;
    }
    t->safe = r->safe;
    t->retries = r->retries == AW_RETRY_DEFAULT ? e->options.retries : r->retries;
    t->free_retries = FREE_RETRIES;
    t->budget = r->timeout > 0 ? r->timeout : e->options.timeout;
    t->start_by = r->start_within > 0 ? now + r->start_within : INFINITY;
    t->result.url = t->request.url;
    t->result.brief = r->brief;
    t->result.token = t->request.secret ? t->request.secret->generation : 0;
    e->stats.requests++;
    *id = aw_transfer_enter(e, t, AW_QUEUED, now);
    return AW_SUBMITTED;
}

enum aw_submit_error aw_engine_sleep(aw_engine *e, double seconds, double now, int64_t *id)
{
    if (!aw_engine_mine(e))
        return AW_FOREIGN;
    now = aw_later(e, now);
    struct aw_transfer *t = aw_transfer_take(e);
    if (!t)
        return AW_NO_MEMORY;
    t->result.kind = AW_SLEPT;
    t->result.slept = fmax(0, seconds);
    *id = aw_transfer_enter(e, t, AW_SLEEPING, now);
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
    const struct aw_transfer *t = aw_transfer_find(e, id);
    return t && t->state == AW_DONE ? &t->result : NULL;
}

bool aw_engine_knows(const aw_engine *e, int64_t id)
{
    return aw_transfer_find(e, id) != NULL;
}

static void forget(aw_engine *e, struct aw_transfer *t)
{
    if (t->state == AW_ACTIVE) {
        bool sent = t->begun;
        aw_attempt_abandon(e, t);
        aw_limiter_end(&e->limiter, &t->ticket, sent, aw_now_or_later(e));
    }
    aw_transfer_forget(e, t);
}

void aw_engine_pop(aw_engine *e, const struct aw_result *r)
{
    struct aw_transfer *t = aw_transfer_find(e, r->id);
    if (t && t->state == AW_DONE)
        forget(e, t);
}

bool aw_engine_cancel(aw_engine *e, int64_t id)
{
    struct aw_transfer *t = aw_engine_mine(e) ? aw_transfer_find(e, id) : NULL;
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
    return aw_origin_here(&e->origin);
}
