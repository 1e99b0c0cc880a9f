/*
 * awork.sandbox.core: the starter's side. A server is a userdata that owns a thread; `stop`, `__gc` and
 * `__close` are one idempotent function.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

#define SB_SERVER_MT "awork.sandbox.server"

struct sb_box {
    struct sb_server *server; /* NULL once stopped */
};

static struct sb_box *to_box(lua_State *L)
{
    return luaL_checkudata(L, 1, SB_SERVER_MT);
}

static struct sb_server *to_server(lua_State *L)
{
    struct sb_box *box = to_box(L);
    if (box->server == NULL)
        luaL_error(L, "the sandbox is stopped");
    return box->server;
}

/* Join the thread and free everything, once. */
static void release(struct sb_box *box)
{
    struct sb_server *s = box->server;
    box->server = NULL;
    if (s != NULL) {
        sb_server_stop(s);
        free(s);
    }
}

/* A malloc'ed copy of the string field, NULL when it is nil. */
static char *string_field(lua_State *L, int idx, const char *name)
{
    size_t len;
    lua_getfield(L, idx, name);
    const char *text = luaL_optlstring(L, -1, NULL, &len);
    char *copy = NULL;
    if (text != NULL) {
        if (strlen(text) != len)
            luaL_error(L, "option '%s' contains a NUL", name);
        copy = strdup(text);
        if (copy == NULL)
            luaL_error(L, "not enough memory");
    }
    lua_pop(L, 1);
    return copy;
}

static lua_Integer integer_field(lua_State *L, int idx, const char *name, lua_Integer def, lua_Integer max)
{
    int is_integer = 1;
    lua_getfield(L, idx, name);
    lua_Integer value = lua_isnil(L, -1) ? def : lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || value < 0 || value > max)
        luaL_error(L, "option '%s' must be an integer from 0 to %I", name, (LUAI_UACINT)max);
    lua_pop(L, 1);
    return value;
}

/*
 * core.start(config) -> server, info (JSON), port, ca_file | nil, message
 * config: path, cpath, options (JSON), host, port, body_limit, idle_timeout, tls (kind or nil), priorities.
 */
static int core_start(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct sb_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->server = NULL;
    luaL_setmetatable(L, SB_SERVER_MT);

    struct sb_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return luaL_error(L, "not enough memory");
    s->wake_fd = s->epoll_fd = -1;
    box->server = s;

    struct sb_config *c = &s->config;
    c->path = string_field(L, 1, "path");
    c->cpath = string_field(L, 1, "cpath");
    c->options = string_field(L, 1, "options");
    c->host = string_field(L, 1, "host");
    c->priorities = string_field(L, 1, "priorities");
    if (c->path == NULL || c->cpath == NULL || c->options == NULL || c->host == NULL)
        return luaL_error(L, "path, cpath, options and host must be strings");
    c->port = (uint16_t)integer_field(L, 1, "port", 0, 65535);
    c->body_limit = (size_t)integer_field(L, 1, "body_limit", 1 << 20, 1 << 30);
    c->idle_timeout = (unsigned int)integer_field(L, 1, "idle_timeout", 0, 86400);

    lua_getfield(L, 1, "tls");
    const char *kind = luaL_optstring(L, -1, NULL);
    const char *why = NULL;
    if (kind != NULL && sb_tls_make(c, kind, &why) != 0) {
        lua_pushnil(L);
        lua_pushfstring(L, "can't make a certificate: %s", why);
        release(box);
        return 2;
    }
    lua_pop(L, 1);

    if (sb_server_launch(s) != 0) {
        lua_pushnil(L);
        lua_pushstring(L, s->error != NULL ? s->error : "not enough memory");
        release(box);
        return 2;
    }
    lua_pushvalue(L, 2);
    lua_pushstring(L, s->info);
    lua_pushinteger(L, s->port);
    lua_pushstring(L, c->ca_file); /* nil without TLS */
    return 4;
}

/* server:call(json [, seconds]) -> json | nil, message. Blocks at most `seconds` (10). */
static int server_call(lua_State *L)
{
    struct sb_server *s = to_server(L);
    size_t len;
    const char *json = luaL_checklstring(L, 2, &len);
    double seconds = luaL_optnumber(L, 3, 10);
    luaL_argcheck(L, seconds >= 0 && seconds <= 86400, 3, "seconds out of range");
    /* The reply is malloc'ed by the server's thread: a box frees it should pushing it raise. */
    char **held = lua_newuserdatauv(L, sizeof *held, 0);
    *held = NULL;
    luaL_setmetatable(L, SB_SERVER_MT ".reply");
    size_t reply_len = 0;
    int rc = sb_server_call(s, json, len, seconds, held, &reply_len);
    if (rc != 0) {
        lua_pushnil(L);
        lua_pushstring(L, rc == -1   ? "the sandbox has ended"
                          : rc == -2 ? "the sandbox did not answer in time"
                                     : "not enough memory");
        return 2;
    }
    lua_pushlstring(L, *held, reply_len);
    free(*held);
    *held = NULL;
    return 1;
}

static int reply_gc(lua_State *L)
{
    char **held = luaL_checkudata(L, 1, SB_SERVER_MT ".reply");
    free(*held);
    *held = NULL;
    return 0;
}

/* server:stop(): end the thread, close every socket, remove the temporary files. */
static int server_stop(lua_State *L)
{
    release(to_box(L));
    return 0;
}

__attribute__((visibility("default"))) int luaopen_awork_sandbox_core(lua_State *L);

int luaopen_awork_sandbox_core(lua_State *L)
{
    static const luaL_Reg methods[] = {{"call", server_call}, {"stop", server_stop}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__gc", server_stop}, {"__close", server_stop}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"start", core_start}, {NULL, NULL}};

    luaL_checkversion(L); /* first: nothing else is safe in a Lua of another version */
    luaL_newmetatable(L, SB_SERVER_MT ".reply");
    lua_pushcfunction(L, reply_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newmetatable(L, SB_SERVER_MT);
    luaL_setfuncs(L, metamethods, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
    luaL_newlib(L, functions);
    return 1;
}
