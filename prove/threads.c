/*
 * What a host may do to us: states in threads, states made and closed ten thousand times, forks and signals in
 * between, states closed with everything in flight, modules loaded again.
 *
 *     threads BUILD [SHARE] [NAME]     SHARE of the usual counts; NAME: the threads alone, said under this name
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mallinfo2 */
#endif
#include "awork.h"

#include <dirent.h>
#include <lauxlib.h>
#include <lualib.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, SLACK = 1 << 18 };

static const char *build;
static char world[1024]; /* Lua text: the sandbox */
static double share = 1;
static int findings;

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    if (!L)
        exit(1);
    luaL_openlibs(L);
    luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
    lua_settop(L, 0);
    lua_pushstring(L, build);
    lua_setglobal(L, "build");
    if (luaL_dostring(L, "package.path = 'lua/?.lua;lua/?/init.lua;prove/?.lua;' .. package.path\n"
                         "package.cpath = build .. '/?.so;' .. package.cpath")) {
        fprintf(stderr, "threads: %s\n", lua_tostring(L, -1));
        exit(1);
    }
    return L;
}

static int traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

/* threads.lua's `name` with the world and a count, or what is in the global `held`. Leaves the result. */
static bool call(lua_State *L, const char *name, lua_Integer count)
{
    lua_settop(L, 0);
    lua_pushcfunction(L, traceback);
    lua_getglobal(L, "require");
    lua_pushstring(L, "threads");
    if (lua_pcall(L, 1, 1, 1) != LUA_OK)
        goto failed;
    lua_getfield(L, -1, name);
    if (luaL_dostring(L, world[0] ? world : "return nil"))
        goto failed;
    if (count >= 0)
        lua_pushinteger(L, count);
    else
        lua_getglobal(L, "held");
    if (lua_pcall(L, 2, 1, 1) != LUA_OK)
        goto failed;
    return true;
failed:
    fprintf(stderr, "threads: %s: %s\n", name, lua_tostring(L, -1));
    return false;
}

static lua_Integer many(lua_Integer n)
{
    n = (lua_Integer)((double)n * share);
    return n > 10 ? n : 10;
}

static int descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void say(const char *name, lua_Integer count, const char *what, int found)
{
    printf("prove: %s: %lld %s, %d findings\n", name, (long long)count, what, found);
    fflush(stdout);
    findings += found;
}

/* ---- states in threads ---- */

static void *calls(void *arg)
{
    lua_Integer *count = arg;
    lua_State *L = new_state();
    *count = call(L, "calls", *count) ? lua_tointeger(L, -1) : -1;
    lua_close(L);
    return NULL;
}

static void in_threads(const char *name)
{
    pthread_t threads[THREADS];
    lua_Integer counts[THREADS], sum = 0;
    int found = 0;
    for (int i = 0; i < THREADS; i++) {
        counts[i] = many(10000) / THREADS;
        if (pthread_create(&threads[i], NULL, calls, &counts[i]) != 0)
            exit(1);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        found += counts[i] < 0;
        sum += counts[i] > 0 ? counts[i] : 0;
    }
    say(name, sum, "calls by 8 threads with a state each", found);
}

/* ---- the same again and again: nothing grows ---- */

/*
 * Memory in use in the first half of the rounds, at most, and after all: the same, but for SLACK bytes. The sandbox,
 * whose state comes and goes with its collector, is of this process, too.
 */
static void again(const char *name, const char *what, const char *fn, lua_Integer rounds, bool new_ones)
{
    size_t before = 0;
    int fds = 0, found = 0;
    for (lua_Integer i = 0; i < rounds && !found; i++) {
        lua_State *L = new_state();
        found += !call(L, fn, new_ones ? 0 : 1);
        lua_close(L);
        if (i <= rounds / 2) {
            size_t now = mallinfo2().uordblks;
            int open = descriptors();
            before = now > before ? now : before;
            fds = open > fds ? open : fds;
        }
    }
    /* The server's side of connections that were just cut is freed when it sees that. */
    size_t after = 0;
    for (int i = 0; i < 100; i++) {
        after = mallinfo2().uordblks;
        if (descriptors() <= fds && after <= before + SLACK)
            break;
        usleep(20000);
    }
    if (descriptors() > fds || after > before + SLACK) {
        fprintf(stderr, "%s: from %zu to %zu bytes, %d to %d descriptors\n", name, before, after, fds,
                descriptors());
        found++;
    }
    say(name, rounds, what, found);
}

/* ---- forks ---- */

static void forks(void)
{
    lua_Integer rounds = many(200);
    int found = 0;
    pthread_t thread;
    lua_Integer busy = many(2000);
    if (pthread_create(&thread, NULL, calls, &busy) != 0) /* another thread is at work meanwhile */
        exit(1);
    for (lua_Integer i = 0; i < rounds && !found; i++) {
        lua_State *L = new_state();
        found += !call(L, "before_fork", 0);
        lua_setglobal(L, "held");
        pid_t pid = fork();
        if (pid == 0) {
            alarm(20);
            bool ok = call(L, "after_fork", -1);
            lua_close(L);
            _exit(ok ? 0 : 1);
        }
        int status = 1;
        found += !call(L, "go_on", -1);
        lua_close(L);
        waitpid(pid, &status, 0);
        if (status != 0)
            fprintf(stderr, "fork: the child ended with %#x\n", (unsigned)status);
        found += status != 0;
    }
    pthread_join(thread, NULL);
    say("fork", rounds, "forks with requests on their way", found + (busy < 0));
}

/* ---- signals ---- */

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
    (void)sig;
    signals++;
}

static void under_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, old; /* no SA_RESTART: calls are interrupted */
    struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
    signal(SIGPIPE, SIG_DFL);
    sigaction(SIGALRM, &action, &old);
    setitimer(ITIMER_REAL, &often, NULL);
    lua_State *L = new_state();
    lua_Integer rounds = many(1000);
    int found = !call(L, "under_signals", rounds);
    lua_close(L);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    fprintf(stderr, "%d signals came\n", (int)signals);
    say("signals", rounds, "calls interrupted by signals, SIGPIPE deadly", found + (signals == 0));
}

int main(int argc, char **argv)
{
    build = argc > 1 ? argv[1] : "build";
    share = argc > 2 ? atof(argv[2]) : 1;
    lua_State *server = new_state();
    if (!call(server, "serve", 0))
        return 1;
    snprintf(world, sizeof world, "%s", lua_tostring(server, -1));
    in_threads(argc > 3 ? argv[3] : "threads");
    if (argc < 4) {
        again("states", "states made, loaded and closed", "life", many(10000), true);
        again("in flight", "states closed with everything in flight", "in_flight", many(1000), true);
        again("reload", "states in which the modules were loaded again", "reload", many(500), false);
        forks();
        under_signals();
    }
    call(server, "stop", 0);
    lua_close(server);
    return findings != 0;
}
