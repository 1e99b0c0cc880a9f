/*
 * The server's thread: start, loop, mailbox, end.
 */
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "sandbox.h"

double sb_monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds since the epoch, and the fraction in .NET's ticks of 100 ns. */
void sb_realtime(lua_Integer *sec, lua_Integer *ticks)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    *sec = (lua_Integer)t.tv_sec;
    *ticks = (lua_Integer)(t.tv_nsec / 100);
}

static void wake(struct sb_server *s)
{
    uint64_t one = 1;
    ssize_t n;
    do {
        n = write(s->wake_fd, &one, sizeof one);
    } while (n == -1 && errno == EINTR);
}

/* Take and answer the command in the mailbox, if there is one. False when the thread is to end. */
static bool mailbox(struct sb_server *s)
{
    uint64_t count;
    ssize_t n = read(s->wake_fd, &count, sizeof count);
    (void)n;

    pthread_mutex_lock(&s->lock);
    bool stop = s->stop;
    char *command = s->command;
    size_t len = s->command_len;
    uint64_t serial = s->asked;
    s->command = NULL;
    pthread_mutex_unlock(&s->lock);

    if (command != NULL) {
        size_t reply_len = 0;
        char *reply = stop ? NULL : sb_script_command(s, command, len, &reply_len);
        free(command);
        pthread_mutex_lock(&s->lock);
        free(s->reply); /* one that nobody waited for */
        s->reply = reply;
        s->reply_len = reply_len;
        s->answered = serial;
        pthread_cond_broadcast(&s->cond);
        pthread_mutex_unlock(&s->lock);
    }
    return !stop;
}

static void loop(struct sb_server *s)
{
    for (;;) {
        /* How long until libmicrohttpd or a sleeper needs us. */
        MHD_UNSIGNED_LONG_LONG ms = 0;
        int timeout = -1;
        if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
            timeout = ms > 60000 ? 60000 : (int)ms;
        double due = sb_http_next_due(s);
        if (due >= 0) {
            double left = ceil((due - sb_monotonic()) * 1000);
            int until = left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
            if (timeout < 0 || until < timeout)
                timeout = until;
        }

        struct epoll_event events[16];
        int n = epoll_wait(s->epoll_fd, events, 16, timeout);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &s->wake_fd) {
                if (!mailbox(s))
                    return;
            } else if (events[i].data.ptr != s) {
                sb_http_writable(events[i].data.ptr);
            }
        }
        sb_http_wake_due(s, sb_monotonic());
        MHD_run(s->daemon);
    }
}

static int watch(struct sb_server *s, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Bring everything up. NULL, or a malloc'ed message (strdup may return NULL: *failed says so). */
static char *bring_up(struct sb_server *s, bool *failed)
{
    char *error = NULL;
    const char *why = NULL;
    *failed = true;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd == -1)
        return strdup("can't create an epoll descriptor");
    if (sb_script_open(s, &error) != 0)
        return error;
    if (sb_http_start(s, &why) != 0)
        return strdup(why);
    const union MHD_DaemonInfo *epoll = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (epoll == NULL || watch(s, epoll->epoll_fd, s) != 0 || watch(s, s->wake_fd, &s->wake_fd) != 0)
        return strdup("can't watch the sockets");
    *failed = false;
    return NULL;
}

static void *run(void *arg)
{
    struct sb_server *s = arg;
    bool failed;
    char *error = bring_up(s, &failed);

    pthread_mutex_lock(&s->lock);
    s->error = error;
    s->state = failed ? SB_ENDED : SB_RUNNING;
    if (!failed) {
        const union MHD_DaemonInfo *port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
        s->port = port != NULL ? port->port : 0;
    }
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->lock);

    if (!failed)
        loop(s);
    if (s->daemon != NULL)
        sb_http_stop(s);
    sb_script_close(s);
    if (s->epoll_fd != -1)
        close(s->epoll_fd);
    s->epoll_fd = -1;

    pthread_mutex_lock(&s->lock);
    s->state = SB_ENDED;
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

int sb_server_launch(struct sb_server *s)
{
    pthread_condattr_t attr;
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return -1;
    s->has_lock = true;
    if (pthread_condattr_init(&attr) != 0)
        return -1;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    s->has_cond = pthread_cond_init(&s->cond, &attr) == 0;
    pthread_condattr_destroy(&attr);
    if (!s->has_cond)
        return -1;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd == -1) {
        s->error = strdup("can't create an event descriptor");
        return -1;
    }

    /* The host's signals are the host's: none is delivered to our thread. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    s->has_thread = pthread_create(&s->thread, NULL, run, s) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!s->has_thread) {
        s->error = strdup("can't create a thread");
        return -1;
    }
    pthread_mutex_lock(&s->lock);
    while (s->state == SB_STARTING)
        pthread_cond_wait(&s->cond, &s->lock);
    int rc = s->state == SB_RUNNING ? 0 : -1;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int sb_server_call(struct sb_server *s, const char *json, size_t len, double seconds, char **reply,
                   size_t *reply_len)
{
    char *command = malloc(len + 1);
    if (command == NULL)
        return -3;
    memcpy(command, json, len);
    command[len] = '\0';

    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds - whole) * 1e9);
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }

    pthread_mutex_lock(&s->lock);
    free(s->command); /* one that timed out before it was taken */
    s->command = command;
    s->command_len = len;
    uint64_t serial = ++s->asked;
    wake(s);
    int rc = 0;
    while (s->answered != serial && s->state == SB_RUNNING && rc == 0)
        rc = pthread_cond_timedwait(&s->cond, &s->lock, &until);
    int result = -1;
    if (s->answered == serial) {
        *reply = s->reply;
        *reply_len = s->reply_len;
        s->reply = NULL;
        result = *reply != NULL ? 0 : -3;
    } else if (s->state == SB_RUNNING) {
        result = -2;
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

void sb_server_stop(struct sb_server *s)
{
    if (s->has_thread) {
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_mutex_unlock(&s->lock);
        wake(s);
        pthread_join(s->thread, NULL);
        s->has_thread = false;
    }
    if (s->has_cond)
        pthread_cond_destroy(&s->cond);
    if (s->has_lock)
        pthread_mutex_destroy(&s->lock);
    s->has_cond = s->has_lock = false;
    if (s->wake_fd != -1)
        close(s->wake_fd);
    s->wake_fd = -1;
    sb_tls_remove(&s->config);
    struct sb_config *c = &s->config;
    free(c->host);
    free(c->path);
    free(c->cpath);
    free(c->options);
    free(c->priorities);
    free(s->error);
    free(s->info);
    free(s->command);
    free(s->reply);
    memset(c, 0, sizeof *c);
    s->error = s->info = s->command = s->reply = NULL;
}
