/*
 * Every allocation of the engine and of libcurl fails once, and from then on always: nothing crashes, nothing
 * leaks, no request is lost, and the engine goes on when memory is back.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif
#include "check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define SWEEP 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SWEEP 0
#endif
#endif
#ifndef SWEEP
#define SWEEP 1
#endif

#if !SWEEP
/* The sanitizers have an allocator of their own: nothing to see here. */
int main(void)
{
    return check_report();
}
#else

#include <stdbool.h>

static _Thread_local bool of_server; /* its allocations are left in peace */
#define SERVER_THREAD_BEGINS() (void)(of_server = true)

#include "../../src/http/engine.h"
#include "server.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static _Thread_local long until_failure = -1; /* of this thread's allocations; negative: none fails */
static _Thread_local bool always;             /* all later ones fail too */
static _Thread_local bool failed;
/*
 * Blocks allocated and not freed, by any thread but the server's: where there was no memory for an address that
 * needs no resolver libcurl asks its resolver thread, which may free what it was given after all else has ended.
 */
static atomic_bool counting;
static atomic_long live;

/* In place of the C library's, for libcurl and all else. */
#define INSTEAD __attribute__((visibility("default")))

#define CALLER __builtin_return_address(0)

/* The linker's, for what is local to a thread: it stays with the thread's stack, which glibc keeps for the next. */
static uintptr_t linker_from, linker_to;

static int look_for_linker(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (!strstr(info->dlpi_name, "/ld-linux"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > linker_to)
            linker_to = end;
    }
    linker_from = info->dlpi_addr;
    return 1;
}

static bool left_out(const void *caller)
{
    return of_server || ((uintptr_t)caller >= linker_from && (uintptr_t)caller < linker_to);
}

static bool fails(void)
{
    if (until_failure < 0)
        return false;
    if (until_failure > 0) {
        until_failure--;
        return false;
    }
    if (!always)
        until_failure = -1;
    failed = true;
    errno = ENOMEM;
    return true;
}

INSTEAD void *malloc(size_t size)
{
    void *p = fails() ? NULL : __libc_malloc(size);
    live += counting && p && !left_out(CALLER);
    return p;
}

INSTEAD void *calloc(size_t count, size_t size)
{
    void *p = fails() ? NULL : __libc_calloc(count, size);
    live += counting && p && !left_out(CALLER);
    return p;
}

INSTEAD void *realloc(void *old, size_t size)
{
    void *p = fails() ? NULL : __libc_realloc(old, size);
    live += counting && p && !left_out(CALLER) && !old;
    return p;
}

INSTEAD void free(void *p)
{
    live -= counting && p && !left_out(CALLER);
    __libc_free(p);
}

static int port;
static double now = 1000;

static enum aw_submit_error submit(aw_engine *e, const char *method, const char *path, int64_t *id)
{
    char url[128];
    struct aw_header header = {"X-Some", "header", 6, 6};
    bool auth = path[1] != '\0'; /* the others are read anew, for their scheme is spelt in another way */
    snprintf(url, sizeof url, "%s://127.0.0.1:%d%s", auth ? "http" : "HTTP", port, path);
    struct aw_request r = {.method = method,
                           .method_len = strlen(method),
                           .url = url,
                           .url_len = strlen(url),
                           .body = strcmp(method, "POST") == 0 ? "{}" : NULL,
                           .body_len = strcmp(method, "POST") == 0 ? 2 : 0,
                           .token = auth ? NULL : "secret",
                           .token_len = 6,
                           .auth = auth,
                           .headers = &header,
                           .header_count = 1,
                           .retries = AW_RETRY_DEFAULT,
                           .safe = strcmp(method, "POST") != 0};
    return aw_engine_submit(e, &r, now, id);
}

/* Reads what is there, and counts what was answered; with `all`, says what was not. */
static int drain(aw_engine *e, int *answered, bool all)
{
    int n = 0;
    for (const struct aw_result *r; (r = aw_engine_peek(e)) != NULL; n++) {
        struct aw_header h;
        size_t at = 0;
        while (aw_result_header(r, &at, &h))
            ;
        *answered += r->status == 200;
        if (all && r->code)
            fprintf(stderr, "%s: %s, %s\n", r->url, r->code, r->message);
        aw_engine_pop(e, r);
    }
    return n;
}

/*
 * Some requests that need memory in all ways; the number that were lost. What libcurl lost sight of when an
 * allocation failed ends by its deadline: with `impatient` that comes as soon as nothing happens any more.
 */
static int use(aw_engine *e, int *answered, bool impatient)
{
    static const char *const wanted[] = {"/", "/echo", "/big/30000", "/bomb", "/interim"};
    double most = impatient ? 0.001 : 0.05;
    int pending = 0, quiet = 0;
    int64_t id;
    uint64_t generation;
    /* If that fails, those that ask for it are refused. */
    (void)aw_engine_set_token(e, impatient ? "a-token" : "another", 7, &generation);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (submit(e, i == 1 ? "POST" : "GET", wanted[i], &id) == AW_SUBMITTED)
            pending++;
    if (aw_engine_sleep(e, 0, now, &id) == AW_SUBMITTED)
        pending++;
    for (int i = 0; i < 5000 && pending > 0; i++) {
        aw_engine_step(e, now);
        int n = drain(e, answered, !impatient);
        pending -= n;
        quiet = n > 0 ? 0 : quiet + 1;
        double before = aw_now(), timeout = aw_engine_timeout(e, now);
        if (pending > 0)
            aw_engine_poll(e, timeout < 0 || timeout > most ? most : timeout);
        now += impatient && quiet > 10 ? 5 : aw_now() - before;
    }
    return pending;
}

static void sweep(bool for_good, long stride)
{
    struct aw_options o;
    char why[AW_WHY];
    long n = 0, bad_lost = 0, bad_leaks = 0, bad_recovery = 0, bad_why = 0;
    aw_options_init(&o);
    o.rate_second = o.rate_minute = 0;
    o.max_connections = 3;
    o.timeout = 30;
    o.retries = 1;
    o.events = true;
    o.max_body = 200000;
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%d", port);
    o.base_url = base;
    o.proxy = "http://user:password@127.0.0.1:1"; /* not used: the host is this machine */
    do {
        int answered = 0, before = 0;
        failed = false;
        live = 0;
        counting = true;
        always = for_good;
        until_failure = n;
        why[0] = '\0';
        aw_engine *e = aw_engine_new(&o, now, why);
        if (e)
            bad_lost += use(e, &before, true) != 0;
        else
            bad_why += why[0] == '\0';
        until_failure = -1;
        if (e) {
            bad_lost += use(e, &answered, false) != 0;
            bad_recovery += answered != 5;
        }
        aw_engine_free(e);
        for (int i = 0; i < 1000 && live != 0; i++)
            usleep(1000);
        counting = false;
        if (live != 0)
            fprintf(stderr, "%ld blocks left, allocation %ld\n", (long)live, n);
        bad_leaks += live != 0;
        n += stride;
    } while (failed && n < 5000);
    printf("allocations 0 to %ld failed, %s\n", n - 2 * stride, for_good ? "and all after it" : "once");
    CHECK(n > 100 && n < 5000);
    CHECK(bad_lost == 0);
    CHECK(bad_why == 0);
    CHECK(bad_leaks == 0);
    CHECK(bad_recovery == 0);
}

int main(void)
{
    struct aw_options o;
    char why[AW_WHY];
    int answered = 0;
    dl_iterate_phdr(look_for_linker, NULL);
    port = server_start();
    /* What is allocated once a process: libcurl's global state, its first connection. */
    aw_options_init(&o);
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%d", port);
    o.base_url = base;
    aw_engine *e = aw_engine_new(&o, now, why);
    CHECK(e != NULL);
    CHECK(use(e, &answered, false) == 0);
    aw_engine_free(e);
    sweep(false, 1);
    sweep(true, 3);
    server_stop();
    return check_report();
}
#endif
