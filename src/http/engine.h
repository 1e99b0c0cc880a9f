/*
 * The HTTP engine: one curl multi handle, a queue, a rate limiter, deadlines and retries.
 *
 * It knows no Lua, and it takes the time as a parameter (`now`, monotonic seconds: one that is less than the last step's
 * counts as that), so that a test can run it on a virtual clock. One engine belongs to one thread; aw_engine_wakeup alone may be called from
 * another. Nothing here blocks but aw_engine_poll.
 *
 * The life of a request: aw_engine_submit copies it into the queue; aw_engine_step moves everything on;
 * what is finished waits at aw_engine_peek until aw_engine_pop.
 */
#ifndef AW_ENGINE_H
#define AW_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* What awork.h, the public header, offers to C hosts too. */
#if defined(__GNUC__)
#define AW_API __attribute__((visibility("default")))
#else
#define AW_API
#endif

typedef struct aw_engine aw_engine;
struct aw_secret;

/* What a request ended as. AW_RESPONSE: a server answered, whatever its status. */
#define AW_KINDS(X)                                                                                          \
    X(AW_RESPONSE, "response")                                                                               \
    X(AW_SLEPT, "slept")                                                                                     \
    X(AW_NETWORK, "network")                                                                                 \
    X(AW_TIMEOUT, "timeout")                                                                                 \
    X(AW_TLS, "tls")                                                                                         \
    X(AW_PROTOCOL, "protocol")                                                                               \
    X(AW_RATE_LIMIT, "rate_limit")

#define AW_KIND_ENUM(id, name) id,
enum aw_kind { AW_KINDS(AW_KIND_ENUM) AW_KIND_COUNT };
#undef AW_KIND_ENUM

const char *aw_kind_name(enum aw_kind kind);

/* Why aw_engine_submit refused a request; 0 is none. */
#define AW_SUBMIT_ERRORS(X)                                                                                  \
    X(AW_BAD_METHOD, "method must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS")                        \
    X(AW_BAD_URL,                                                                                            \
      "url must be an absolute https:// URL in visible ASCII, with a host that can be none other")           \
    X(AW_BAD_SCHEME, "plain http:// is for loopback hosts alone (set allow_http to send elsewhere)")         \
    X(AW_BAD_HEADER, "a header needs a token as name and no control characters; framing is the engine's")    \
    X(AW_BAD_TOKEN, "the token must be of letters, digits and - . _ ~ + / =")                                \
    X(AW_NO_TOKEN, "the engine has no token")                                                                \
    X(AW_OFF_BASE, "the token is for URLs below base_url alone")                                             \
    X(AW_BAD_BODY, "a GET or HEAD request has no body")                                                      \
    X(AW_TOO_LARGE, "the request's URL and headers exceed 64 KiB")                                           \
    X(AW_NO_MEMORY, "not enough memory")                                                                     \
    X(AW_FOREIGN, "the engine belongs to another process")

#define AW_SUBMIT_ENUM(id, text) id,
enum aw_submit_error { AW_SUBMITTED, AW_SUBMIT_ERRORS(AW_SUBMIT_ENUM) AW_SUBMIT_ERROR_COUNT };
#undef AW_SUBMIT_ENUM

/* One sentence for a refusal; never contains anything of the request. */
const char *aw_submit_message(enum aw_submit_error error);

/*
 * Of an id the lower bits are a place: a number from 1 on, as small as what is unfinished allows, which nothing else has
 * at the time. Above them is counted how often the place was used.
 */
enum { AW_PLACE_BITS = 24, AW_PLACE_MASK = (1 << AW_PLACE_BITS) - 1 };

struct aw_options {
    double connect_timeout; /* seconds for name, TCP and TLS; 5 */
    double timeout;         /* seconds for a request over all attempts and backoffs; 30 */
    double attempt_timeout; /* seconds for one attempt; 0: bounded by `timeout` alone */
    double max_wait;        /* seconds a request may wait for the rate limit; 120 */
    size_t max_connections; /* requests in flight at once, with HTTP/1.1 so many connections; 16 */
    size_t max_body;        /* bytes of a response body, after decompression; 16 MiB */
    size_t max_header;      /* bytes of all response headers, interim ones and trailers too; 64 KiB */
    int retries;            /* attempts after the first; 2 */
    int rate_second;        /* requests in any second, 0: no limit; 50 */
    int rate_minute;        /* requests in any minute, 0: no limit; 1000 */
    bool rate_explicit;     /* the caller chose the rates: don't adopt a plan's higher ones */
    double reserve;         /* share of both rates left to others, 0 to below 1; 0 */
    bool allow_http;        /* plain http to any host */
    bool http2;             /* offer HTTP/2 over TLS; true */
    bool events;            /* keep events for aw_engine_event */
    const char *ca_file;    /* PEM bundle instead of the system's; NULL */
    const char *ca_path;    /* directory of hashed certificates instead of the system's; NULL */
    const char *proxy;      /* NULL: https_proxy and no_proxy of the environment; "": none; else the proxy */
    const char *no_proxy;   /* hosts that need no proxy, comma separated; NULL: as the environment says */
    const char *base_url;   /* the token goes to URLs below this one alone; NULL: there is no such token */
    const char *user_agent; /* NULL: "awork-lua/VERSION" */
    uint64_t seed;          /* of the jitter; 0: from the system */
};

/* The defaults above. */
void aw_options_init(struct aw_options *options);

struct aw_header {
    const char *name, *value;
    size_t name_len, value_len;
};

enum { AW_RETRY_DEFAULT = -1, AW_RETRY_NEVER = -2 };

/* All strings are copied by aw_engine_submit. */
struct aw_request {
    const char *method, *url, *body; /* body NULL: none */
    const char *token; /* one for this request alone; NULL: none. Whoever has one gives it to the engine */
    size_t method_len, url_len, body_len, token_len;
    const struct aw_header *headers;
    size_t header_count;
    double timeout;      /* seconds; 0: the engine's */
    double start_within; /* seconds in which it must be sent, or not at all; 0: max_wait alone counts */
    int retries;         /* AW_RETRY_DEFAULT, a count, or AW_RETRY_NEVER: not even after a 429 */
    bool auth;           /* with the engine's token */
    bool safe; /* may be sent again although it may have taken effect (GET, PUT, DELETE; not POST) */
    int brief; /* nothing to the engine: whoever reads the result finds it there again */
};

/* Seconds. `queue`: for a connection; `wait`: for the rate limit and backoff. The rest is the last attempt's.
 */
struct aw_timings {
    double queue, wait, connect, tls, first_byte, total;
};

/*
 * What became of a request. The engine's token is in no header, body or message: should a server send it back, it is
 * taken out before anyone reads it. (One of less than 12 bytes stays in answers of status 2xx: it may be part of the data.) `status` is 0 when no response came (a 429 that would have outlasted max_wait is
 * AW_RATE_LIMIT with its status, headers and body).
 *
 * `sent` says that the request may have reached the server and taken effect; false is a promise that it has
 * not. `retried` says that an earlier attempt may have taken effect: a DELETE answered 404 is then a success.
 */
struct aw_result {
    int64_t id;
    enum aw_kind kind;
    int status;
    int http_version; /* 10, 11, 20, 30; 0: none */
    int attempts;     /* requests sent or tried */
    bool sent, retried;
    bool retryable;      /* trying again later may help */
    double retry_at;     /* epoch seconds, AW_RATE_LIMIT only */
    int brief;           /* as in the request */
    uint64_t token;      /* generation of the engine's token that went with it; 0: none */
    double slept;        /* AW_SLEPT only */
    const char *code;    /* a short stable name of the failure, NULL with AW_RESPONSE */
    const char *message; /* one line */
    const char *url;
    const char *body;
    size_t body_len;
    const char *content_type; /* the header's value; NULL when there is none, or no response */
    size_t content_type_len;
    struct aw_timings timings;
};

struct aw_stats {
    uint64_t requests;     /* submitted */
    uint64_t attempts;     /* given to libcurl */
    uint64_t responses;    /* attempts that got one */
    uint64_t retries;      /* attempts after a backoff or for a lost connection */
    uint64_t rate_limited; /* responses 429 */
    uint64_t failures;     /* finished without a response */
    uint64_t cancelled;
    uint64_t waits;      /* requests that had to wait for the rate limit */
    double wait_seconds; /* the sum of it */
    double backoff_seconds;
    uint64_t bytes_sent, bytes_received;
    uint64_t connections; /* opened */
    double queue_seconds, connect_seconds, tls_seconds, first_byte_seconds, total_seconds;
    uint64_t in_flight, queued; /* now */
    uint64_t events_lost;
};

enum aw_event_kind { AW_EVENT_ATTEMPT, AW_EVENT_RESPONSE, AW_EVENT_RETRY, AW_EVENT_PAUSE };

struct aw_event {
    enum aw_event_kind kind;
    int64_t id;         /* 0: of the engine as a whole */
    int attempt;        /* from 1 */
    int status;         /* 0: none */
    double time;        /* the engine's clock */
    double delay;       /* seconds, of a retry or pause */
    const char *reason; /* NULL, or a code: "status-503", "connect", "rate-limit" … */
    const char *method; /* NULL for a pause */
    const char *url;
};

#ifndef AW_SOCKET /* awork.h, the public header, says the same */
#define AW_SOCKET
struct aw_socket {
    int fd;
    bool read, write; /* what to wait for */
};
#endif

/*
 * A new engine, or NULL with one line in `why` (of at least AW_WHY bytes): no memory, libcurl could not
 * start, or an option libcurl refuses.
 */
enum { AW_WHY = 256 };
aw_engine *aw_engine_new(const struct aw_options *options, double now, char *why);

/* The proxy that an engine takes when its options name none: https_proxy of the environment; "": none. */
const char *aw_engine_environment_proxy(void);

/* Cancels everything and frees it. In a child process the parent's connections are left alone. NULL is fine.
 */
void aw_engine_free(aw_engine *e);

/*
 * The token of all requests to come that ask for it (`auth`). Copied, and wiped when another one or none (NULL) takes its
 * place and no request needs it any more. Its generation counts tokens from 1: the same as before if it is the same token.
 */
enum aw_submit_error aw_engine_set_token(aw_engine *e, const char *token, size_t len, uint64_t *generation);

/* That token, for who takes it out of a text; NULL: none. Whoever keeps it counts as a user of it. */
struct aw_secret *aw_engine_token(const aw_engine *e);

/* Queues a copy of the request and gives its id (from 1), or says what is wrong with it. */
enum aw_submit_error aw_engine_submit(aw_engine *e, const struct aw_request *r, double now, int64_t *id);

/* A timer that finishes like a request, after `seconds`. */
enum aw_submit_error aw_engine_sleep(aw_engine *e, double seconds, double now, int64_t *id);

/* Moves everything on without blocking; the count of results that wait. */
size_t aw_engine_step(aw_engine *e, double now);

/* Blocks until a socket of the engine is ready, aw_engine_wakeup was called, or `seconds` have passed. */
void aw_engine_poll(aw_engine *e, double seconds);

/*
 * Seconds until the engine needs a step though no socket is ready: 0 at once (results wait, for one),
 * negative: nothing pending.
 */
AW_API double aw_engine_timeout(const aw_engine *e, double now);

/* The same for who waits for one request and leaves other results where they are. */
double aw_engine_due(const aw_engine *e, double now);

/* The sockets to watch, up to n of them in `out`; the count of all. One of them is the wakeup's. */
AW_API size_t aw_engine_sockets(const aw_engine *e, struct aw_socket *out, size_t n);

/* The oldest finished request, or NULL. Stays valid until aw_engine_pop or aw_engine_free. */
const struct aw_result *aw_engine_peek(const aw_engine *e);

/* The finished request with this id, or NULL when it is not finished or unknown. */
const struct aw_result *aw_engine_result(const aw_engine *e, int64_t id);

/* True while the engine has something with this id, whatever its state. */
bool aw_engine_knows(const aw_engine *e, int64_t id);

/* Iterates over the headers of a result's final response, names in lower case: start with *at = 0. */
bool aw_result_header(const struct aw_result *r, size_t *at, struct aw_header *out);

/* Forgets a finished request. */
void aw_engine_pop(aw_engine *e, const struct aw_result *r);

/* Forgets a request wherever it is; false when the id is unknown. Its result will not come. */
bool aw_engine_cancel(aw_engine *e, int64_t id);

/* Makes a poll that runs, or the next one, return at once. Safe from any thread and from signal handlers. */
AW_API void aw_engine_wakeup(aw_engine *e);

/* The next number for the jitter, in [0,1): instead of the engine's own source, until used. */
void aw_engine_feed_random(aw_engine *e, double r);

void aw_engine_stats(const aw_engine *e, struct aw_stats *out);

/* The n-th oldest event that was not dropped, from 0, or NULL. */
const struct aw_event *aw_engine_event(const aw_engine *e, size_t n);

/* Forgets the n oldest events. */
void aw_engine_drop_events(aw_engine *e, size_t n);

/*
 * Takes from the retry quota what a retry costs; false when it is drained. For whoever repeats a request on its
 * own, as a create in doubt is once it has been read back.
 */
bool aw_engine_take_retry(aw_engine *e);

/* Requests that are with libcurl now. */
size_t aw_engine_in_flight(const aw_engine *e);

/* True in the process that made the engine, false in a child that inherited it. */
bool aw_engine_mine(const aw_engine *e);

/* CLOCK_MONOTONIC in seconds. */
AW_API double aw_now(void);

#pragma GCC visibility pop

#endif
