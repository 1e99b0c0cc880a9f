/*
 * What is written in Lua, fuzzed: target NAME is the function NAME of targets.lua, called with the bytes. Its state
 * lives for many runs, then is made anew. The lines of lua/awork/ that run are counters of libFuzzer's, so that it
 * looks for inputs that reach new ones.
 */
#include "awork.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUNS = 20000, COUNTERS = 1 << 14 };

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];
static uint8_t reached[COUNTERS];
static lua_State *L;
static long runs;

static void on_line(lua_State *state, lua_Debug *ar)
{
    static const char *last; /* most lines are of the file of the one before */
    static uint32_t of_file;
    lua_getinfo(state, "Sl", ar);
    if (ar->source != last) {
        last = ar->source;
        of_file = 0;
        if (ar->source[0] == '@' && strstr(ar->source, "lua/awork/")) {
            of_file = 2166136261u;
            for (size_t i = ar->srclen > 20 ? ar->srclen - 20 : 0; i < ar->srclen; i++)
                of_file = (of_file ^ (uint8_t)ar->source[i]) * 16777619u;
        }
    }
    if (of_file == 0)
        return;
    uint32_t hash = (of_file ^ (uint32_t)ar->currentline * 2654435761u) * 16777619u;
    hash = (hash >> 16 ^ hash) % COUNTERS;
    if (counters[hash] < 255)
        counters[hash]++;
    reached[hash] = 1;
}

static void report(void)
{
    int lines = 0;
    for (int i = 0; i < COUNTERS; i++)
        lines += reached[i];
    lua_sethook(L, NULL, 0, 0);
    lua_close(L);
    fprintf(stderr, "lines of Lua reached: %d\n", lines);
}

static void fail(const char *what)
{
    fprintf(stderr, "FUZZ: %s: %s\n", what, luaL_tolstring(L, -1, NULL));
    abort();
}

static int traceback(lua_State *state)
{
    luaL_traceback(state, state, luaL_tolstring(state, 1, NULL), 1);
    return 1;
}

/* traceback at 1, the target at 2 */
static void begin(void)
{
    if (L) {
        lua_sethook(L, NULL, 0, 0);
        lua_close(L);
    } else {
        atexit(report);
    }
    L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
    lua_settop(L, 0);
    lua_pushcfunction(L, traceback);
    if (luaL_dostring(L, "package.path = 'lua/?.lua;lua/?/init.lua;fuzz/?.lua;' .. package.path"))
        fail("path");
    if (luaL_dostring(L, "return (require 'targets')." TARGET))
        fail("targets.lua");
    lua_sethook(L, on_line, LUA_MASKLINE, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (runs++ % RUNS == 0)
        begin();
    lua_pushvalue(L, 2);
    lua_pushlstring(L, (const char *)data, size);
    if (lua_pcall(L, 1, 0, 1) != LUA_OK)
        fail(TARGET);
    lua_settop(L, 2);
    return 0;
}
