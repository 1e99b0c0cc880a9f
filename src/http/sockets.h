/* The sockets of an engine: those libcurl wants watched, those it has open, and the wakeup's. */
#ifndef AW_SOCKETS_H
#define AW_SOCKETS_H

#include "engine.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdatomic.h>

#pragma GCC visibility push(hidden)

struct aw_sockets {
    struct pollfd *watched; /* [0] is the wakeup's */
    size_t watched_count, watched_cap;
    size_t turn; /* where the next look for ready ones begins: all get their turn */
    bool polled; /* `revents` hold the answer of a poll */
    int *open;   /* idle connections too: what a child process must not write to */
    size_t open_count, open_cap;
    int wake_read, wake_write;
    atomic_bool woken;
};

/* False, with errno, when the system refuses. `expected`: sockets to make room for. */
bool aw_sockets_init(struct aw_sockets *s, size_t expected);
void aw_sockets_free(struct aw_sockets *s);

/* Watches fd for `what` (CURL_POLL_*), or no longer. False when out of memory. */
bool aw_sockets_watch(struct aw_sockets *s, int fd, int what);

/* Watches none but the wakeup's any more. */
void aw_sockets_unwatch(struct aw_sockets *s);

/* Waits up to `seconds` for one of them. */
void aw_sockets_poll(struct aw_sockets *s, double seconds);

/* What is ready, as CURL_CSELECT_* bits, up to n; asks the system unless a poll just has. `more`: n was not
 * enough. Of many that are always ready, other ones come first each time. */
size_t aw_sockets_ready(struct aw_sockets *s, int *fds, int *bits, size_t n, bool *more);

void aw_sockets_wake(struct aw_sockets *s);

/*
 * In a child process: puts a dead socket in the place of every open connection, so that no farewell (TLS's
 * close_notify, HTTP/2's GOAWAY) is written into a connection that the parent still uses.
 */
void aw_sockets_cut(struct aw_sockets *s);

/* libcurl's CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION, their data being the aw_sockets. */
curl_socket_t aw_sockets_on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address);
int aw_sockets_on_close(void *user, curl_socket_t fd);

#pragma GCC visibility pop

#endif
