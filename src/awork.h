/*
 * awork: public header for C hosts that link libawork.a.
 *
 *     luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
 *     lua_pop(L, 1);
 *
 * The Lua side (lua/awork/) must be on package.path; `require "awork"` then finds this core.
 *
 * A host with an event loop of its own (epoll, libuv, …) watches aw_engine_sockets, waits at most
 * aw_engine_timeout, and when either says so lets Lua call client:step(). Example: examples/loop_epoll.c.
 */
#ifndef AWORK_H
#define AWORK_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define AWORK_API __attribute__((visibility("default")))
#else
#define AWORK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aw_engine aw_engine;

#ifndef AW_SOCKET
#define AW_SOCKET
struct aw_socket {
    int fd;
    bool read, write; /* what to wait for */
};
#endif

AWORK_API int luaopen_awork_core(lua_State *L);

/*
 * The engine at idx: an engine userdata, or a table (a client) that has one in its field "engine". NULL when
 * it is neither, or closed. The engine lives until its client is closed or collected: keep that in Lua.
 */
AWORK_API aw_engine *awork_toengine(lua_State *L, int idx);

/*
 * Makes client:wait(), or a loop that watches the engine's sockets, return at once. The only function here
 * that may be called from any thread, and from a signal handler.
 */
AWORK_API void aw_engine_wakeup(aw_engine *e);

/*
 * The sockets to watch now, up to n of them in `out`; returns the count of all. The set changes with every
 * step. It includes the one by which aw_engine_wakeup makes itself heard.
 */
AWORK_API size_t aw_engine_sockets(const aw_engine *e, struct aw_socket *out, size_t n);

/* CLOCK_MONOTONIC in seconds: the clock of an engine whose options gave no other. */
AWORK_API double aw_now(void);

/* Seconds until the engine needs a step though no socket is ready: 0 at once, negative: nothing pending. */
AWORK_API double aw_engine_timeout(const aw_engine *e, double now);

#ifdef __cplusplus
}
#endif

#endif
