/*
 * The sandbox server's own header: every type and helper, listed by the file it lives in.
 *
 * One server is one thread with one libmicrohttpd daemon, one epoll loop and one lua_State of its own. C does
 * sockets, bodies, timers and what happens to bytes; the script (lua/awork/sandbox/server.lua) decides what
 * to answer. The starter's thread and the server's thread share `struct sb_server` and nothing else: the
 * mailbox under its lock, the rest as said beside the fields. Nothing is process-wide.
 */
#ifndef SB_SANDBOX_H
#define SB_SANDBOX_H

#include <lua.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* How a connection is broken: not at all, with a TCP reset, or in order (FIN). */
enum sb_break { SB_KEEP, SB_RESET, SB_CLOSE };

enum sb_phase {
    SB_NEW,     /* the header has been read */
    SB_BODY,    /* the body comes in */
    SB_DELAYED, /* the script has decided; the answer waits for its time */
    SB_WRITING, /* our own bytes are on their way, past libmicrohttpd */
    SB_BROKEN   /* the connection ends now */
};

/* What the script decided about one request. All of it is freed with the request. */
struct sb_plan {
    unsigned int status;
    struct MHD_Response *response; /* NULL when `out` or `drop` stands in */
    enum sb_break drop;            /* break without an answer */
    char *out;                     /* the bytes of the whole answer, sent past libmicrohttpd, then a break */
    size_t out_len, out_sent;
    enum sb_break how; /* how to break after `out` */
    double delay;      /* seconds before the answer goes out */
};

struct sb_request {
    struct sb_server *server;
    struct MHD_Connection *connection;
    uint64_t connection_id;
    enum sb_phase phase;
    char *target;  /* as received: path and query, not decoded */
    char *headers; /* "name: value\n" lines, names in lower case; only while the script wants them */
    size_t headers_len;
    char *body;
    size_t body_len, body_cap;
    size_t received; /* bytes of header and body so far */
    bool too_large, no_memory;
    enum sb_break cut; /* break while the request is being read ... */
    size_t cut_at;     /* ... once so many of its bytes are there */
    struct sb_plan plan;
    double wake; /* while in the list of sleepers: when to resume */
    struct sb_request *next, **prev;
};

/* A byte buffer for headers and answers. */
struct sb_buffer {
    char *data;
    size_t len, cap;
    bool failed;
};

struct sb_config {
    char *host, *path, *cpath, *options;
    char *key, *cert, *priorities; /* PEM; NULL without TLS */
    char *dir, *ca_file;           /* temporary, removed at the end */
    uint16_t port;
    size_t body_limit;
    unsigned int idle_timeout;
};

enum sb_state { SB_STARTING, SB_RUNNING, SB_ENDED };

struct sb_server {
    struct sb_config config; /* written before the thread exists, read only while it runs */
    pthread_t thread;
    bool has_lock, has_cond, has_thread; /* the starter's alone */
    int wake_fd;                         /* eventfd: a command, or the end */

    pthread_mutex_t lock; /* guards from here ... */
    pthread_cond_t cond;
    enum sb_state state;
    bool stop;
    char *error; /* why the start failed */
    char *info;  /* what the script tells the starter, JSON */
    uint16_t port;
    uint64_t asked, answered; /* serial numbers of the mailbox's command and of the last one done */
    char *command, *reply;
    size_t command_len, reply_len; /* ... to here */

    /* the server thread's alone */
    int epoll_fd;
    lua_State *L;
    struct MHD_Daemon *daemon;
    struct sb_request *sleepers;
    uint64_t connections, connections_open;
    bool ending;
    bool early;        /* the script wants to see requests before their body (cut_request) */
    bool want_headers; /* the script logs headers */
};

/* server.c: the thread, its loop, the mailbox */
double sb_monotonic(void);
void sb_realtime(lua_Integer *sec, lua_Integer *ticks);
int sb_server_launch(struct sb_server *s); /* 0, or -1 with s->error */
/* 0 and a malloc'ed reply; -1 the server has ended; -2 no answer within `seconds`; -3 out of memory */
int sb_server_call(struct sb_server *s, const char *json, size_t len, double seconds, char **reply,
                   size_t *reply_len);
void sb_server_stop(struct sb_server *s); /* join, free, remove files; idempotent */

/* http.c: libmicrohttpd's side */
int sb_http_start(struct sb_server *s, const char **why);
void sb_http_wake_due(struct sb_server *s, double now);
double sb_http_next_due(const struct sb_server *s); /* a time, or < 0 for none */
void sb_http_writable(struct sb_request *r);
void sb_http_stop(struct sb_server *s);
/* A response of `step` bytes at a time (0: any), `pause` seconds between, that breaks at byte `cut` of its
 * body. */
struct MHD_Response *sb_http_slow_response(struct sb_request *r, const char *body, size_t len, size_t step,
                                           double pause, size_t cut, enum sb_break how);

/* script.c: the server's lua_State */
int sb_script_open(struct sb_server *s, char **error);
void sb_script_close(struct sb_server *s);
/* Fill r->cut, r->cut_at. */
void sb_script_early(struct sb_request *r, const char *method);
/* Fill r->plan; false when even that failed (out of memory). */
bool sb_script_request(struct sb_request *r, const char *method);
char *sb_script_command(struct sb_server *s, const char *json, size_t len, size_t *reply_len);

/* answer.c: from the script's results to a response or to bytes */
void sb_answer_read(lua_State *L, struct sb_request *r,
                    const char *method); /* may raise; r owns what is made */
void sb_plan_free(struct sb_plan *plan);
void sb_buffer_add(struct sb_buffer *b, const char *data, size_t len);

/* tls.c: a certificate authority and a server certificate made at start */
/* kind: "valid", "expired", "wrong_host", "self_signed". 0, or -1 with a static message in *why. */
int sb_tls_make(struct sb_config *config, const char *kind, const char **why);
void sb_tls_remove(struct sb_config *config);

#pragma GCC visibility pop

#endif
