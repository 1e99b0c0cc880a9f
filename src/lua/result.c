/* What became of a request, as a Lua table. */
#include "../http/engine.h"
#include "binding.h"

#include <stdbool.h>
#include <string.h>

void awl_set_string(lua_State *L, const char *key, const char *value)
{
    if (value) {
        lua_pushstring(L, value);
        lua_setfield(L, -2, key);
    }
}

void awl_set_number(lua_State *L, const char *key, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, key);
}

void awl_set_integer(lua_State *L, const char *key, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

void awl_set_boolean(lua_State *L, const char *key, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

/* Headers of one name are one list by HTTP's rules; cookies alone can't be joined by a comma. */
static void push_headers(lua_State *L, const struct aw_result *r)
{
    size_t at = 0;
    struct aw_header h;
    lua_createtable(L, 0, 12);
    while (aw_result_header(r, &at, &h)) {
        lua_pushlstring(L, h.name, h.name_len);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) == LUA_TNIL) {
            lua_pop(L, 1);
            lua_pushlstring(L, h.value, h.value_len);
        } else {
            lua_pushstring(L, strcmp(lua_tostring(L, -2), "set-cookie") == 0 ? "\n" : ", ");
            lua_pushlstring(L, h.value, h.value_len);
            lua_concat(L, 3);
        }
        lua_rawset(L, -3);
    }
}

static void push_timings(lua_State *L, const struct aw_timings *t)
{
    lua_createtable(L, 0, 6);
    awl_set_number(L, "queue", t->queue);
    awl_set_number(L, "wait", t->wait);
    awl_set_number(L, "connect", t->connect);
    awl_set_number(L, "tls", t->tls);
    awl_set_number(L, "first_byte", t->first_byte);
    awl_set_number(L, "total", t->total);
}

static const char *version_name(int version)
{
    switch (version) {
    case 10:
        return "1.0";
    case 11:
        return "1.1";
    case 20:
        return "2";
    case 30:
        return "3";
    default:
        return NULL;
    }
}

/* True if it is spelt as servers spell JSON in UTF-8. What another one means is for the Lua side to find out. */
static bool says_json(const struct aw_result *r)
{
    static const char *const usual[] = {"application/json", "application/json; charset=utf-8"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (r->content_type && r->content_type_len == strlen(usual[i]) &&
            memcmp(r->content_type, usual[i], r->content_type_len) == 0)
            return true;
    return false;
}

/* A longer body is for the Lua side to decode, which can do so in turns; a host's loop must not wait for it here. */
enum { BRIEF_BODY = 16384 };

/* true and the value, if the body is a short JSON object or array; else { status, body, content_type } and nil. */
static void push_brief(lua_State *L, const struct aw_result *r)
{
    lua_pushboolean(L, 1);
    if (r->body && r->body_len <= BRIEF_BODY && says_json(r) &&
        awl_decode(L, r->body, r->body_len, r->brief)) {
        if (lua_istable(L, -1))
            return;
        lua_pop(L, 1);
    }
    lua_createtable(L, 0, 3);
    awl_set_integer(L, "status", r->status);
    lua_pushlstring(L, r->body ? r->body : "", r->body_len);
    lua_setfield(L, -2, "body");
    if (r->content_type) {
        lua_pushlstring(L, r->content_type, r->content_type_len);
        lua_setfield(L, -2, "content_type");
    }
    lua_replace(L, -2);
    lua_pushnil(L);
}

/* pcall'ed with the result as a light userdata; gives a result and, of a brief one, a value. */
int awl_build_result(lua_State *L)
{
    const struct aw_result *r = lua_touserdata(L, 1);
    if (r->brief > 0 && r->kind == AW_RESPONSE && r->status == 200) {
        push_brief(L, r);
        return 2;
    }
    if (r->kind == AW_SLEPT) {
        lua_createtable(L, 0, 1);
        awl_set_number(L, "slept", r->slept);
        return 1;
    }
    lua_createtable(L, 0, 12);
    if (r->kind != AW_RESPONSE) {
        awl_set_string(L, "kind", aw_kind_name(r->kind));
        awl_set_string(L, "code", r->code);
        awl_set_string(L, "message", r->message);
        if (r->kind == AW_RATE_LIMIT)
            awl_set_number(L, "retry_at", r->retry_at);
    }
    if (r->status) {
        awl_set_integer(L, "status", r->status);
        push_headers(L, r);
        lua_setfield(L, -2, "headers");
        lua_pushlstring(L, r->body ? r->body : "", r->body_len);
        lua_setfield(L, -2, "body");
        awl_set_string(L, "http_version", version_name(r->http_version));
        if (r->status == 401 && r->token)
            awl_set_integer(L, "token", (lua_Integer)r->token);
    }
    awl_set_string(L, "url", r->url);
    awl_set_integer(L, "attempts", r->attempts);
    awl_set_boolean(L, "sent", r->sent || r->kind == AW_RESPONSE);
    awl_set_boolean(L, "retried", r->retried);
    awl_set_boolean(L, "retryable", r->retryable);
    push_timings(L, &r->timings);
    lua_setfield(L, -2, "timings");
    return 1;
}
