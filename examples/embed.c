/*
 * An application in C that is configured in Lua, and that sends what its users configured to awork.
 *
 *     make
 *     cc -o build/embed examples/embed.c -Isrc build/libawork.a $(pkg-config --cflags --libs lua5.4 libcurl)
 * -lm -pthread build/embed examples/embed_config.lua ...
 *
 * Each file is run in a Lua state of its own, on a thread of its own, with a limit on memory and on
 * instructions. What is in it sees an environment with next to nothing in it: no os, io, require or debug,
 * and no awork. With AWORK_TOKEN in the environment, the contact infos are created for the user AWORK_USER_ID;
 * without, they are only validated. A configuration may also say which people should have what (`people`,
 * see embed_people.lua): awork is made to match. The exit status is 0 if all of it went well.
 */
#include "awork.h"

#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_LIMIT = 16 * 1024 * 1024, INSTRUCTION_LIMIT = 1000 * 1000, FILES_MAX = 16 };

/* What the host does with a configuration. Its return values: how many were good, and a text that says what
 * was not. */
static const char job[] =
    "local config = ...\n"
    "local awork = require 'awork'\n"
    "local lines, good = {}, 0\n"
    "local function list_of(value) return type(value) == 'table' and value or {} end\n"
    "local token, user_id = os.getenv 'AWORK_TOKEN', os.getenv 'AWORK_USER_ID'\n"
    "local client <close> = token and assert(awork.client {\n"
    "  token = token, base_url = os.getenv 'AWORK_BASE_URL', timeout = config.timeout,\n"
    "}) or nil\n"
    "local list = list_of(config.contact_infos)\n"
    "for i = 1, #list do\n"
    "  local info, err = awork.contact_info(list[i])\n"
    "  if info and client then info, err = client.contact_infos:create(user_id, info) end\n"
    "  if info then good = good + 1 else lines[#lines + 1] = ('contact_infos[%d]: %s'):format(i, err) end\n"
    "end\n"
    /* Who should have what: planned, and applied if all of it can be. Options are the host's to choose: a
     * configuration can't ask for prune. */
    "local people = list_of(config.people)\n"
    "for i = 1, #people do people[i].source = { row = i } end\n"
    "if client and #people > 0 then\n"
    "  local plan = assert(client:plan(people, { default_country = 'DE' }))\n"
    "  for _, problem in ipairs(plan.problems) do\n"
    "    lines[#lines + 1] = ('people[%s]: %s'):format(problem.source and problem.source.row or '?',\n"
    "      problem.message)\n"
    "  end\n"
    "  if #plan.problems == 0 then\n"
    "    local report = assert(client:apply(plan, { journal = false }))\n"
    "    good = good + plan.summary.keep + report.settled - report.counts.failed - report.counts.stale\n"
    "    if report.state == 'incomplete' then lines[#lines + 1] = report:to_text() end\n"
    "  end\n"
    "end\n"
    "return good, table.concat(lines, '\\n')\n";

/* An allocator that says no at the limit; Lua then raises "not enough memory", which ends that state's work
 * alone. */
static void *limited_alloc(void *ud, void *block, size_t old, size_t size)
{
    size_t *used = ud;
    void *p;

    if (block == NULL)
        old = 0; /* then it is the kind of object */
    if (size == 0) {
        *used -= old;
        free(block);
        return NULL;
    }
    if (size > old && *used + (size - old) > MEMORY_LIMIT)
        return NULL;
    p = realloc(block, size);
    if (p != NULL)
        *used = *used - old + size;
    return p;
}

static void out_of_instructions(lua_State *L, lua_Debug *where)
{
    (void)where;
    luaL_error(L, "the configuration runs too long");
}

/* The table that a configuration sees as its globals: a few functions that can do no harm. */
static void push_environment(lua_State *L)
{
    static const char *const names[] = {"ipairs",   "pairs", "next",  "tonumber",
                                        "tostring", "type",  "error", "assert"};

    lua_newtable(L);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getglobal(L, names[i]);
        lua_setfield(L, -2, names[i]);
    }
}

/* What a string's methods are looked up in. Without any, ("x"):rep(1e9), which no hook ends, is not there to
 * call. */
static void set_string_methods(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, index);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}

/* Runs the file named by the argument and returns the table of what it set. */
static int load_config(lua_State *L)
{
    enum { PATH = 1, ENVIRONMENT, STRING };
    int status;

    push_environment(L);
    lua_getglobal(L, "string");
    if (luaL_loadfilex(L, luaL_checkstring(L, PATH), "t") !=
        LUA_OK) /* no precompiled code: that can crash Lua */
        return lua_error(L);
    lua_pushvalue(L, ENVIRONMENT);
    lua_setupvalue(L, -2, 1); /* its globals */
    lua_pushnil(L);
    set_string_methods(L, -1);
    lua_pop(L, 1);
    lua_sethook(L, out_of_instructions, LUA_MASKCOUNT, INSTRUCTION_LIMIT);
    status = lua_pcall(L, 0, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    set_string_methods(L, STRING);
    if (status != LUA_OK)
        return lua_error(L);
    lua_settop(L, ENVIRONMENT);
    return 1;
}

struct task {
    const char *path;
    long long good;
    char *problem; /* NULL: none */
};

/* An error as text, whatever it is. */
static int text_of(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/* All that may raise happens in here, under one lua_pcall. Takes a task, returns what `job` returns. */
static int work(lua_State *L)
{
    const struct task *task = lua_touserdata(L, 1);

    luaL_openlibs(L);
    luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "lua/?.lua;lua/?/init.lua;%s",
                    lua_tostring(L, -1)); /* where the Lua side of awork is */
    lua_setfield(L, -3, "path");

    if (luaL_loadbufferx(L, job, sizeof job - 1, "=job", "t") != LUA_OK)
        return lua_error(L);
    lua_pushcfunction(L, load_config);
    lua_pushstring(L, task->path);
    lua_call(L, 1, 1);
    lua_call(L, 1, 2);
    return 2;
}

static char *copy(const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = malloc(n);
    return p != NULL ? memcpy(p, text, n) : NULL;
}

/* A thread. Outside lua_pcall it calls nothing that allocates in the state. */
static void *run(void *arg)
{
    struct task *task = arg;
    size_t used = 0;
    lua_State *L = lua_newstate(limited_alloc, &used);

    if (L == NULL) {
        task->problem = copy("no memory for a Lua state");
        return NULL;
    }
    lua_pushcfunction(L, text_of);
    lua_pushcfunction(L, work);
    lua_pushlightuserdata(L, task);
    if (lua_pcall(L, 1, 2, 1) != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        task->problem = copy(text != NULL ? text : "an error without a text");
    } else {
        task->good = lua_tointeger(L, -2);
        if (lua_rawlen(L, -1) > 0)
            task->problem = copy(lua_tostring(L, -1));
    }
    lua_close(L); /* closes what is open, whatever happened */
    return NULL;
}

int main(int argc, char **argv)
{
    struct task tasks[FILES_MAX];
    pthread_t threads[FILES_MAX];
    int count = argc - 1, status = 0;

    if (count < 1 || count > FILES_MAX) {
        fprintf(stderr, "usage: %s CONFIG...\n", argv[0]);
        return 2;
    }
    memset(tasks, 0, sizeof tasks);
    for (int i = 0; i < count; i++) {
        tasks[i].path = argv[i + 1];
        if (pthread_create(&threads[i], NULL, run, &tasks[i]) != 0) {
            fprintf(stderr, "no thread for %s\n", tasks[i].path);
            return 1;
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        printf("%s: %lld good\n", tasks[i].path, tasks[i].good);
        if (tasks[i].problem != NULL) {
            printf("%s\n", tasks[i].problem);
            status = 1;
        }
        free(tasks[i].problem);
    }
    return status;
}
