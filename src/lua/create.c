/*
 * engine:create: validates a contact info and sends it, without the tables and strings between the two. What all
 * creates of a resource have in common is checked and laid out once, in a template.
 */
#include "../contact/text.h"
#include "../http/engine.h"
#include "binding.h"

#include <string.h>

enum { ENGINE = 1, TEMPLATE, OWNER, INFO, TIMEOUT, RETRY, LAST = RETRY }; /* the arguments of create */
enum { GUID = 36, URL_MAX = 1024, HEADERS_MAX = 64 };

struct template
{
    const char *id_name, *owner, *prefix, *suffix; /* kept by the user value */
    size_t prefix_len, suffix_len;
    bool strict;
    int depth;
    size_t header_count;
    struct aw_header headers[]; /* kept by it as well */
};

/* The string field of the table at 1, also kept in the table at `keep`. */
static const char *keep_field(lua_State *L, const char *name, int keep, size_t *n)
{
    if (lua_getfield(L, 1, name) != LUA_TSTRING)
        luaL_error(L, "template: '%s' must be a string", name);
    const char *s = lua_tolstring(L, -1, n);
    luaL_ref(L, keep);
    return s;
}

static size_t count_headers(lua_State *L, int idx)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING || ++n > HEADERS_MAX)
            luaL_error(L, "template: headers must be at most %d strings by strings", HEADERS_MAX);
    }
    return n;
}

/*
 * core.template { owner = "user", id_name = "user_id", prefix =, suffix =, headers =, strict =, max_depth = } -> what
 * engine:create needs beside the contact info. The URL is `prefix`, the owner's id, `suffix`; a row has the id as
 * `id_name`. nil if the URL would be too long to be laid out in advance.
 */
static int core_template(lua_State *L)
{
    size_t n, prefix_len, suffix_len;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_newtable(L); /* at 2: what is kept */
    lua_getfield(L, 1, "headers");
    luaL_checktype(L, 3, LUA_TTABLE);
    size_t count = count_headers(L, 3);
    struct template *t = lua_newuserdatauv(L, sizeof *t + count * sizeof *t->headers, 1); /* at 4 */
    memset(t, 0, sizeof *t);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 4, 1);
    luaL_setmetatable(L, AWL_TEMPLATE_MT);
    t->owner = keep_field(L, "owner", 2, &n);
    t->id_name = keep_field(L, "id_name", 2, &n);
    t->prefix = keep_field(L, "prefix", 2, &prefix_len);
    t->suffix = keep_field(L, "suffix", 2, &suffix_len);
    t->prefix_len = prefix_len;
    t->suffix_len = suffix_len;
    lua_getfield(L, 1, "strict");
    t->strict = lua_toboolean(L, -1);
    lua_getfield(L, 1, "max_depth");
    t->depth = (int)luaL_checkinteger(L, -1);
    lua_settop(L, 4);
    for (lua_pushnil(L); t->header_count < count && lua_next(L, 3) != 0;) {
        struct aw_header *h = &t->headers[t->header_count++];
        h->name = lua_tolstring(L, -2, &h->name_len);
        h->value = lua_tolstring(L, -1, &h->value_len);
        luaL_ref(L, 2);
        lua_pushvalue(L, -1);
        luaL_ref(L, 2);
    }
    lua_settop(L, 4);
    return prefix_len + suffix_len + GUID > URL_MAX ? 0 : 1;
}

/* Takes a row apart: its id and contact info come to their places as arguments. False if it is none. */
static bool open_row(lua_State *L, const struct template *t)
{
    if (luaL_getmetafield(L, OWNER, "__index") != LUA_TNIL) /* to be read with care */
        return false;
    lua_getfield(L, OWNER, "info");
    lua_replace(L, INFO);
    lua_getfield(L, OWNER, t->id_name);
    lua_replace(L, OWNER);
    return true;
}

/*
 * engine:create(template, row [, nil, timeout, retry]) or (template, owner_id, info [, timeout, retry])
 *   -> id, body; or nil, err if it is not valid; or nothing if a row, an id or an info is none of that kind, or if the
 *      request is too large
 *
 * `body` is the text that is sent. The result comes as that of any brief request. Raises as submit does.
 */
int awl_create(lua_State *L)
{
    awl_check_engine(L);
    lua_settop(L, LAST);
    const struct template *t = awl_check_kind(L, TEMPLATE, 2, AWL_TEMPLATE_MT);
    if (lua_istable(L, OWNER) && !open_row(L, t))
        return 0;
    size_t id_len = 0;
    const char *owner_id = lua_type(L, OWNER) == LUA_TSTRING ? lua_tolstring(L, OWNER, &id_len) : NULL;
    if (!owner_id || !aw_is_guid(owner_id, id_len) || !lua_istable(L, INFO) || awl_not_plain(L, INFO))
        return 0;

    struct aw_request r = {.method = "POST", .method_len = 4, .brief = t->depth, .retries = AW_RETRY_DEFAULT};
    r.timeout = luaL_optnumber(L, TIMEOUT, 0);
    if (lua_isboolean(L, RETRY))
        r.retries = lua_toboolean(L, RETRY) ? AW_RETRY_DEFAULT : AW_RETRY_NEVER;
    else if (!lua_isnil(L, RETRY))
        r.retries = (int)luaL_checkinteger(L, RETRY);
    r.auth = true;
    r.headers = t->headers;
    r.header_count = t->header_count;

    awl_push_form_json(L);
    lua_pushvalue(L, INFO);
    lua_pushstring(L, t->owner);
    lua_pushboolean(L, t->strict);
    lua_call(L, 3, 2);
    if (lua_isnil(L, -2))
        return 2;
    lua_pop(L, 1);
    r.body = lua_tolstring(L, -1, &r.body_len);

    char url[URL_MAX];
    char *at = url;
    memcpy(at, t->prefix, t->prefix_len);
    at += t->prefix_len;
    memcpy(at, owner_id, id_len);
    at += id_len;
    memcpy(at, t->suffix, t->suffix_len);
    r.url = url;
    r.url_len = t->prefix_len + id_len + t->suffix_len;
    int64_t id = awl_submit(L, &r);
    if (id == 0)
        return 0;
    lua_pushinteger(L, id);
    lua_insert(L, -2);
    return 2;
}

void awl_open_create(lua_State *L)
{
    luaL_newmetatable(L, AWL_TEMPLATE_MT);
    lua_pushliteral(L, AWL_TEMPLATE_MT);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushcfunction(L, core_template);
    lua_setfield(L, -2, "template");
}
