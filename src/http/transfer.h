/* One request on its way, and the libcurl handle that carries it. Private to the engine. */
#ifndef AW_TRANSFER_H
#define AW_TRANSFER_H

#include "buffer.h"
#include "engine.h"
#include "heap.h"
#include "limiter.h"
#include "request.h"

#include <curl/curl.h>

#pragma GCC visibility push(hidden)

enum aw_state { AW_QUEUED, AW_ACTIVE, AW_DELAYED, AW_SLEEPING, AW_DONE };

/* Why a callback of ours stopped the transfer. */
enum aw_stop { AW_STOP_NONE, AW_STOP_BODY, AW_STOP_HEADER, AW_STOP_MEMORY, AW_STOP_RESEND };

struct aw_transfer {
    struct aw_result result; /* first: a result's address is its transfer's */
    struct aw_timer timer;   /* deadline, end of the backoff or of the sleep, by state */
    struct aw_transfer *prev, *next;
    enum aw_state state;
    struct aw_handle *handle; /* while AW_ACTIVE */
    struct aw_request_copy request;
    struct aw_buffer head, body;
    size_t head_total; /* bytes of all headers so far, those of interim responses included */
    bool head_open;    /* lines belong to the current response's headers; after them come trailers */
    bool interim;      /* no response yet, or a 1xx: another one follows */
    enum aw_stop stop;
    struct aw_ticket ticket; /* of the rate limiter, while AW_ACTIVE */
    bool begun;              /* this attempt's request may be on the wire */
    int before;              /* calls of on_progress before that */
    bool safe;
    int retries;      /* left; or AW_RETRY_NEVER */
    int retried;      /* backoffs so far */
    int free_retries; /* left, for connections that turned out dead */
    double submitted, queued;
    double start_by; /* not sent after that; INFINITY: no such moment */
    double budget;   /* seconds left for attempts and backoffs */
    double deadline;
    double blocked; /* the engine's blocked time when it was queued */
    double waited;  /* seconds for the rate limit, before this time in the queue */
    char message[CURL_ERROR_SIZE];
};

/* A libcurl easy handle, used again and again. */
struct aw_handle {
    CURL *easy;
    struct aw_transfer *transfer; /* while in use */
    struct aw_handle *next;       /* in the list of free or of all handles */
    struct aw_handle *next_all;
    enum aw_method method; /* what is set now, to set only what changes */
    bool has_body, custom, piped;
    bool direct;       /* no proxy, whatever the options say */
    bool unsure_proxy; /* setting that failed half-way */
    CURLU *url;        /* libcurl reads it anew for each request */
    char origin[256];  /* of `url`; "": unknown */
    size_t origin_len;
    bool mistrusted; /* libcurl must not meet a folded line at the beginning of a response */
    bool unsure;     /* setting the method failed half-way: all of it is to be set */
    struct aw_turns *turns;
    uint64_t step; /* the last one in which it received something, */
    size_t room;   /* and how many bytes of a body it may still take in it */
    bool paused;   /* there was none: libcurl keeps what it has until the next step */
    char error[CURL_ERROR_SIZE];
};

/* What we can uncompress. */
#define AW_ENCODINGS "gzip, deflate"

/* How the engine's steps share out what is received, lest one of them last: an answer of 16 MiB may come at once. */
struct aw_turns {
    uint64_t step;
    bool paused; /* some handle is */
};

/* Goes on with what was paused; libcurl's word on it. */
CURLcode aw_handle_go_on(struct aw_handle *h);

/* A proxy's user and password as its URL has them and decoded, and both as they are sent. */
enum { AW_PROXY_SECRETS = 5 };

/* What a handle takes from the engine at its making. */
struct aw_handle_setup {
    const struct aw_options *options;
    const char *proxy, *no_proxy; /* never NULL: "" is none. Neither is for loopback hosts */
    struct aw_secret *proxy_secrets[AW_PROXY_SECRETS]; /* of its login; NULL: none. Not for errors */
    curl_opensocket_callback open;
    curl_closesocket_callback close;
    void *sockets;
    struct aw_turns *turns;
};

/* A handle with all options that don't depend on the request, or NULL and the reason. */
struct aw_handle *aw_handle_new(const struct aw_handle_setup *setup, const char **why);
void aw_handle_free(struct aw_handle *h);

/* Readies h for an attempt of t; libcurl's word on it. */
CURLcode aw_handle_prepare(struct aw_handle *h, struct aw_transfer *t, const struct aw_handle_setup *setup);

/* Forgets what an earlier attempt received. */
void aw_transfer_restart(struct aw_transfer *t);

/* Reads what the ended attempt became into t->result, timings included, and takes the token out of it. */
void aw_transfer_outcome(struct aw_transfer *t, CURLcode code, const struct aw_handle_setup *setup);

/* A failure of our own making; `message` may be NULL, then the code's sentence stands. */
void aw_transfer_fail(struct aw_transfer *t, enum aw_kind kind, const char *code, const char *message);

/* The value of a header of the response, or NULL. */
const char *aw_transfer_header(const struct aw_transfer *t, const char *lower_name, size_t *len);

#pragma GCC visibility pop

#endif
