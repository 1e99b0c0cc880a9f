/*
 * A tiny HTTP/1.1 server on the loopback, a thread a connection, for tests of the engine without Lua. What it
 * does is told by the path, see `answer`.
 */
#ifndef SERVER_H
#define SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVER_TEXT = 8192, COUNTED = 4096, CONNECTIONS = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static pthread_t acceptor;
static int listener, accepted, workers;
static int peers[CONNECTIONS]; /* 0: free */
static char asked[COUNTED][64];
static int path_count;
static char last_request[SERVER_TEXT];

static void put(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void say(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

static void body(int fd, const char *status, const char *extra, const char *text)
{
    char all[SERVER_TEXT + 512];
    int n = snprintf(all, sizeof all, "HTTP/1.1 %.60s\r\nContent-Length: %zu\r\n%.200s\r\n%.*s", status,
                     strlen(text), extra, SERVER_TEXT, text);
    put(fd, all, (size_t)n);
}

/* How often this very path was asked for, this time included. */
static int nth(const char *path)
{
    int n = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < path_count; i++)
        n += strcmp(asked[i], path) == 0;
    pthread_mutex_unlock(&lock);
    return n;
}

static void big(int fd, long size)
{
    char block[4096];
    memset(block, 'x', sizeof block);
    snprintf(block, sizeof block, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", size);
    say(fd, block);
    memset(block, 'x', sizeof block);
    for (long left = size; left > 0; left -= (long)sizeof block)
        put(fd, block, left < (long)sizeof block ? (size_t)left : sizeof block);
}

/* 100,000 zero bytes in 132, gzip: what a bomb looks like, in small. */
static void bomb(int fd)
{
    static const unsigned char first[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                          0x03, 0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xc2,
                                          0xa0, 0xf5, 0x4f, 0x6d, 0x0d, 0x0f, 0xa0},
                               end[] = {0x80, 0x57, 0x03, 0x7d, 0x95, 0x11, 0xd4, 0xa0, 0x86, 0x01, 0x00};
    char bytes[132] = {0}, head[128];
    memcpy(bytes, first, sizeof first);
    memcpy(bytes + sizeof bytes - sizeof end, end, sizeof end);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             sizeof bytes);
    say(fd, head);
    put(fd, bytes, sizeof bytes);
}

static void hold(int fd)
{
    char byte;
    while (recv(fd, &byte, 1, 0) > 0)
        ;
}

/* Answers; false closes the connection. */
static bool answer(int fd, const char *method, const char *path, const char *request)
{
    char text[SERVER_TEXT];
    int first = 0;
    if (strncmp(path, "/echo", 5) == 0) {
        snprintf(text, sizeof text, "%s", request);
        body(fd, "200 OK", "", strcmp(method, "HEAD") == 0 ? "" : text);
    } else if (sscanf(path, "/status/%d", &first) == 1) {
        snprintf(text, 16, "%d Told", first);
        body(fd, text, "", "told");
    } else if (sscanf(path, "/flaky/%d", &first) == 1) { /* 503 so many times */
        body(fd, nth(path) <= first ? "503 Busy" : "200 OK", "", "done");
    } else if (sscanf(path, "/limited/%d", &first) == 1) { /* 429 so many times */
        body(fd, nth(path) <= first ? "429 Too Many" : "200 OK", "Retry-After: 7\r\n", "limit");
    } else if (strcmp(path, "/limited-long") == 0) {
        body(fd, "429 Too Many", "Retry-After: 500\r\n", "long");
    } else if (sscanf(path, "/unread/%d", &first) == 1) { /* reads, then hangs up, so many times */
        if (nth(path) <= first)
            return false;
        body(fd, "200 OK", "", "at last");
    } else if (sscanf(path, "/reset/%d", &first) == 1) { /* the same, by a reset */
        if (nth(path) <= first) {
            struct linger hard = {1, 0};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            return false;
        }
        body(fd, "200 OK", "", "at last");
    } else if (strcmp(path, "/hold") == 0) {
        hold(fd);
        return false;
    } else if (sscanf(path, "/hold/%d", &first) == 1) {
        if (nth(path) <= first) {
            hold(fd);
            return false;
        }
        body(fd, "200 OK", "", "let go");
    } else if (sscanf(path, "/big/%d", &first) == 1) {
        big(fd, first);
    } else if (strcmp(path, "/bomb") == 0) {
        bomb(fd);
    } else if (strcmp(path, "/headers") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 2000; i++)
            say(fd, "X-Filler: 0123456789012345678901234567890123456789\r\n");
        say(fd, "Content-Length: 0\r\n\r\n");
    } else if (strcmp(path, "/interim") == 0) {
        say(fd, "HTTP/1.1 103 Early Hints\r\nX-Interim: yes\r\nLink: </a>\r\n\r\n"
                "HTTP/1.1 200 OK\r\nX-Final: yes\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n"
                "5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n");
    } else if (strcmp(path, "/twice") == 0) {
        body(fd, "200 OK", "X-List: a\r\nX-LIST:  b \r\nX-Empty:\r\nX-Folded: one\r\n two\r\n", "");
    } else if (strcmp(path, "/cut") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        return false;
    } else if (strcmp(path, "/garbage") == 0) {
        say(fd, "\x01\x02\x03 this is no HTTP at all\r\n\r\n");
        return false;
    } else if (strcmp(path, "/folded") == 0) { /* goes on with a header that is not there */
        say(fd, "HTTP/1.1 200 OK\r\n and more\r\nContent-Length: 0\r\n\r\n");
    } else if (strcmp(path, "/redirect") == 0) {
        body(fd, "302 Found", "Location: /echo\r\n", "");
    } else if (strcmp(path, "/delete/1") == 0) { /* done at the first try, whose answer is lost */
        if (nth(path) == 1)
            return false;
        body(fd, "404 Not Found", "", "gone");
    } else if (strcmp(path, "/none") == 0) {
        say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    } else {
        body(fd, "200 OK", "X-Case: Kept\r\n", "hello");
    }
    return true;
}

/* Reads one request into text; false at the connection's end. */
static bool read_request(int fd, char *text, size_t size)
{
    size_t n = 0;
    char *end;
    text[0] = '\0';
    while (!(end = strstr(text, "\r\n\r\n"))) {
        ssize_t got = n + 1 < size ? recv(fd, text + n, size - 1 - n, 0) : 0;
        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
    }
    size_t head = (size_t)(end - text) + 4, length = 0;
    const char *field = strstr(text, "Content-Length: ");
    if (field && field < end)
        length = strtoul(field + 16, NULL, 10);
    while (n < head + length) {
        ssize_t got = n + 1 < size ? recv(fd, text + n, size - 1 - n, 0) : 0;
        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
    }
    return true;
}

/* What a test wants done at the start of each of the server's threads. */
#ifndef SERVER_THREAD_BEGINS
#define SERVER_THREAD_BEGINS() (void)0
#endif

static void *serve(void *user)
{
    SERVER_THREAD_BEGINS();
    int at = (int)(long)user, fd = peers[at];
    char text[SERVER_TEXT], method[16], path[64];
    bool more = true;
    while (more && read_request(fd, text, sizeof text)) {
        if (sscanf(text, "%15s %63s", method, path) != 2)
            break;
        pthread_mutex_lock(&lock);
        if (path_count < COUNTED)
            snprintf(asked[path_count++], sizeof asked[0], "%s", path);
        memcpy(last_request, text, sizeof last_request);
        pthread_mutex_unlock(&lock);
        more = answer(fd, method, path, text);
    }
    pthread_mutex_lock(&lock);
    close(fd);
    peers[at] = 0;
    workers--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *accept_all(void *user)
{
    SERVER_THREAD_BEGINS();
    (void)user;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
        pthread_t thread;
        int at = 0;
        pthread_mutex_lock(&lock);
        accepted++;
        while (at < CONNECTIONS && peers[at])
            at++;
        if (at < CONNECTIONS) {
            peers[at] = fd;
            workers++;
        }
        pthread_mutex_unlock(&lock);
        if (at == CONNECTIONS || pthread_create(&thread, NULL, serve, (void *)(long)at) != 0) {
            fprintf(stderr, "the test server is full\n");
            exit(1);
        }
        pthread_detach(thread);
    }
    return NULL;
}

/* Starts it; gives the port. Exits the test when it can't. */
static inline int server_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 128) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&acceptor, NULL, accept_all, NULL) != 0) {
        perror("server_start");
        exit(1);
    }
    return ntohs(address.sin_port);
}

/* Ends it and waits for its threads. */
static inline void server_stop(void)
{
    shutdown(listener, SHUT_RDWR);
    pthread_join(acceptor, NULL);
    close(listener);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < CONNECTIONS; i++)
        if (peers[i])
            shutdown(peers[i], SHUT_RDWR);
    while (workers > 0)
        pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
}

/* Requests whose path begins with `path` since the last server_reset. */
static inline int server_count(const char *path)
{
    int n = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < path_count; i++)
        n += strncmp(asked[i], path, strlen(path)) == 0;
    pthread_mutex_unlock(&lock);
    return n;
}

/* Connections accepted since the last server_reset. */
static inline int server_connections(void)
{
    pthread_mutex_lock(&lock);
    int n = accepted;
    pthread_mutex_unlock(&lock);
    return n;
}

/* The last request, head and body, as it came. */
static inline void server_last(char text[SERVER_TEXT])
{
    pthread_mutex_lock(&lock);
    memcpy(text, last_request, SERVER_TEXT);
    pthread_mutex_unlock(&lock);
}

/* Forgets the requests and connections so far. */
static inline void server_reset(void)
{
    pthread_mutex_lock(&lock);
    path_count = accepted = 0;
    pthread_mutex_unlock(&lock);
}

#endif
