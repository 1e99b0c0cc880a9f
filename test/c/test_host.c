/*
 * A C host: links libawork.a, hands the core to its states with luaL_requiref, and runs several of them in
 * several threads. Run from the top of the tree, where lua/ is.
 */
#include "awork.h"
#include "check.h"

#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 12 };

/* The build directory: the one this program is in, two levels up. */
static char build[4096];

/* With the core alone: no file is read, nothing is on package.path. */
static const char core_alone[] =
    "package.path, package.cpath = '', ''\n"
    "local core = require 'awork.core'\n"
    "assert(core.validate { type = 'phone', subType = 'work', value = '+49 30 1234567' })\n"
    "local ok, err = core.validate { type = 'phone', subType = 'mobil', value = 4930123456 }\n"
    "assert(ok == nil and err.code == 'validation-failed' and #err.violations == 2)\n"
    "assert(core.validate({ type = 'url', subType = 'primary', value = 'https://example.com' }, "
    "'company'))\n";

/* With the Lua side, found on package.path, on top of the same core. */
static const char whole[] = "package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path\n"
                            "local core = require 'awork.core'\n"
                            "local awork = require 'awork'\n"
                            "assert(package.loaded['awork.core'] == core)\n"
                            "local info = assert(awork.contact_info { type = 'address', subType = 'work', "
                            "addressLine1 = 'Torstrasse 140',\n"
                            "  zipCode = '10119', city = 'Berlin', country = 'DE' })\n"
                            "assert(info.isAddress == true)\n"
                            "local client <close> = assert(awork.client { token = 'secret', base_url = "
                            "'http://127.0.0.1:1', timeout = 5,\n"
                            "  retries = 0 })\n"
                            "local ok, err = client.users:me()\n"
                            "assert(ok == nil and err.kind == 'network', tostring(err))\n"
                            "assert(not tostring(err):find 'secret')\n";

/*
 * A server and a client in one state, the server on its thread. The sandbox's C module is loaded from this
 * build (its directory is the argument); under TSan the races between the two would be seen here.
 */
static const char served[] =
    "local build = ...\n"
    "package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path\n"
    "package.cpath = build .. '/?.so;' .. package.cpath\n"
    "local awork = require 'awork'\n"
    "local server <close> = require 'awork.sandbox'.start { rate_limit = false }\n"
    "local client <close> = assert(awork.client { token = server.token, base_url = server.url })\n"
    "local user_id = server.user_ids[1]\n"
    "for i = 1, 5 do\n"
    "  assert(client.contact_infos:create(user_id, { type = 'phone', subType = 'work', value = '+49 30 ' .. "
    "i }))\n"
    "end\n"
    "assert(#server:requests() == 5)\n"
    "assert(#assert(client.contact_infos:list(user_id)) >= 5)\n";

/* Runs `code` in a state of its own. Returns NULL, or what went wrong, to be freed. */
static char *run(const char *code)
{
    char *message = NULL;
    lua_State *L = luaL_newstate();

    if (L == NULL)
        return strdup("no memory for a state");
    luaL_openlibs(L);
    luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
    lua_pop(L, 1);
    lua_pushstring(L, build);
    if (luaL_loadstring(L, code) != LUA_OK || (lua_insert(L, -2), lua_pcall(L, 1, 0, 0)) != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        message = strdup(text != NULL ? text : "an error that is no string");
    }
    lua_close(L);
    return message;
}

static void *in_a_thread(void *unused)
{
    char *message = NULL;

    (void)unused;
    for (int i = 0; i < ROUNDS && message == NULL; i++)
        message = run(i % 3 == 0 ? core_alone : i % 3 == 1 ? whole : served);
    return message;
}

static void check_run(char *message, const char *what)
{
    check_that(message == NULL, what, __FILE__, __LINE__);
    if (message != NULL)
        fprintf(stderr, "    %s\n", message);
    free(message);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];

    if (!CHECK(argc > 0) || !CHECK(snprintf(build, sizeof build, "%s", argv[0]) < (int)sizeof build))
        return check_report();
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(build, '/');
        if (slash != NULL)
            *slash = '\0';
    }

    check_run(run(core_alone), "the core alone");
    check_run(run(whole), "require \"awork\" with package.path");
    check_run(run(served), "a client and a sandbox");

    for (int i = 0; i < THREADS; i++)
        if (!CHECK(pthread_create(&threads[i], NULL, in_a_thread, NULL) == 0))
            return check_report();
    for (int i = 0; i < THREADS; i++) {
        void *message = NULL;
        CHECK(pthread_join(threads[i], &message) == 0);
        check_run(message, "states in a thread");
    }
    return check_report();
}
