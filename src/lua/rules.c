/* What may be sent, and what must not be shown: the core's rules for tokens, URLs, proxies, headers and secrets. */
#include "../http/buffer.h"
#include "../http/engine.h"
#include "../http/header.h"
#include "../http/secret.h"
#include "../http/url.h"
#include "binding.h"

#include <string.h>

/* core.token_fault(token) -> nil, or what is wrong with it: the end of a sentence, without the token. */
static int core_token_fault(lua_State *L)
{
    size_t n;
    const char *fault = NULL;
    if (lua_type(L, 1) != LUA_TSTRING) {
        lua_pushfstring(L, "a string expected, got %s", luaL_typename(L, 1));
        return 1;
    }
    const char *s = lua_tolstring(L, 1, &n);
    fault = aw_token_fault(s, n);
    lua_pushstring(L, fault); /* nil for NULL */
    return 1;
}

/* nil for an URL that is good; else what is wrong with it, and whether it is that it is plain http. */
static int url_fault(lua_State *L,
                     enum aw_url_error (*read)(const char *s, size_t n, bool allow_http, struct aw_url *url))
{
    size_t n;
    struct aw_url url;
    const char *s = luaL_checklstring(L, 1, &n);
    enum aw_url_error error = read(s, n, lua_toboolean(L, 2), &url);
    if (error == AW_URL_MEMORY)
        return luaL_error(L, "not enough memory");
    if (error == AW_URL_GOOD) {
        lua_pushnil(L);
        lua_pushboolean(L, url.loopback);
        return 2;
    }
    lua_pushstring(L, aw_url_message(error));
    lua_pushboolean(L, error == AW_URL_INSECURE);
    return 2;
}

/* core.url_fault(url, allow_http) -> nil, loopback; or message, insecure. */
static int core_url_fault(lua_State *L)
{
    return url_fault(L, aw_url_read);
}

/* core.base_url_fault(url, allow_http): the same for one to which paths are added. */
static int core_base_url_fault(lua_State *L)
{
    return url_fault(L, aw_url_read_base);
}

/*
 * core.proxy_fault(url) -> nil, or what is wrong with a proxy's URL, without a word of it. Without an argument: with the
 * one in the environment.
 */
static int core_proxy_fault(lua_State *L)
{
    size_t n;
    const char *s = luaL_optlstring(L, 1, aw_engine_environment_proxy(), &n);
    const char *fault = aw_proxy_fault(s, n);
    if (fault && strcmp(fault, AW_URL_NO_MEMORY) == 0)
        return luaL_error(L, "not enough memory");
    lua_pushstring(L, fault);
    return 1;
}

/* core.header_fault(name, value, by) -> nil, or what is wrong. `by`: "client", of all requests; "request", of one. */
static int core_header_fault(lua_State *L)
{
    static const char *const owners[] = {"client", "request", NULL};
    size_t name_len = 0, value_len = 0;
    enum aw_header_owner by = luaL_checkoption(L, 3, NULL, owners) == 0 ? AW_BY_CLIENT : AW_BY_REQUEST;
    const char *name = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &name_len) : "";
    bool is_text = lua_type(L, 2) == LUA_TSTRING;
    const char *value = is_text ? lua_tolstring(L, 2, &value_len) : "";
    enum aw_header_error error = aw_header_check(name, name_len, value, value_len, by);
    if (error == AW_HEADER_GOOD && !is_text)
        error = AW_HEADER_VALUE;
    if (error == AW_HEADER_GOOD)
        return 0;
    lua_pushfstring(L, aw_header_message(error), name);
    return 1;
}

/* ---- secrets ---- */

enum { REDACT_DEPTH = 4 };

/* Takes the secret out of the string at the top; true if that changed it. */
static bool redact_string(lua_State *L, const struct aw_secret *secret)
{
    size_t n;
    const char *s = lua_tolstring(L, -1, &n);
    if (n < secret->len)
        return false;
    char *copy = lua_newuserdatauv(L, n, 0); /* it must not be lost when memory runs out */
    memcpy(copy, s, n);
    size_t left = aw_redact(copy, n, secret, false);
    bool changed = left != n || memcmp(copy, s, n) != 0;
    if (changed) {
        lua_pushlstring(L, copy, left);
        lua_replace(L, -3);
    }
    aw_wipe(copy, n);
    lua_pop(L, 1);
    return changed;
}

/* The same for all strings of the table at the top. */
static void redact_table(lua_State *L, const struct aw_secret *secret, int depth)
{
    luaL_checkstack(L, 6, "not enough memory");
    int table = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table) != 0;) {
        if (lua_type(L, -1) == LUA_TSTRING && redact_string(L, secret)) {
            lua_pushvalue(L, -2); /* an existing field: that is allowed in a traversal */
            lua_insert(L, -2);
            lua_rawset(L, table);
            continue;
        }
        if (lua_istable(L, -1) && depth < REDACT_DEPTH)
            redact_table(L, secret, depth + 1);
        lua_pop(L, 1);
    }
}

/* The box of a secret, so that it is wiped whatever happens. */
static int drop_secret(lua_State *L)
{
    struct aw_secret **box = lua_touserdata(L, 1);
    aw_secret_drop(*box);
    *box = NULL;
    return 0;
}

struct aw_secret **awl_push_secret(lua_State *L)
{
    struct aw_secret **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    if (luaL_newmetatable(L, "awork.secret")) {
        lua_pushcfunction(L, drop_secret);
        lua_setfield(L, -2, "__gc");
        lua_pushliteral(L, "awork.secret");
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    return box;
}

int awl_redact(lua_State *L, struct aw_secret **box)
{
    lua_pushvalue(L, 2);
    if (lua_istable(L, -1))
        redact_table(L, *box, 0);
    else if (lua_type(L, -1) == LUA_TSTRING)
        redact_string(L, *box);
    aw_secret_drop(*box);
    *box = NULL;
    return 1;
}

/*
 * core.redact(value, secret) -> value. Takes the secret out of a string (a new one is returned), or out of all strings in
 * a table and those in it, in place. One pass. A secret of fewer than four bytes, or of more than 65,535, is not looked
 * for.
 */
static int core_redact(lua_State *L)
{
    size_t n;
    lua_settop(L, 2);
    lua_insert(L, 1);
    const char *s = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &n) : NULL;
    if (!s || n < AW_REDACT_MIN || n > UINT16_MAX)
        return 1;
    struct aw_secret **box = awl_push_secret(L);
    *box = aw_secret_new(s, n);
    if (!*box)
        return luaL_error(L, "not enough memory");
    return awl_redact(L, box);
}

/* core.base64(text) -> text (RFC 4648, 4). */
static int core_base64(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, AW_BASE64_SIZE(n));
    luaL_pushresultsize(&b, aw_base64(s, n, to));
    return 1;
}

void awl_open_rules(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"token_fault", core_token_fault},
        {"url_fault", core_url_fault},
        {"base_url_fault", core_base_url_fault},
        {"proxy_fault", core_proxy_fault},
        {"header_fault", core_header_fault},
        {"redact", core_redact},
        {"base64", core_base64},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
