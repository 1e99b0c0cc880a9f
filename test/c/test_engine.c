/* The engine without Lua, against a server of our own, on a clock of our own: pauses cost no time here. */
#include "../../src/http/engine.h"
#include "../../src/http/request.h"
#include "check.h"
#include "server.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static int port;
static double now = 1000; /* moves with the real time while requests are in flight, else as it is told */

static const char *url(const char *path)
{
    static char text[4][128];
    static int at;
    at = (at + 1) % 4;
    snprintf(text[at], sizeof text[at], "http://127.0.0.1:%d%s", port, path);
    return text[at];
}

static struct aw_options quick(void)
{
    struct aw_options o;
    aw_options_init(&o);
    o.rate_second = o.rate_minute = 0;
    o.seed = 7;
    return o;
}

static aw_engine *engine(const struct aw_options *o)
{
    char why[AW_WHY] = "";
    aw_engine *e = aw_engine_new(o, now, why);
    if (!CHECK(e != NULL)) {
        fprintf(stderr, "    %s\n", why);
        exit(check_report());
    }
    return e;
}

static struct aw_request request(const char *method, const char *where)
{
    return (struct aw_request){.method = method,
                               .method_len = strlen(method),
                               .url = where,
                               .url_len = strlen(where),
                               .retries = AW_RETRY_DEFAULT,
                               .safe = strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0};
}

static int64_t submit(aw_engine *e, const struct aw_request *r)
{
    int64_t id = 0;
    CHECK(aw_engine_submit(e, r, now, &id) == AW_SUBMITTED);
    return id;
}

/* Steps until that one is finished: polls while something is in flight, else moves the clock on. */
static const struct aw_result *await(aw_engine *e, int64_t id)
{
    for (int i = 0; i < 20000; i++) {
        aw_engine_step(e, now);
        const struct aw_result *r = aw_engine_result(e, id);
        if (r)
            return r;
        double timeout = aw_engine_due(e, now);
        if (aw_engine_in_flight(e) > 0) {
            double before = aw_now();
            aw_engine_poll(e, timeout < 0 || timeout > 0.05 ? 0.05 : timeout);
            now += aw_now() - before;
        } else if (timeout >= 0) {
            now += timeout;
        }
    }
    fprintf(stderr, "a request never finishes\n");
    CHECK(false);
    exit(check_report());
}

static const struct aw_result *get(aw_engine *e, const char *path)
{
    struct aw_request r = request("GET", url(path));
    return await(e, submit(e, &r));
}

static const char *header(const struct aw_result *r, const char *name)
{
    static char text[256];
    size_t at = 0;
    struct aw_header h;
    while (aw_result_header(r, &at, &h)) {
        if (strlen(name) == h.name_len && memcmp(name, h.name, h.name_len) == 0) {
            snprintf(text, sizeof text, "%.*s", (int)h.value_len, h.value);
            return text;
        }
    }
    return NULL;
}

/* ---- responses ---- */

static void test_get(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    server_reset();
    const struct aw_result *r = get(e, "/");
    CHECK(r->kind == AW_RESPONSE);
    CHECK(r->status == 200);
    CHECK(r->http_version == 11);
    CHECK(r->attempts == 1 && r->sent && !r->retried);
    CHECK(r->code == NULL);
    CHECK(r->body_len == 5 && memcmp(r->body, "hello", 5) == 0);
    CHECK_STR(header(r, "x-case"), "Kept");
    CHECK_STR(r->url, url("/"));
    CHECK(r->timings.total >= 0 && r->timings.first_byte > 0);
    CHECK(aw_engine_peek(e) == r);
    int64_t id = r->id;
    aw_engine_pop(e, r);
    CHECK(aw_engine_peek(e) == NULL && aw_engine_result(e, id) == NULL);
    struct aw_stats s;
    aw_engine_stats(e, &s);
    CHECK(s.requests == 1 && s.attempts == 1 && s.responses == 1 && s.connections == 1 && s.retries == 0);
    CHECK(s.bytes_sent > 50 && s.bytes_received > 30 && s.in_flight == 0 && s.queued == 0);
    aw_engine_free(e);
}

static void test_one_connection(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    server_reset();
    int good = 0;
    for (int i = 0; i < 1000; i++) {
        const struct aw_result *r = get(e, "/");
        good += r->status == 200;
        aw_engine_pop(e, r);
    }
    CHECK(good == 1000);
    CHECK(server_count("") == 1000);
    CHECK(server_connections() == 1);
    aw_engine_free(e);
}

/* The request line and a part of the rest, as the server got them. */
static void check_request(aw_engine *e, const struct aw_request *r, const char *line, const char *part,
                          const char *absent)
{
    char text[SERVER_TEXT];
    const struct aw_result *result = await(e, submit(e, r));
    CHECK(result->status == 200);
    aw_engine_pop(e, result);
    server_last(text);
    if (!CHECK(strncmp(text, line, strlen(line)) == 0 && strstr(text, part) &&
               (!absent || !strstr(text, absent))))
        fprintf(stderr, "    want \"%s\" and \"%s\", got %s\n", line, part, text);
}

static void test_methods(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    /* In an order that changes a reused handle in all ways. */
    static const char *const methods[] = {"GET",     "POST",   "HEAD", "PUT",    "GET",
                                          "DELETE",  "PATCH",  "HEAD", "GET",    "POST",
                                          "OPTIONS", "DELETE", "HEAD", "DELETE", "POST"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct aw_request r = request(methods[i], url("/echo"));
        char line[64];
        snprintf(line, sizeof line, "%s /echo HTTP/1.1\r\n", methods[i]);
        bool writes = methods[i][0] == 'P';
        check_request(e, &r, line, writes ? "Content-Length: 0\r\n" : "\r\n\r\n",
                      writes ? "Content-Type" : "Content-Length");
        if (writes) {
            r.body = "{\"a\":1}";
            r.body_len = 7;
            check_request(e, &r, line, "Content-Type: application/json\r\n", "Expect");
            check_request(e, &r, line, "\r\n\r\n{\"a\":1}", NULL);
        }
    }
    struct aw_request r = request("DELETE", url("/echo"));
    r.body = "x";
    r.body_len = 1;
    check_request(e, &r, "DELETE /echo", "\r\n\r\nx", NULL);
    aw_engine_free(e);
}

static void test_request_headers(void)
{
    struct aw_options o = quick();
    o.user_agent = "tester/1";
    aw_engine *e = engine(&o);
    struct aw_header headers[] = {
        {"X-One", "a, b", 5, 4}, {"x-empty", "", 7, 0}, {"content-type", "text/plain", 12, 10}};
    struct aw_request r = request("POST", url("/echo"));
    r.headers = headers;
    r.header_count = 3;
    r.token = "secret-token";
    r.token_len = 12;
    r.body = "hi";
    r.body_len = 2;
    check_request(e, &r, "POST /echo", "Authorization: Bearer secret-token\r\n", "application/json");
    check_request(e, &r, "POST /echo", "X-One: a, b\r\n", NULL);
    check_request(e, &r, "POST /echo", "x-empty:\r\n", NULL);
    check_request(e, &r, "POST /echo", "content-type: text/plain\r\n", NULL);
    check_request(e, &r, "POST /echo", "User-Agent: tester/1\r\n", NULL);
    check_request(e, &r, "POST /echo", "Accept-Encoding: gzip, deflate\r\n", NULL);
    /* The next request on the same handle has none of it. */
    r = request("GET", url("/echo"));
    check_request(e, &r, "GET /echo", "User-Agent", "Authorization");
    aw_engine_free(e);
}

static void test_response_headers(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    const struct aw_result *r = get(e, "/interim");
    CHECK(r->status == 200 && r->body_len == 5);
    CHECK_STR(header(r, "x-final"), "yes");
    CHECK(header(r, "x-interim") == NULL && header(r, "link") == NULL);
    CHECK(header(r, "x-trailer") == NULL);
    r = get(e, "/twice");
    size_t at = 0;
    int lists = 0;
    struct aw_header h;
    while (aw_result_header(r, &at, &h))
        lists += h.name_len == 6 && memcmp(h.name, "x-list", 6) == 0 && h.value_len == 1;
    CHECK(lists == 2);
    CHECK_STR(header(r, "x-empty"), "");
    const char *folded = header(r, "x-folded");
    CHECK(folded && strncmp(folded, "one", 3) == 0 && strstr(folded, "two"));
    r = get(e, "/none");
    CHECK(r->status == 204 && r->body_len == 0);
    r = get(e, "/redirect");
    CHECK(r->status == 302);
    CHECK_STR(header(r, "location"), "/echo");
    aw_engine_free(e);
}

static void test_limits(void)
{
    struct aw_options o = quick();
    o.max_body = 50000;
    aw_engine *e = engine(&o);
    const struct aw_result *r = get(e, "/big/50000");
    CHECK(r->kind == AW_RESPONSE && r->body_len == 50000);
    r = get(e, "/big/50001");
    CHECK(r->kind == AW_PROTOCOL && r->status == 0 && r->sent && !r->retryable && r->attempts == 1);
    CHECK_STR(r->code, "body-too-large");
    r = get(e, "/bomb");
    CHECK_STR(r->code, "body-too-large");
    r = get(e, "/headers");
    CHECK(r->kind == AW_PROTOCOL);
    CHECK_STR(r->code, "headers-too-large");
    aw_engine_free(e);
    o.max_body = 200000;
    e = engine(&o);
    r = get(e, "/bomb");
    CHECK(r->kind == AW_RESPONSE && r->body_len == 100000 && r->body[99999] == 0);
    aw_engine_free(e);
}

static void test_broken_responses(void)
{
    struct aw_options o = quick();
    o.retries = 0;
    aw_engine *e = engine(&o);
    const struct aw_result *r = get(e, "/cut");
    CHECK(r->kind == AW_NETWORK && r->status == 0 && r->sent && r->retryable);
    CHECK_STR(r->code, "incomplete");
    for (int i = 0; i < 3; i++) {
        CHECK(get(e, "/")->status == 200);
        r = get(e, "/folded"); /* on the same handle: libcurl 7.88 would read what it has freed */
        CHECK(r->kind == AW_PROTOCOL && r->status == 0);
        CHECK_STR(r->code, "not-http");
    }
    r = get(e, "/garbage");
    CHECK(r->kind == AW_PROTOCOL && r->sent && !r->retryable);
    CHECK_STR(r->code, "not-http");
    aw_engine_free(e);
}

/* ---- what is refused ---- */

static enum aw_submit_error refusal(const struct aw_request *r)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    int64_t id = 0;
    enum aw_submit_error error = aw_engine_submit(e, r, now, &id);
    CHECK(aw_engine_timeout(e, now) == (error ? -1 : 0));
    aw_engine_free(e);
    return error;
}

static enum aw_submit_error url_refusal(const char *text)
{
    struct aw_request r = request("GET", text);
    return refusal(&r);
}

static enum aw_submit_error header_refusal(const char *name, const char *value, size_t value_len)
{
    struct aw_header h = {name, value, strlen(name), value_len};
    struct aw_request r = request("GET", "https://api.awork.com/");
    r.headers = &h;
    r.header_count = 1;
    return refusal(&r);
}

static enum aw_submit_error token_refusal(const char *token, size_t len)
{
    struct aw_request r = request("GET", "https://api.awork.com/");
    r.token = token;
    r.token_len = len;
    return refusal(&r);
}

static void test_refused(void)
{
    CHECK(url_refusal("https://api.awork.com/api/v1/users?page=1&x=%20") == AW_SUBMITTED);
    CHECK(url_refusal("HTTPS://api.awork.com") == AW_SUBMITTED);
    CHECK(url_refusal("http://localhost:8080/x") == AW_SUBMITTED);
    CHECK(url_refusal("http://[::1]:8080") == AW_SUBMITTED);
    CHECK(url_refusal("http://127.1.2.3/") == AW_SUBMITTED);
    static const char *const plain[] = {"http://api.awork.com/", "http://localhost.evil.com/",
                                        "http://127.0.0.1.evil/", "http://[::2]/"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        CHECK(url_refusal(plain[i]) == AW_BAD_SCHEME);
    static const char *const bad[] = {"",
                                      "https://",
                                      "https:///x",
                                      "ftp://localhost/",
                                      "file:///etc/passwd",
                                      "//localhost/",
                                      "http://0x7f000001/",
                                      "http://2130706433/",
                                      "http://127.1/",
                                      "http://0127.0.0.1/",
                                      "http://127.0.0.256/",
                                      "http://localhost:80:80/",
                                      "http://localhost:x/",
                                      "http://[::1]x/",
                                      "http://127.0.0.1.5/",
                                      "http://127.0.00.1/",
                                      "https://user:pw@api.awork.com/",
                                      "https://api.awork.com@evil.com/",
                                      "http://localhost\\@evil.com/",
                                      "https://api.awork.com/a b",
                                      "https://api.awork.com/\r\nX: y",
                                      "https://api.awork.com/\x7f",
                                      "https://api.awork.com/\xc3\xbc"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(url_refusal(bad[i]) == AW_BAD_URL);
    struct aw_request nul = request("GET", "https://api.awork.com/");
    nul.url = "https://api.awork.com/\0x";
    nul.url_len = 24;
    CHECK(refusal(&nul) == AW_BAD_URL);

    CHECK(header_refusal("X", "fine \t \xc3\xbc", 9) == AW_SUBMITTED);
    CHECK(header_refusal("X", "a\r\nEvil: b", 10) == AW_BAD_HEADER);
    CHECK(header_refusal("X", "a\nb", 3) == AW_BAD_HEADER);
    CHECK(header_refusal("X", "a\0b", 3) == AW_BAD_HEADER);
    CHECK(header_refusal("", "a", 1) == AW_BAD_HEADER);
    CHECK(header_refusal("X Y", "a", 1) == AW_BAD_HEADER);
    CHECK(header_refusal("X:", "a", 1) == AW_BAD_HEADER);
    CHECK(header_refusal("Content-Length", "5", 1) == AW_BAD_HEADER);
    CHECK(header_refusal("transfer-encoding", "chunked", 7) == AW_BAD_HEADER);
    CHECK(header_refusal("HOST", "evil", 4) == AW_BAD_HEADER);
    CHECK(token_refusal("abc.DEF-123_~+/=", 16) == AW_SUBMITTED);
    CHECK(token_refusal("", 0) == AW_BAD_TOKEN);
    CHECK(token_refusal("a b", 3) == AW_BAD_TOKEN);
    CHECK(token_refusal("a\r\n", 3) == AW_BAD_TOKEN);
    CHECK(token_refusal("a\0", 2) == AW_BAD_TOKEN);

    static const char *const methods[] = {"", "get", "TRACE", "CONNECT", "GET ", "GET\r\n", "G"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct aw_request r = request(methods[i], "https://api.awork.com/");
        CHECK(refusal(&r) == AW_BAD_METHOD);
    }
    struct aw_request r = request("GET", "https://api.awork.com/");
    r.body = "x";
    r.body_len = 1;
    CHECK(refusal(&r) == AW_BAD_BODY);
    char *many = malloc(100000);
    memset(many, 'x', 100000);
    CHECK(header_refusal("X", many, 100000) == AW_TOO_LARGE);
    CHECK(token_refusal(many, 100000) == AW_TOO_LARGE);
    free(many);
    for (int i = AW_SUBMITTED + 1; i < AW_SUBMIT_ERROR_COUNT; i++)
        CHECK(strlen(aw_submit_message((enum aw_submit_error)i)) > 10);
}

/* ---- retries ---- */

static void test_retries(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    server_reset();
    const struct aw_result *r = get(e, "/flaky/2");
    CHECK(r->status == 200 && r->attempts == 3 && r->timings.wait > 0);
    CHECK(server_count("/flaky/2") == 3);
    r = get(e, "/flaky/3");
    CHECK(r->kind == AW_RESPONSE && r->status == 503 && r->attempts == 3 && r->retryable);
    r = get(e, "/status/400");
    CHECK(r->status == 400 && r->attempts == 1 && !r->retryable);
    /* A POST that was answered 503 may have taken effect: the caller's to decide. */
    struct aw_request post = request("POST", url("/flaky/1"));
    r = await(e, submit(e, &post));
    CHECK(r->status == 503 && r->attempts == 1 && r->retryable && server_count("/flaky/1") == 1);
    struct aw_request once = request("GET", url("/flaky/4"));
    once.retries = AW_RETRY_NEVER;
    CHECK(await(e, submit(e, &once))->attempts == 1);
    once.retries = 4;
    CHECK(await(e, submit(e, &once))->status == 200);
    /* A DELETE whose first answer was lost. */
    struct aw_request gone = request("DELETE", url("/delete/1"));
    r = await(e, submit(e, &gone));
    CHECK(r->status == 404 && r->retried && r->attempts == 2);
    aw_engine_free(e);
}

static void test_unreachable(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    struct aw_request r = request("POST", "http://127.0.0.1:1/x");
    const struct aw_result *result = await(e, submit(e, &r));
    CHECK(result->kind == AW_NETWORK && !result->sent && result->retryable && result->attempts == 3);
    CHECK_STR(result->code, "connect");
    CHECK(strlen(result->message) > 10);
    CHECK(result->timings.wait > 0 && result->timings.wait < 1.5); /* backoffs below 0.5 and 1 second */
    r.timeout = 0.001;
    result = await(e, submit(e, &r));
    CHECK(result->attempts == 1); /* no backoff fits into the deadline */
    aw_engine_free(e);
}

static void test_quota(void)
{
    struct aw_options o = quick();
    o.retries = 100;
    o.timeout = 1e6;
    aw_engine *e = engine(&o);
    struct aw_request r = request("GET", "http://127.0.0.1:1/x");
    CHECK(await(e, submit(e, &r))->attempts == 101);
    CHECK(await(e, submit(e, &r))->attempts == 1); /* the quota is empty: no storm */
    aw_engine_free(e);
}

/* Submits, waits until the server holds its n-th request of that path, and lets `seconds` pass. */
static const struct aw_result *outlast(aw_engine *e, const struct aw_request *r, const char *path, int n,
                                       double seconds)
{
    int64_t id = submit(e, r);
    for (int i = 0; i < 2000 && server_count(path) < n; i++) {
        aw_engine_step(e, now);
        aw_engine_poll(e, 0.01);
    }
    CHECK(server_count(path) == n);
    now += seconds;
    return await(e, id);
}

static void test_deadlines(void)
{
    struct aw_options o = quick();
    o.timeout = 100;
    aw_engine *e = engine(&o);
    server_reset();
    struct aw_request get_held = request("GET", url("/hold")), get_once = request("GET", url("/hold/1"));
    const struct aw_result *r = outlast(e, &get_held, "/hold", 1, 100);
    CHECK(r->kind == AW_TIMEOUT && r->sent && r->retryable && r->attempts == 1);
    CHECK_STR(r->code, "timeout");
    get_held.timeout = 50;
    r = outlast(e, &get_held, "/hold", 2, 50);
    CHECK(r->kind == AW_TIMEOUT && r->attempts == 1);
    aw_engine_free(e);

    o.attempt_timeout = 40;
    e = engine(&o);
    server_reset();
    r = outlast(e, &get_once, "/hold/1", 1, 40);
    CHECK(r->status == 200 && r->attempts == 2);
    struct aw_request post = request("POST", url("/hold/2"));
    r = outlast(e, &post, "/hold/2", 1, 40);
    CHECK(r->kind == AW_TIMEOUT && r->sent && r->attempts == 1);
    aw_engine_free(e);
}

/*
 * libcurl sends a request again by itself when a reused connection dies before an answer. The server may have
 * read it: a POST must not arrive twice.
 */
static void test_never_twice(void)
{
    static const char *const ways[] = {"/unread", "/reset"};
    for (int way = 0; way < 2; way++) {
        struct aw_options o = quick();
        aw_engine *e = engine(&o);
        char path[32];
        server_reset();
        CHECK(get(e, "/")->status == 200); /* the connection to be reused */
        snprintf(path, sizeof path, "%s/1", ways[way]);
        struct aw_request post = request("POST", url(path));
        post.body = "{}";
        post.body_len = 2;
        const struct aw_result *r = await(e, submit(e, &post));
        CHECK(r->kind == AW_NETWORK && r->sent && r->retryable && r->attempts == 1);
        CHECK(server_count(path) == 1);
        /* A GET is repeated, by the engine, on a fresh connection and without a backoff. */
        CHECK(get(e, "/")->status == 200);
        snprintf(path, sizeof path, "%s/2", ways[way]);
        struct aw_request again = request("GET", url(path));
        again.retries = 1;
        r = await(e, submit(e, &again));
        CHECK(r->status == 200 && r->attempts == 3 && r->retried && server_count(path) == 3);
        struct aw_stats s;
        aw_engine_stats(e, &s);
        CHECK(s.retries == 2 && s.backoff_seconds < 0.5); /* one backoff, for the fresh connection */
        aw_engine_free(e);
    }
}

/* ---- the rate limit ---- */

static void test_429(void)
{
    struct aw_options o = quick();
    o.events = true;
    aw_engine *e = engine(&o);
    server_reset();
    /* A POST too: what was refused has not taken effect. */
    struct aw_request post = request("POST", url("/limited/2"));
    post.retries = 0;
    post.timeout = 5; /* the pauses are not in it */
    double start = now;
    const struct aw_result *r = await(e, submit(e, &post));
    CHECK(r->status == 200 && r->attempts == 3);
    CHECK(now - start >= 14);
    CHECK(r->timings.wait >= 14 && r->timings.wait < 15);
    int pauses = 0;
    const struct aw_event *event;
    for (size_t i = 0; (event = aw_engine_event(e, i)) != NULL; i++)
        pauses += event->kind == AW_EVENT_PAUSE && event->delay > 6.9;
    CHECK(pauses == 2);
    struct aw_stats s;
    aw_engine_stats(e, &s);
    CHECK(s.rate_limited == 2 && s.wait_seconds >= 14 && s.waits == 2);
    aw_engine_free(e);
}

/* One request's 429 stops all of the engine. */
static void test_429_pauses_all(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    server_reset();
    struct aw_request limited = request("GET", url("/limited/1")), other = request("GET", url("/"));
    int64_t first = submit(e, &limited);
    for (int i = 0; i < 20000 && server_count("/limited") == 0; i++) {
        aw_engine_step(e, now);
        aw_engine_poll(e, 0.01);
    }
    while (aw_engine_in_flight(e) > 0) {
        aw_engine_poll(e, 0.01);
        aw_engine_step(e, now);
    }
    int64_t second = submit(e, &other);
    aw_engine_step(e, now);
    CHECK(aw_engine_in_flight(e) == 0);
    double timeout = aw_engine_timeout(e, now);
    CHECK(timeout > 6 && timeout <= 7);
    CHECK(await(e, second)->status == 200);
    CHECK(await(e, first)->status == 200);
    aw_engine_free(e);
}

static void test_max_wait(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    struct aw_request r = request("GET", url("/limited-long")), later = request("GET", url("/"));
    double start = now;
    int64_t id = submit(e, &r);
    const struct aw_result *result = await(e, id);
    CHECK(result->kind == AW_RATE_LIMIT && result->status == 429 && result->attempts == 1);
    CHECK(!result->sent && result->retryable);
    CHECK_STR(result->code, "rate-limit");
    CHECK(result->body_len == 4 && header(result, "retry-after") != NULL);
    double at = result->retry_at - (double)time(NULL);
    CHECK(at > 490 && at < 510);
    /* The wait is known to be too long: no second of it is waited. */
    result = await(e, submit(e, &later));
    CHECK(result->kind == AW_RATE_LIMIT && result->status == 0 && result->attempts == 0 && !result->sent);
    CHECK(now - start < 60);
    now += 500;
    CHECK(await(e, submit(e, &later))->status == 200);
    /* retry=false: not even a short pause is waited for. */
    struct aw_request once = request("GET", url("/limited/3"));
    once.retries = AW_RETRY_NEVER;
    server_reset();
    result = await(e, submit(e, &once));
    CHECK(result->kind == AW_RATE_LIMIT && server_count("/limited/3") == 1);
    aw_engine_free(e);
}

static void test_own_limit(void)
{
    struct aw_options o = quick();
    o.rate_second = 5;
    o.rate_minute = 12;
    aw_engine *e = engine(&o);
    double start = now;
    int64_t last = 0;
    for (int i = 0; i < 12; i++) {
        struct aw_request r = request("GET", url("/"));
        last = submit(e, &r);
    }
    CHECK(await(e, last)->status == 200);
    CHECK(now - start >= 2 && now - start < 6); /* 5, 5 and 2 */
    const struct aw_result *r = get(e, "/");
    CHECK(r->status == 200 && r->timings.wait > 55);
    CHECK(now - start >= 60 && now - start < 66);
    aw_engine_free(e);
}

/* ---- the loop ---- */

static void test_many(void)
{
    struct aw_options o = quick();
    o.max_connections = 8;
    aw_engine *e = engine(&o);
    server_reset();
    int good = 0;
    size_t most = 0;
    bool exact = true; /* a step tells how many results wait */
    for (int i = 0; i < 300; i++) {
        struct aw_request r = request(i % 3 ? "GET" : "POST", url("/echo"));
        submit(e, &r);
    }
    for (int i = 0; i < 100000 && good < 300; i++) {
        size_t n = aw_engine_step(e, now);
        const struct aw_result *r;
        most = aw_engine_in_flight(e) > most ? aw_engine_in_flight(e) : most;
        for (; (r = aw_engine_peek(e)) != NULL; n--) {
            good += r->status == 200;
            aw_engine_pop(e, r);
        }
        exact = exact && n == 0;
        aw_engine_poll(e, 0.05);
    }
    CHECK(most == 8 && exact);
    CHECK(good == 300 && server_connections() <= 8);
    CHECK(aw_engine_timeout(e, now) < 0);
    aw_engine_free(e);
}

/* A host polls what the engine names, for as long as it says. */
static void test_foreign_loop(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    for (int i = 0; i < 20; i++) {
        struct aw_request r = request("GET", url("/"));
        submit(e, &r);
    }
    size_t done = 0;
    bool good = true;
    for (int i = 0; i < 10000 && done < 20; i++) {
        struct aw_socket sockets[64];
        struct pollfd fds[64];
        aw_engine_step(e, aw_now());
        for (const struct aw_result *r; (r = aw_engine_peek(e)) != NULL; done++) {
            good = good && r->status == 200;
            aw_engine_pop(e, r); /* while one waits, there is no time to poll */
        }
        size_t n = aw_engine_sockets(e, sockets, 64);
        bool watches = n >= 1 && n <= 64;
        for (size_t k = 0; k < n; k++) {
            watches = watches && (sockets[k].read || sockets[k].write);
            int events = (sockets[k].read ? POLLIN : 0) | (sockets[k].write ? POLLOUT : 0);
            fds[k] = (struct pollfd){.fd = sockets[k].fd, .events = (short)events};
        }
        good = good && watches;
        double timeout = aw_engine_timeout(e, aw_now());
        poll(fds, (nfds_t)n, timeout < 0 ? 1000 : (int)ceil(timeout * 1000));
    }
    CHECK(done == 20 && good);
    aw_engine_free(e);
}

static void test_sleep(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    int64_t ids[4];
    static const double seconds[] = {3, 1, 2, 0};
    for (int i = 0; i < 4; i++)
        CHECK(aw_engine_sleep(e, seconds[i], now, &ids[i]) == AW_SUBMITTED);
    double start = now;
    CHECK(aw_engine_step(e, now) == 1 && aw_engine_peek(e)->id == ids[3]);
    aw_engine_pop(e, aw_engine_peek(e));
    double timeout = aw_engine_timeout(e, now);
    CHECK(timeout > 0.99 && timeout < 1.01);
    CHECK(aw_engine_step(e, start + 0.99) == 0);
    now = start + 2.01;
    CHECK(aw_engine_step(e, now) == 2);
    const struct aw_result *r = aw_engine_peek(e);
    CHECK(r->id == ids[1] && r->kind == AW_SLEPT && r->slept == 1);
    CHECK(aw_engine_cancel(e, ids[0]));
    CHECK(!aw_engine_cancel(e, ids[0]));
    aw_engine_free(e);
}

/* Many timers in no order come back in order, some cancelled meanwhile. */
static void test_timers(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    enum { N = 500 };
    int64_t ids[N];
    double start = now;
    for (int i = 0; i < N; i++)
        CHECK(aw_engine_sleep(e, (double)(i * 7919 % N), start, &ids[i]) == AW_SUBMITTED);
    for (int i = 0; i < N; i += 3)
        CHECK(aw_engine_cancel(e, ids[i]));
    double before = -1;
    int count = 0;
    for (int t = 0; t <= N; t++) {
        aw_engine_step(e, start + t + 0.001);
        for (const struct aw_result *r; (r = aw_engine_peek(e)) != NULL; count++) {
            CHECK(r->slept >= before && r->slept <= t + 0.001);
            before = r->slept;
            aw_engine_pop(e, r);
        }
    }
    CHECK(count == N - (N + 2) / 3);
    CHECK(aw_engine_timeout(e, start) < 0);
    aw_engine_free(e);
}

static void test_cancel(void)
{
    struct aw_options o = quick();
    o.max_connections = 2;
    aw_engine *e = engine(&o);
    int64_t ids[4];
    server_reset();
    for (int i = 0; i < 4; i++) {
        struct aw_request r = request("GET", url("/hold"));
        ids[i] = submit(e, &r);
    }
    for (int i = 0; i < 2000 && server_count("/hold") < 2; i++) {
        aw_engine_step(e, now);
        aw_engine_poll(e, 0.01);
    }
    CHECK(aw_engine_in_flight(e) == 2);
    CHECK(aw_engine_cancel(e, ids[0]) && aw_engine_cancel(e, ids[3]));
    CHECK(!aw_engine_cancel(e, ids[0]) && !aw_engine_cancel(e, 0) && !aw_engine_cancel(e, -1) &&
          !aw_engine_cancel(e, 12345));
    aw_engine_step(e, now);
    CHECK(aw_engine_in_flight(e) == 2); /* the third took the place */
    CHECK(aw_engine_cancel(e, ids[1]) && aw_engine_cancel(e, ids[2]));
    CHECK(aw_engine_step(e, now) == 0 && aw_engine_timeout(e, now) < 0);
    /* A finished one, and one in its backoff. */
    struct aw_request r = request("GET", url("/"));
    int64_t done = submit(e, &r);
    await(e, done);
    CHECK(aw_engine_cancel(e, done) && aw_engine_peek(e) == NULL);
    r = request("GET", url("/status/503"));
    int64_t delayed = submit(e, &r);
    struct aw_stats s = {0};
    for (int i = 0; i < 2000 && s.retries == 0; i++) {
        aw_engine_step(e, now);
        aw_engine_poll(e, 0.01);
        aw_engine_stats(e, &s);
    }
    CHECK(aw_engine_cancel(e, delayed));
    CHECK(aw_engine_timeout(e, now) < 0);
    aw_engine_stats(e, &s);
    CHECK(s.cancelled == 5);
    CHECK(get(e, "/")->status == 200); /* all is still well */
    aw_engine_free(e);
}

/* Freed with something in each state; the leak checkers see the rest. */
static void test_free_midway(void)
{
    struct aw_options o = quick();
    o.max_connections = 3;
    o.events = true;
    aw_engine *e = engine(&o);
    int64_t id;
    server_reset();
    struct aw_request r = request("GET", url("/"));
    await(e, submit(e, &r));
    r = request("GET", url("/status/503"));
    submit(e, &r);
    r = request("GET", url("/hold"));
    r.token = "t";
    r.token_len = 1;
    for (int i = 0; i < 6; i++)
        submit(e, &r);
    CHECK(aw_engine_sleep(e, 100, now, &id) == AW_SUBMITTED);
    struct aw_stats s = {0};
    for (int i = 0; i < 2000 && (server_count("/hold") < 2 || s.retries == 0); i++) {
        aw_engine_step(e, now);
        aw_engine_poll(e, 0.01);
        aw_engine_stats(e, &s);
    }
    CHECK(s.retries == 1 && s.in_flight == 3 && s.queued == 3);
    aw_engine_free(e);
    aw_engine_free(NULL);
}

static void *wake_later(void *user)
{
    struct timespec pause = {0, 50 * 1000 * 1000};
    nanosleep(&pause, NULL);
    aw_engine_wakeup(user);
    return NULL;
}

static void test_wakeup(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    pthread_t thread;
    double start = aw_now();
    CHECK(pthread_create(&thread, NULL, wake_later, e) == 0);
    aw_engine_poll(e, 20);
    CHECK(aw_now() - start < 10);
    pthread_join(thread, NULL);
    aw_engine_step(e, now);
    /* Many at once wake once; the next poll waits again. */
    for (int i = 0; i < 100000; i++)
        aw_engine_wakeup(e);
    start = aw_now();
    aw_engine_poll(e, 20);
    CHECK(aw_now() - start < 10);
    aw_engine_step(e, now);
    start = aw_now();
    aw_engine_poll(e, 0.05);
    CHECK(aw_now() - start >= 0.05);
    aw_engine_free(e);
}

static void test_events(void)
{
    struct aw_options o = quick();
    o.events = true;
    aw_engine *e = engine(&o);
    server_reset();
    get(e, "/flaky/1");
    static const enum aw_event_kind kinds[] = {AW_EVENT_ATTEMPT, AW_EVENT_RESPONSE, AW_EVENT_RETRY,
                                               AW_EVENT_ATTEMPT, AW_EVENT_RESPONSE};
    for (size_t i = 0; i < 5; i++) {
        const struct aw_event *event = aw_engine_event(e, i);
        CHECK(event && event->kind == kinds[i] && event->id > 0 && event->attempt == (i < 3 ? 1 : 2));
        CHECK_STR(event->method, "GET");
        CHECK_STR(event->url, url("/flaky/1"));
    }
    CHECK(aw_engine_event(e, 1)->status == 503 && aw_engine_event(e, 4)->status == 200);
    CHECK_STR(aw_engine_event(e, 2)->reason, "status");
    CHECK(aw_engine_event(e, 5) == NULL);
    aw_engine_drop_events(e, 4);
    CHECK(aw_engine_event(e, 0)->status == 200 && aw_engine_event(e, 1) == NULL);
    /* Nobody asks: the oldest are lost, and counted. */
    for (int i = 0; i < 600; i++)
        aw_engine_pop(e, get(e, "/"));
    size_t n = 0;
    while (aw_engine_event(e, n))
        n++;
    struct aw_stats s;
    aw_engine_stats(e, &s);
    CHECK(n == 1024 && s.events_lost == 1 + 1200 - 1024);
    aw_engine_drop_events(e, 5000);
    CHECK(aw_engine_event(e, 0) == NULL);
    aw_engine_free(e);
}

/* A child that inherits the engine can't use it, and its end leaves the parent's connection alone. */
static void test_fork(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    server_reset();
    CHECK(get(e, "/")->status == 200);
    pid_t child = fork();
    if (child == 0) {
        struct aw_request r = request("GET", url("/"));
        int64_t id;
        bool good = !aw_engine_mine(e) && aw_engine_submit(e, &r, now, &id) == AW_FOREIGN &&
                    aw_engine_sleep(e, 1, now, &id) == AW_FOREIGN && aw_engine_step(e, now) == 0;
        aw_engine_free(e);
        _exit(good ? 0 : 1);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(get(e, "/")->status == 200);
    CHECK(server_connections() == 1);
    /* Also with a request in flight. */
    struct aw_request r = request("GET", url("/hold/1"));
    int64_t id = submit(e, &r);
    for (int i = 0; i < 2000 && server_count("/hold/1") < 1; i++) {
        aw_engine_step(e, now);
        aw_engine_poll(e, 0.01);
    }
    child = fork();
    if (child == 0) {
        aw_engine_free(e);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    aw_engine_step(e, now);
    CHECK(aw_engine_in_flight(e) == 1);
    CHECK(aw_engine_cancel(e, id));
    aw_engine_free(e);
}

static void test_ids(void)
{
    struct aw_options o = quick();
    aw_engine *e = engine(&o);
    int64_t first = 0, second = 0;
    CHECK(aw_engine_sleep(e, 0, now, &first) == AW_SUBMITTED && first > 0);
    aw_engine_step(e, now);
    aw_engine_pop(e, aw_engine_peek(e));
    CHECK(aw_engine_sleep(e, 0, now, &second) == AW_SUBMITTED && second > 0);
    CHECK(first != second); /* the place is used again, the id is not */
    CHECK(aw_engine_result(e, first) == NULL && !aw_engine_cancel(e, first));
    aw_engine_free(e);
}

static int open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

int main(void)
{
    int files = open_files();
    signal(SIGPIPE, SIG_DFL); /* a write into a dead connection must not end a host */
    port = server_start();
    test_get();
    test_one_connection();
    test_methods();
    test_request_headers();
    test_response_headers();
    test_limits();
    test_broken_responses();
    test_refused();
    test_retries();
    test_unreachable();
    test_quota();
    test_deadlines();
    test_never_twice();
    test_429();
    test_429_pauses_all();
    test_max_wait();
    test_own_limit();
    test_many();
    test_foreign_loop();
    test_sleep();
    test_timers();
    test_cancel();
    test_free_midway();
    test_wakeup();
    test_events();
    test_fork();
    test_ids();
    server_stop();
    CHECK(open_files() == files);
    return check_report();
}
