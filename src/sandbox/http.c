/*
 * libmicrohttpd's side: from a connection to a request and back, answers that wait, and what happens to
 * bytes.
 *
 * A request waits by MHD_suspend_connection and a place in the list of sleepers; once resumed, libmicrohttpd
 * calls `on_request` again. Bytes that libmicrohttpd would not send (half an answer, garbage) are written by
 * us to the socket while the connection is suspended.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "sandbox.h"

static int socket_of(const struct sb_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

/*
 * Break the connection. A reset is sent at once by dissolving the TCP association, as libmicrohttpd would
 * shut the socket down first and the peer would see an orderly end before the reset. Returns what on_request
 * has to return for libmicrohttpd to close its side.
 */
static enum MHD_Result break_now(struct sb_request *r, enum sb_break how)
{
    r->phase = SB_BROKEN;
    if (how == SB_RESET) {
        struct sockaddr none = {.sa_family = AF_UNSPEC};
        int rc = connect(socket_of(r), &none, sizeof none);
        (void)rc;
    }
    return MHD_NO;
}

static void sleep_until(struct sb_request *r, double when)
{
    struct sb_server *s = r->server;
    r->wake = when;
    r->next = s->sleepers;
    r->prev = &s->sleepers;
    if (r->next != NULL)
        r->next->prev = &r->next;
    s->sleepers = r;
    MHD_suspend_connection(r->connection);
}

static void awake(struct sb_request *r)
{
    *r->prev = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    r->next = NULL;
    r->prev = NULL;
    MHD_resume_connection(r->connection);
}

void sb_http_wake_due(struct sb_server *s, double now)
{
    for (struct sb_request *r = s->sleepers, *next; r != NULL; r = next) {
        next = r->next;
        if (r->wake >= 0 && r->wake <= now)
            awake(r);
    }
}

double sb_http_next_due(const struct sb_server *s)
{
    double due = -1;
    for (const struct sb_request *r = s->sleepers; r != NULL; r = r->next)
        if (r->wake >= 0 && (due < 0 || r->wake < due))
            due = r->wake;
    return due;
}

/* Send what is left of plan.out. 1: all gone (or the peer is), 0: the socket is full. */
static int write_out(struct sb_request *r)
{
    struct sb_plan *p = &r->plan;
    int fd = socket_of(r);
    while (p->out_sent < p->out_len) {
        ssize_t n = send(fd, p->out + p->out_sent, p->out_len - p->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            p->out_sent += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        else if (errno != EINTR)
            return 1;
    }
    return 1;
}

/* The socket of a request in SB_WRITING takes more. */
void sb_http_writable(struct sb_request *r)
{
    if (!write_out(r))
        return;
    epoll_ctl(r->server->epoll_fd, EPOLL_CTL_DEL, socket_of(r), NULL);
    awake(r); /* on_request breaks the connection */
}

/* The answer's time has come. */
static enum MHD_Result answer_now(struct sb_request *r)
{
    struct sb_plan *p = &r->plan;
    if (p->drop != SB_KEEP)
        return break_now(r, p->drop);
    if (p->out != NULL) {
        if (write_out(r))
            return break_now(r, p->how);
        struct epoll_event event = {.events = EPOLLOUT, .data.ptr = r};
        if (epoll_ctl(r->server->epoll_fd, EPOLL_CTL_ADD, socket_of(r), &event) != 0)
            return break_now(r, SB_RESET);
        r->phase = SB_WRITING;
        sleep_until(r, -1);
        return MHD_YES;
    }
    if (p->response == NULL)
        return break_now(r, SB_RESET);
    return MHD_queue_response(r->connection, p->status, p->response);
}

/* One header of the request into r->headers, its name in lower case. */
static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct sb_buffer *b = cls;
    (void)kind;
    size_t start = b->len;
    sb_buffer_add(b, key, strlen(key));
    for (size_t i = start; !b->failed && i < b->len; i++)
        if (b->data[i] >= 'A' && b->data[i] <= 'Z') /* whatever the locale thinks of case */
            b->data[i] = (char)(b->data[i] + ('a' - 'A'));
    sb_buffer_add(b, ": ", 2);
    if (value != NULL)
        sb_buffer_add(b, value, strlen(value));
    sb_buffer_add(b, "\n", 1);
    return b->failed ? MHD_NO : MHD_YES;
}

static void add_body(struct sb_request *r, const char *data, size_t len)
{
    if (r->too_large || r->no_memory)
        return;
    if (len > r->server->config.body_limit - r->body_len) {
        r->too_large = true;
        return;
    }
    if (r->body_len + len > r->body_cap) {
        size_t cap = r->body_cap ? r->body_cap * 2 : 512;
        while (cap < r->body_len + len)
            cap *= 2;
        char *body = realloc(r->body, cap);
        if (body == NULL) {
            r->no_memory = true;
            return;
        }
        r->body = body;
        r->body_cap = cap;
    }
    memcpy(r->body + r->body_len, data, len);
    r->body_len += len;
}

/* The header is complete. */
static enum MHD_Result begin(struct sb_request *r, const char *method)
{
    struct sb_server *s = r->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    r->received = info != NULL ? info->header_size : 0;
    info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info != NULL)
        r->connection_id = (uint64_t)(uintptr_t)info->socket_context;
    r->phase = SB_BODY;
    if (s->want_headers) {
        struct sb_buffer b = {0};
        MHD_get_connection_values(r->connection, MHD_HEADER_KIND, collect_header, &b);
        r->headers = b.data;
        r->headers_len = b.failed ? 0 : b.len;
    }
    if (s->early)
        sb_script_early(r, method);
    if (r->cut != SB_KEEP && r->received >= r->cut_at)
        return break_now(r, r->cut);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **context)
{
    struct sb_request *r = *context;
    (void)cls;
    (void)url;
    (void)version;
    if (r == NULL || r->server->ending)
        return MHD_NO;
    switch (r->phase) {
    case SB_NEW:
        r->connection = connection;
        return begin(r, method);
    case SB_BODY:
        if (*size > 0) {
            r->received += *size;
            if (r->cut != SB_KEEP && r->received >= r->cut_at)
                return break_now(r, r->cut);
            add_body(r, data, *size);
            *size = 0;
            return MHD_YES;
        }
        if (r->cut != SB_KEEP) /* shorter than the cut: all of it was read, none of it done */
            return break_now(r, r->cut);
        if (r->no_memory || !sb_script_request(r, method))
            return break_now(r, SB_RESET);
        if (r->plan.delay > 0) {
            r->phase = SB_DELAYED;
            sleep_until(r, sb_monotonic() + r->plan.delay);
            return MHD_YES;
        }
        return answer_now(r);
    case SB_DELAYED:
        return answer_now(r);
    case SB_WRITING:
        return break_now(r, r->plan.how);
    case SB_BROKEN:
        break;
    }
    return MHD_NO;
}

/* A request line is there: the request begins. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct sb_request *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->server = cls;
    r->connection = connection;
    r->target = strdup(target);
    if (r->target == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct sb_request *r = *context;
    (void)cls;
    (void)connection;
    (void)why;
    *context = NULL;
    if (r == NULL)
        return;
    sb_plan_free(&r->plan);
    free(r->target);
    free(r->headers);
    free(r->body);
    free(r);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct sb_server *s = cls;
    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        s->connections_open++;
        *context = (void *)(uintptr_t)++s->connections;
    } else {
        s->connections_open--;
    }
}

/* An answer that trickles: `step` bytes, then a pause, past `cut` a break. */
struct trickle {
    struct sb_request *request;
    char *body;
    size_t len, step, cut;
    enum sb_break how;
    double pause, next;
};

static ssize_t trickle_read(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct trickle *t = cls;
    struct sb_request *r = t->request;
    if (r->server->ending || pos >= t->cut) {
        if (!r->server->ending && t->how == SB_RESET)
            break_now(r, SB_RESET);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (t->pause > 0 && pos > 0) {
        double now = sb_monotonic();
        if (t->next == 0)
            t->next = now + t->pause;
        if (now < t->next) {
            sleep_until(r, t->next);
            return 0;
        }
        t->next = 0;
    }
    size_t n = t->cut < t->len ? t->cut : t->len;
    n -= (size_t)pos;
    if (n > max)
        n = max;
    if (t->step > 0 && n > t->step)
        n = t->step;
    memcpy(buf, t->body + pos, n);
    return (ssize_t)n;
}

static void trickle_free(void *cls)
{
    struct trickle *t = cls;
    free(t->body);
    free(t);
}

struct MHD_Response *sb_http_slow_response(struct sb_request *r, const char *body, size_t len, size_t step,
                                           double pause, size_t cut, enum sb_break how)
{
    struct trickle *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->body = malloc(len > 0 ? len : 1);
    if (t->body == NULL) {
        free(t);
        return NULL;
    }
    memcpy(t->body, body, len);
    t->request = r;
    t->len = len;
    t->step = step;
    t->pause = pause;
    t->cut = cut;
    t->how = how;
    struct MHD_Response *response = MHD_create_response_from_callback(
        len, step > 0 && step < 4096 ? step : 4096, trickle_read, t, trickle_free);
    if (response == NULL)
        trickle_free(t);
    return response;
}

int sb_http_start(struct sb_server *s, const char **why)
{
    const struct sb_config *c = &s->config;
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned int)c->port);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *address = NULL;
    if (getaddrinfo(c->host, port, &hints, &address) != 0) {
        *why = "host must be an IP address";
        return -1;
    }
    unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, c->key},
                                   {MHD_OPTION_HTTPS_MEM_CERT, 0, c->cert},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, c->priorities},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (c->key != NULL)
        flags |= MHD_USE_TLS;
    s->daemon = MHD_start_daemon(
        flags, c->port, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR, address->ai_addr,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536,
        MHD_OPTION_CONNECTION_TIMEOUT, c->idle_timeout, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, c->key != NULL ? tls : none, MHD_OPTION_END);
    freeaddrinfo(address);
    if (s->daemon == NULL) {
        *why = c->port != 0 ? "can't listen: is the port taken?" : "can't listen";
        return -1;
    }
    return 0;
}

/* libmicrohttpd must not be stopped while a connection is suspended: wake them all, they end by `ending`. */
void sb_http_stop(struct sb_server *s)
{
    s->ending = true;
    while (s->sleepers != NULL) {
        struct sb_request *r = s->sleepers;
        if (r->phase == SB_WRITING)
            epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, socket_of(r), NULL);
        awake(r);
    }
    MHD_run(s->daemon);
    MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
}
