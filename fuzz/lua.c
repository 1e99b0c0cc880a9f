/*
 * What is written in Lua, fuzzed: target NAME is the function NAME of targets.lua, called with the bytes. Its state
 * lives for many runs, then is made anew.
 *
 * The lines of lua/awork/ that run are counters of libFuzzer's, so that it looks for inputs that reach new ones. To
 * count them makes Lua several times slower: they are counted for what is in the corpus and for every sixteenth input
 * made from it. The edges of the core in C, which see much of what differs, count always.
 *
 * Lua's memory comes from blocks of few sizes, which are used again: that is faster by far than
 * AddressSanitizer's own malloc. What a block has beyond what was asked for, and what is free, is poisoned: the core
 * can't touch it unseen. What the core itself allocates is malloc's.
 */
#include "awork.h"

#include "mutate.h"

#include <lauxlib.h>
#include <lualib.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { RUNS = 20000, COUNTERS = 1 << 13, COUNT_EVERY = 16 };

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];
static uint8_t reached[COUNTERS];
static lua_State *L;
static long runs;
static bool mutated; /* false while the corpus is read, and in -merge=1 */

/* ---- memory ---- */

enum {
    UNIT = 32,  /* the sizes are multiples of it ... */
    UNITS = 64, /* ... up to so many; what is larger is malloc's */
    RED = 8,    /* at least so much of a block is poisoned, behind what was asked for */
    SLAB = 256 * 1024,
    LATE = 32,
};

struct block {
    struct block *next;
};

/* What is free, the last first; but what became free just now waits until LATE others of its size have, so that who
 * still uses it is found. */
static struct {
    struct block *free, *late[LATE];
    unsigned at;
} sizes[UNITS + 1];

static size_t units(size_t n)
{
    return (n + RED + UNIT - 1) / UNIT;
}

__attribute__((no_sanitize("address"))) static void put(struct block *b, size_t u)
{
    struct block **late = &sizes[u].late[sizes[u].at++ % LATE], *before = *late;
    *late = b;
    if (before) {
        before->next = sizes[u].free;
        sizes[u].free = before;
    }
}

__attribute__((no_sanitize("address"))) static void *take(size_t n)
{
    static char *slab, *slab_end;
    static void *slabs; /* each begins with the address of the one before */
    size_t u = units(n);
    struct block *b = sizes[u].free;
    if (b) {
        sizes[u].free = b->next;
    } else {
        if ((size_t)(slab_end - slab) < u * UNIT) {
            slab = malloc(SLAB);
            if (!slab)
                return NULL;
            slab_end = slab + SLAB;
            ASAN_POISON_MEMORY_REGION(slab, SLAB);
            ASAN_UNPOISON_MEMORY_REGION(slab, RED);
            memcpy(slab, &slabs, sizeof slabs);
            slabs = slab;
            slab += UNIT;
        }
        b = (struct block *)(void *)slab;
        slab += u * UNIT;
    }
    ASAN_UNPOISON_MEMORY_REGION(b, n);
    return b;
}

static void give(void *p, size_t n)
{
    if (units(n) > UNITS) {
        free(p);
        return;
    }
    ASAN_POISON_MEMORY_REGION(p, n);
    put(p, units(n));
}

static void *allocate(void *data, void *p, size_t before, size_t n)
{
    (void)data;
    if (n == 0) {
        if (p)
            give(p, before);
        return NULL;
    }
    if (p && units(before) > UNITS && units(n) > UNITS)
        return realloc(p, n);
    void *fresh = units(n) > UNITS ? malloc(n) : take(n);
    if (fresh && p) {
        memcpy(fresh, p, before < n ? before : n);
        give(p, before);
    }
    return fresh;
}

/* ---- lines ---- */

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

int luaopen_awork_posix(lua_State *L); /* linked with the target: journals and plans need it */

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
    L = lua_newstate(allocate, NULL);
    if (!L)
        abort();
    lua_gc(L, LUA_GCGEN, 10,
           0); /* most of what a run makes is dead after it: the same memory again and again */
    luaL_openlibs(L);
    luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
    luaL_requiref(L, "awork.posix", luaopen_awork_posix, 0);
    lua_settop(L, 0);
    lua_pushcfunction(L, traceback);
    if (luaL_dostring(L, "package.path = 'lua/?.lua;lua/?/init.lua;fuzz/?.lua;' .. package.path"))
        fail("path");
    if (luaL_dostring(L, "return (require 'targets')." TARGET))
        fail("targets.lua");
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutated = true;
#ifdef JSON
    return mutate_json(data, size, max_size, seed);
#else
    (void)seed;
    return LLVMFuzzerMutate(data, size, max_size);
#endif
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (runs % RUNS == 0)
        begin();
    bool count = !mutated || runs % COUNT_EVERY == 0;
    runs++;
    lua_sethook(L, count ? on_line : NULL, count ? LUA_MASKLINE : 0, 0);
    lua_pushvalue(L, 2);
    lua_pushlstring(L, (const char *)data, size);
    if (lua_pcall(L, 1, 0, 1) != LUA_OK)
        fail(TARGET);
    lua_settop(L, 2);
    return 0;
}
