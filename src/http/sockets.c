#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool aw_sockets_init(struct aw_sockets *s, size_t expected)
{
    int ends[2];
    *s = (struct aw_sockets){.wake_read = -1, .wake_write = -1};
    s->watched = calloc(expected + 1, sizeof *s->watched);
    s->open = calloc(expected, sizeof *s->open);
    if (!s->watched || !s->open || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        int error = s->watched && s->open ? errno : ENOMEM;
        aw_sockets_free(s);
        errno = error;
        return false;
    }
    s->watched_cap = expected + 1;
    s->open_cap = expected;
    s->wake_read = ends[0];
    s->wake_write = ends[1];
    s->watched[0] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    s->watched_count = 1;
    return true;
}

void aw_sockets_free(struct aw_sockets *s)
{
    if (s->wake_read >= 0)
        close(s->wake_read);
    if (s->wake_write >= 0)
        close(s->wake_write);
    free(s->watched);
    free(s->open);
    s->watched = NULL;
    s->open = NULL;
    s->wake_read = s->wake_write = -1;
    s->watched_count = s->open_count = 0;
}

bool aw_sockets_watch(struct aw_sockets *s, int fd, int what)
{
    size_t i = 1;
    while (i < s->watched_count && s->watched[i].fd != fd)
        i++;
    if (what == CURL_POLL_REMOVE) {
        if (i < s->watched_count)
            s->watched[i] = s->watched[--s->watched_count];
        return true;
    }
    if (i == s->watched_count) {
        if (i == s->watched_cap) {
            struct pollfd *watched = realloc(s->watched, 2 * i * sizeof *watched);
            if (!watched)
                return false;
            s->watched = watched;
            s->watched_cap = 2 * i;
        }
        s->watched[s->watched_count++] = (struct pollfd){.fd = fd};
    }
    int events = (what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0);
    s->watched[i].events = (short)events;
    return true;
}

void aw_sockets_unwatch(struct aw_sockets *s)
{
    s->watched_count = 1;
}

void aw_sockets_poll(struct aw_sockets *s, double seconds)
{
    /* Rounded up: a poll that returns early would be followed by a useless step. */
    double ms = ceil(seconds * 1000);
    int timeout = ms <= 0 ? 0 : ms < 1e9 ? (int)ms : 1000000000;
    if (poll(s->watched, (nfds_t)s->watched_count, timeout) < 0) {
        /* A signal: as if the time had passed. */
        for (size_t i = 0; i < s->watched_count; i++)
            s->watched[i].revents = 0;
    }
    s->polled = true;
}

static void drain(struct aw_sockets *s)
{
    char bytes[64];
    while (read(s->wake_read, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        ;
    atomic_store(&s->woken, false);
}

size_t aw_sockets_ready(struct aw_sockets *s, int *fds, int *bits, size_t n, bool *more)
{
    size_t count = 0;
    *more = false;
    if (!s->polled && s->watched_count > 1)
        aw_sockets_poll(s, 0);
    if (atomic_load(&s->woken))
        drain(s);
    size_t all = s->watched_count - 1; /* without the wakeup's */
    for (size_t k = 0; s->polled && k < all; k++) {
        size_t i = 1 + (s->turn + k) % all;
        short got = s->watched[i].revents;
        if (!got)
            continue;
        if (count == n) {
            *more = true;
            break;
        }
        fds[count] = s->watched[i].fd;
        bits[count++] = (got & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) |
                        (got & POLLOUT ? CURL_CSELECT_OUT : 0) |
                        (got & (POLLERR | POLLNVAL) ? CURL_CSELECT_ERR : 0);
    }
    s->turn += count;
    s->polled = false;
    return count;
}

void aw_sockets_wake(struct aw_sockets *s)
{
    if (!atomic_exchange(&s->woken, true)) {
        int error = errno; /* a signal handler may be the caller */
        ssize_t written = write(s->wake_write, "", 1);
        (void)written; /* a full pipe wakes as well */
        errno = error;
    }
}

void aw_sockets_cut(struct aw_sockets *s)
{
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (size_t i = 0; i < s->open_count; i++) {
        if (dead >= 0)
            dup2(dead, s->open[i]);
        else
            close(s->open[i]);
    }
    if (dead >= 0)
        close(dead);
}

curl_socket_t aw_sockets_on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct aw_sockets *s = user;
    if (s->open_count == s->open_cap) {
        int *open = realloc(s->open, 2 * s->open_cap * sizeof *open);
        if (!open)
            return CURL_SOCKET_BAD;
        s->open = open;
        s->open_cap *= 2;
    }
    /* Programs that the host starts must not inherit it. */
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0)
        s->open[s->open_count++] = fd;
    return fd;
}

int aw_sockets_on_close(void *user, curl_socket_t fd)
{
    struct aw_sockets *s = user;
    for (size_t i = 0; i < s->open_count; i++) {
        if (s->open[i] == fd) {
            s->open[i] = s->open[--s->open_count];
            break;
        }
    }
    return close(fd);
}
