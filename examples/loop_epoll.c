/*
 * A program in C with an epoll loop of its own, in which a Lua script talks to awork without ever blocking
 * it.
 *
 *     make
 *     cc -o build/loop_epoll examples/loop_epoll.c -Isrc build/libawork.a $(pkg-config --cflags --libs lua5.4
 * libcurl) \ -lm -pthread AWORK_TOKEN=... build/loop_epoll USER_ID
 *
 * A timer stands for all else that the loop has to do; it goes on ticking while 20 contact infos are created.
 */
#define _GNU_SOURCE
#include "awork.h"

#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SOCKETS_MAX = 256 };

/* What the user of this program wrote. */
static const char script[] = "package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path\n"
                             "local awork = require 'awork'\n"
                             "local user_id = ...\n"
                             "client = assert(awork.client { token = os.getenv 'AWORK_TOKEN', base_url = "
                             "os.getenv 'AWORK_BASE_URL' })\n"
                             "created = 0\n"
                             "for i = 1, 20 do\n"
                             "  client:spawn(function()\n"
                             "    local number = ('+49 30 1000%02d'):format(i)\n"
                             "    assert(client.contact_infos:create(user_id, { type = 'phone', subType = "
                             "'other', value = number }))\n"
                             "    created = created + 1\n"
                             "  end)\n"
                             "end\n";

/* Runs the script; takes the user's id, leaves the client in the global `client` and returns its engine. */
static int start(lua_State *L)
{
    luaL_openlibs(L);
    luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
    lua_pop(L, 1);
    if (luaL_loadbufferx(L, script, sizeof script - 1, "=script", "t") != LUA_OK)
        return lua_error(L);
    lua_insert(L, 1);
    lua_call(L, 1, 0);
    lua_getglobal(L, "client");
    lua_pushlightuserdata(L, awork_toengine(L, -1));
    return 1;
}

/* Lets the client make progress: the count of tasks that are not done, and milliseconds until it needs the
 * next step. */
static int step(lua_State *L)
{
    lua_getglobal(L, "client");
    lua_getfield(L, -1, "step");
    lua_pushvalue(L, -2);
    lua_call(L, 1, 1);
    lua_getfield(L, -2, "timeout"); /* knows of tasks that are ready, which the engine alone does not */
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
    lua_pushinteger(L, lua_isnil(L, -1) ? -1 : (lua_Integer)ceil(lua_tonumber(L, -1) * 1000));
    lua_replace(L, -2);
    return 2;
}

static int finish(lua_State *L)
{
    lua_getglobal(L, "created");
    return 1;
}

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void call(lua_State *L, lua_CFunction f, int args, int results)
{
    lua_pushcfunction(L, f);
    lua_insert(L, -1 - args);
    if (lua_pcall(L, args, results, 0) != LUA_OK)
        die(lua_isstring(L, -1) ? lua_tostring(L, -1) : "an error without a text");
}

/* Takes the engine's sockets into the epoll set, or out of it. */
static void watch(int epoll, const struct aw_socket *sockets, size_t n, int how)
{
    for (size_t i = 0; i < n; i++) {
        struct epoll_event event = {.data = {.fd = sockets[i].fd}};
        event.events = (sockets[i].read ? EPOLLIN : 0u) | (sockets[i].write ? EPOLLOUT : 0u);
        epoll_ctl(epoll, how, sockets[i].fd, &event);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        die("usage: loop_epoll USER_ID");
    lua_State *L = luaL_newstate();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (L == NULL || epoll < 0 || timer < 0)
        die("out of memory or descriptors");
    struct itimerspec every = {{0, 1000000}, {0, 1}};
    timerfd_settime(timer, 0, &every, NULL);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = timer}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);

    lua_pushstring(L, argv[1]);
    call(L, start, 1, 1);
    aw_engine *engine = lua_touserdata(L, -1);
    lua_settop(L, 0);

    unsigned long long ticks = 0;
    for (;;) {
        call(L, step, 0, 2);
        lua_Integer tasks = lua_tointeger(L, -2);
        int timeout = (int)lua_tointeger(L, -1);
        lua_settop(L, 0);
        if (tasks == 0)
            break;

        /* A step may close sockets and open others of the same number, so they are watched only between
         * steps. */
        struct aw_socket sockets[SOCKETS_MAX];
        size_t n = aw_engine_sockets(engine, sockets, SOCKETS_MAX);
        if (n > SOCKETS_MAX)
            n = SOCKETS_MAX;
        watch(epoll, sockets, n, EPOLL_CTL_ADD);
        struct epoll_event ready[16];
        int count = epoll_wait(epoll, ready, 16, timeout);
        watch(epoll, sockets, n, EPOLL_CTL_DEL);

        for (int i = 0; i < count; i++) {
            unsigned long long expirations;
            if (ready[i].data.fd == timer &&
                read(timer, &expirations, sizeof expirations) == sizeof expirations)
                ticks += expirations;
        }
    }
    call(L, finish, 0, 1);
    printf("created %lld contact infos while the loop ran: %s\n", lua_tointeger(L, -1),
           ticks > 0 ? "true" : "false");
    lua_close(L);
    close(timer);
    close(epoll);
    return 0;
}
