/*
 * The server's lua_State: opened, asked and closed on the server's thread. Everything that may raise runs
 * inside lua_pcall; what C allocates meanwhile belongs to the request or the server.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

/* Registry keys of the script's functions: the addresses of these. */
static const char KEY_HANDLE = 'h', KEY_EARLY = 'e', KEY_COMMAND = 'c';

static struct sb_server *host_server(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* host.early(on): ask early() about each request when its header is there */
static int host_early(lua_State *L)
{
    host_server(L)->early = lua_toboolean(L, 1);
    return 0;
}

/* host.headers(on): hand over all headers of each request */
static int host_headers(lua_State *L)
{
    host_server(L)->want_headers = lua_toboolean(L, 1);
    return 0;
}

/* host.connections() -> since the start, open now */
static int host_connections(lua_State *L)
{
    struct sb_server *s = host_server(L);
    lua_pushinteger(L, (lua_Integer)s->connections);
    lua_pushinteger(L, (lua_Integer)s->connections_open);
    return 2;
}

/* host.clock() -> monotonic seconds, seconds since the epoch, ticks of 100 ns */
static int push_clock(lua_State *L)
{
    lua_Integer sec, ticks;
    sb_realtime(&sec, &ticks);
    lua_pushnumber(L, sb_monotonic());
    lua_pushinteger(L, sec);
    lua_pushinteger(L, ticks);
    return 3;
}

static void set_string(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static int open_script(lua_State *L)
{
    static const luaL_Reg host[] = {{"early", host_early},
                                    {"headers", host_headers},
                                    {"connections", host_connections},
                                    {"clock", push_clock},
                                    {NULL, NULL}};
    struct sb_server *s = lua_touserdata(L, 1);
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    set_string(L, "path", s->config.path);
    set_string(L, "cpath", s->config.cpath);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "awork.sandbox.server");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "open");
    lua_pushstring(L, s->config.options);
    luaL_newlibtable(L, host);
    lua_pushlightuserdata(L, s);
    luaL_setfuncs(L, host, 1);
    lua_pushboolean(L, s->config.key != NULL);
    lua_setfield(L, -2, "tls");
    lua_call(L, 2, 4);
    size_t len;
    const char *info = luaL_checklstring(L, -1, &len);
    s->info = strdup(info);
    if (s->info == NULL)
        return luaL_error(L, "not enough memory");
    lua_pop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &KEY_COMMAND);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &KEY_EARLY);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &KEY_HANDLE);
    return 0;
}

int sb_script_open(struct sb_server *s, char **error)
{
    s->L = luaL_newstate();
    if (s->L == NULL) {
        *error = strdup("not enough memory");
        return -1;
    }
    lua_pushcfunction(s->L, open_script);
    lua_pushlightuserdata(s->L, s);
    if (lua_pcall(s->L, 1, 0, 0) == LUA_OK)
        return 0;
    const char *message = lua_tostring(s->L, -1);
    *error = strdup(message != NULL ? message : "the server's script failed");
    return -1;
}

void sb_script_close(struct sb_server *s)
{
    if (s->L != NULL)
        lua_close(s->L);
    s->L = NULL;
}

struct call {
    struct sb_request *request;
    const char *method;
};

static void push_header(lua_State *L, const struct sb_request *r, const char *name)
{
    lua_pushstring(L, MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name));
}

/* handle(method, target, authorization, content_type, body, headers, connection, too_large, clock ...) */
static int call_handle(lua_State *L)
{
    const struct call *call = lua_touserdata(L, 1);
    struct sb_request *r = call->request;
    lua_settop(L, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &KEY_HANDLE);
    lua_pushstring(L, call->method);
    lua_pushstring(L, r->target);
    push_header(L, r, MHD_HTTP_HEADER_AUTHORIZATION);
    push_header(L, r, MHD_HTTP_HEADER_CONTENT_TYPE);
    lua_pushlstring(L, r->body != NULL ? r->body : "", r->body_len);
    if (r->headers != NULL)
        lua_pushlstring(L, r->headers, r->headers_len);
    else
        lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)r->connection_id);
    lua_pushboolean(L, r->too_large);
    push_clock(L);
    lua_call(L, 11, 4);
    sb_answer_read(L, r, call->method);
    return 0;
}

static int call_early(lua_State *L)
{
    const struct call *call = lua_touserdata(L, 1);
    struct sb_request *r = call->request;
    lua_settop(L, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &KEY_EARLY);
    lua_pushstring(L, call->method);
    lua_pushstring(L, r->target);
    if (r->headers != NULL)
        lua_pushlstring(L, r->headers, r->headers_len);
    else
        lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)r->connection_id);
    push_clock(L);
    lua_call(L, 7, 2);
    if (lua_isnumber(L, 1)) {
        double bytes = lua_tonumber(L, 1);
        const char *how = lua_tostring(L, 2);
        r->cut_at = bytes < 0 ? 0 : bytes > 1e15 ? SIZE_MAX : (size_t)bytes;
        r->cut = how != NULL && strcmp(how, "close") == 0 ? SB_CLOSE : SB_RESET;
    }
    return 0;
}

static bool protect(lua_State *L, lua_CFunction f, struct call *call)
{
    lua_settop(L, 0);
    lua_pushcfunction(L, f);
    lua_pushlightuserdata(L, call);
    bool ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
    lua_settop(L, 0);
    return ok;
}

void sb_script_early(struct sb_request *r, const char *method)
{
    struct call call = {r, method};
    protect(r->server->L, call_early, &call);
}

bool sb_script_request(struct sb_request *r, const char *method)
{
    struct call call = {r, method};
    return protect(r->server->L, call_handle, &call);
}

struct command {
    const char *json;
    size_t len;
    char *reply;
    size_t reply_len;
};

static int call_command(lua_State *L)
{
    struct command *c = lua_touserdata(L, 1);
    lua_settop(L, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &KEY_COMMAND);
    lua_pushlstring(L, c->json, c->len);
    lua_call(L, 1, 1);
    const char *reply = luaL_checklstring(L, 1, &c->reply_len);
    c->reply = malloc(c->reply_len + 1);
    if (c->reply != NULL)
        memcpy(c->reply, reply, c->reply_len + 1);
    return 0;
}

/* The script's reply, malloc'ed; NULL when there is no memory for one. */
char *sb_script_command(struct sb_server *s, const char *json, size_t len, size_t *reply_len)
{
    struct command c = {.json = json, .len = len, .reply = NULL, .reply_len = 0};
    lua_settop(s->L, 0);
    lua_pushcfunction(s->L, call_command);
    lua_pushlightuserdata(s->L, &c);
    lua_pcall(s->L, 1, 0, 0);
    lua_settop(s->L, 0);
    *reply_len = c.reply_len;
    return c.reply;
}
