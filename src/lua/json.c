/*
 * What lies between Lua values and JSON text: nulls out and integers back on the way in, what can't be sent
 * refused on the way out. And the checks for strings that go into a request.
 *
 * Both walks keep their place on the Lua stack, not on the C stack, so that depth costs no C stack.
 */
#include "../contact/text.h"
#include "binding.h"

#include <stdio.h>
#include <string.h>

#define MAX_DEPTH   1000    /* both ways, unless told otherwise */
#define DEPTH_LIMIT 10000   /* what can be told at most: looking for cycles takes depth² */
#define MAX_VALUES  1000000 /* of one value to be sent, so that { t, t } of { t, t } of … ends */
#define SAFE_DOUBLE 0x1p53  /* from here on a float has no ones digit */

/* Turns a float on top of the stack that is a whole number into an integer. True if it did. */
static bool make_integer(lua_State *L)
{
    lua_Number d;
    if (lua_type(L, -1) != LUA_TNUMBER || lua_isinteger(L, -1))
        return false;
    d = lua_tonumber(L, -1);
    if (!(d > -SAFE_DOUBLE && d < SAFE_DOUBLE) || (lua_Number)(lua_Integer)d != d)
        return false;
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)d);
    return true;
}

/* Begins to walk the table on top of the stack. */
static void push_level(lua_State *L)
{
    luaL_checkstack(L, 8, "nested too deep, or not enough memory");
    lua_pushinteger(L, 0);
    lua_pushboolean(L, 0);
    lua_pushnil(L);
}

/* Closes the gaps that removed nulls left among the first `n` elements of the list at `idx`. */
static void close_gaps(lua_State *L, int idx, lua_Integer n)
{
    lua_Integer to = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, idx, i) == LUA_TNIL) {
            lua_pop(L, 1);
            continue;
        }
        lua_rawseti(L, idx, ++to);
        if (to == i)
            continue;
        lua_pushnil(L);
        lua_rawseti(L, idx, i);
    }
}

/*
 * core.compact(v) -> v
 *
 * Makes decoded JSON pleasant: removes nulls, and turns floats that are whole numbers below 2^53
 * into integers; in place, at every level. In a list the elements behind a null move up, so that it stays a
 * list without holes. A null itself becomes nil. Raises if it is nested deeper than 1000 levels, or in
 * itself.
 *
 * On the stack a level is four slots: the table, how many integer keys were seen, whether a null was among
 * them, the key.
 */
static int json_compact(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    if (awl_is_null(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    if (!lua_istable(L, 1)) {
        make_integer(L);
        return 1;
    }
    push_level(L);
    while (lua_gettop(L) > 1) {
        int table = lua_gettop(L) - 3;
        if (!lua_next(L, table)) { /* popped the key */
            if (lua_toboolean(L, -1))
                close_gaps(L, table, lua_tointeger(L, -2));
            lua_pop(L, table == 1 ? 2 : 3);
            continue;
        }
        if (lua_isinteger(L, -2)) {
            lua_pushinteger(L, lua_tointeger(L, table + 1) + 1);
            lua_replace(L, table + 1);
        }
        if (lua_istable(L, -1)) {
            if (table / 4 + 1 >= MAX_DEPTH)
                return luaL_error(L, "nested deeper than %d levels", MAX_DEPTH);
            push_level(L);
        } else if (awl_is_null(L, -1)) {
            if (lua_isinteger(L, -2)) {
                lua_pushboolean(L, 1);
                lua_replace(L, table + 2);
            }
            lua_pop(L, 1);
            lua_pushvalue(L, -1);
            lua_pushnil(L);
            lua_rawset(L, table);
        } else if (make_integer(L)) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, table);
        } else {
            lua_pop(L, 1);
        }
    }
    return 1;
}

/* Appends `[3]`, `.name` or `["na me"]` for the key at `idx`, a string or an integer. */
static void add_step(lua_State *L, struct aw_line *path, int idx)
{
    size_t n;
    if (lua_isinteger(L, idx)) {
        char text[32];
        snprintf(text, sizeof text, "[%lld]", (long long)lua_tointeger(L, idx));
        aw_line_text(path, text);
        return;
    }
    const char *s = lua_tolstring(L, idx, &n);
    bool name = n > 0 && !(s[0] >= '0' && s[0] <= '9');
    for (size_t i = 0; i < n && name; i++)
        name = aw_is_unreserved((unsigned char)s[i]) && s[i] != '-' && s[i] != '.' && s[i] != '~';
    if (name) {
        aw_line_text(path, path->n > 0 ? "." : "");
        aw_line_escaped(path, s, n, 40);
    } else {
        aw_line_text(path, "[");
        aw_line_quoted(path, s, n);
        aw_line_text(path, "]");
    }
}

static const char *check_text(lua_State *L, int idx)
{
    struct aw_text text;
    size_t n;
    const char *s = lua_tolstring(L, idx, &n);
    aw_text_scan(s, n, &text);
    return text.valid ? NULL : "text that is not valid UTF-8";
}

/* Why the value at `idx`, no table, can't be sent, or NULL. */
static const char *check_scalar(lua_State *L, int idx, char *buffer, size_t size)
{
    lua_Number d;
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
        return NULL;
    case LUA_TNUMBER:
        d = lua_tonumber(L, idx);
        return d - d == 0 ? NULL : "NaN and infinity are not JSON";
    case LUA_TSTRING:
        return check_text(L, idx);
    default:
        if (awl_is_null(L, idx))
            return NULL;
        snprintf(buffer, size, "a %s can't be sent", luaL_typename(L, idx));
        return buffer;
    }
}

/* Why the table on top of the stack can't be sent, whatever is in it, or NULL. */
static const char *check_keys(lua_State *L)
{
    int table = lua_gettop(L);
    lua_Integer integers = 0, strings = 0, highest = 0;
    const char *why = awl_not_plain(L, table);
    lua_pushnil(L);
    while (!why && lua_next(L, table)) {
        lua_pop(L, 1);
        if (lua_isinteger(L, -1)) {
            lua_Integer i = lua_tointeger(L, -1);
            integers++;
            highest = i > highest ? i : highest;
            if (i < 1)
                why = "a list's keys begin with 1";
        } else if (lua_type(L, -1) == LUA_TSTRING) {
            strings++;
            why = check_text(L, -1);
        } else {
            why = "a key must be a string, or an integer in a list";
        }
    }
    lua_settop(L, table);
    if (!why && integers > 0 && strings > 0)
        why = "keys of a list and of an object in one table";
    if (!why && integers != highest)
        why = "a list with holes; put awork.null there";
    return why;
}

/*
 * core.check_json(v [, max_depth]) -> true; or nil, message, path
 *
 * Can v be sent as JSON and arrive as it is? Refused are: functions, userdata (but awork.null), threads; NaN
 * and infinity; text that is not UTF-8; tables
 * with both kinds of keys, with holes, with keys that are neither strings nor integers; proxies; cycles;
 * nesting deeper than max_depth (1000); a million values and more. `path` says where, as in
 * `users[2].name`; it is "" for v itself. Access is raw.
 */
int awl_check_json(lua_State *L)
{
    enum { BASE = 3 }; /* from here on a table and a key for each level, and on top the value of the moment */
    char buffer[160], text[512];
    struct aw_line path = {text, sizeof text, 0, false};
    luaL_checkany(L, 1);
    lua_Integer max_depth = luaL_optinteger(L, 2, MAX_DEPTH), values = 0;
    const char *why = NULL;
    luaL_argcheck(L, max_depth >= 0 && max_depth <= DEPTH_LIMIT, 2, "max_depth must be 0 to 10000");
    lua_settop(L, 2);
    lua_pushvalue(L, 1);
    for (;;) {
        int top = lua_gettop(L);
        if (++values > MAX_VALUES) {
            why = "a million values and more";
        } else if (!lua_istable(L, top)) {
            why = check_scalar(L, top, buffer, sizeof buffer);
        } else if ((top - BASE) / 2 >= max_depth) {
            snprintf(buffer, sizeof buffer, "nested deeper than %lld levels", (long long)max_depth);
            why = buffer;
        } else {
            luaL_checkstack(L, 12, "nested too deep, or not enough memory");
            for (int i = BASE; i < top && !why; i += 2)
                if (lua_rawequal(L, i, top))
                    why = "a table that contains itself";
            if (!why)
                why = check_keys(L);
        }
        if (why)
            break;
        if (lua_istable(L, top))
            lua_pushnil(L);
        else
            lua_pop(L, 1);
        while (lua_gettop(L) >= BASE && !lua_next(L, -2)) /* pops the key when the table is through */
            lua_pop(L, 1);
        if (lua_gettop(L) < BASE) {
            lua_pushboolean(L, 1);
            return 1;
        }
    }
    for (int i = BASE + 1; i < lua_gettop(L); i += 2)
        add_step(L, &path, i);
    lua_pushnil(L);
    lua_pushstring(L, why);
    lua_pushlstring(L, text, path.n);
    return 3;
}

/* The one string argument of the functions below. A number is none: it would not be what the caller wrote. */
static const char *check_string(lua_State *L, size_t *n)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    return lua_tolstring(L, 1, n);
}

/* core.is_guid(s) -> boolean: 8-4-4-4-12 hexadecimal digits? False for what is no string. */
static int json_is_guid(lua_State *L)
{
    size_t n;
    const char *s = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &n) : NULL;
    luaL_checkany(L, 1);
    lua_pushboolean(L, s && aw_is_guid(s, n));
    return 1;
}

/* core.pack_guids(list) -> the sixteen bytes of each GUID in it; what is none is left out */
static int json_pack_guids(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_Buffer b;
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    luaL_buffinit(L, &b);
    for (lua_Integer i = 1; i <= n; i++) {
        unsigned char bytes[16];
        size_t length = 0;
        lua_rawgeti(L, 1, i);
        const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : NULL;
        bool is_guid = s && aw_guid_bytes(s, length, bytes);
        lua_pop(L, 1);
        if (is_guid)
            luaL_addlstring(&b, (const char *)bytes, sizeof bytes);
    }
    luaL_pushresult(&b);
    return 1;
}

/* core.guid_bytes(s) -> its sixteen bytes as a string, whatever the case of its digits; nil for what is no GUID */
static int json_guid_bytes(lua_State *L)
{
    size_t n;
    unsigned char bytes[16];
    const char *s = check_string(L, &n);
    if (!aw_guid_bytes(s, n, bytes))
        return 0;
    lua_pushlstring(L, (const char *)bytes, sizeof bytes);
    return 1;
}

/* core.utf8(s) -> code points, UTF-16 units; or nil, position of the first byte that is not valid UTF-8 */
static int json_utf8(lua_State *L)
{
    struct aw_text text;
    size_t n;
    const char *s = check_string(L, &n);
    aw_text_scan(s, n, &text);
    if (text.valid) {
        lua_pushinteger(L, (lua_Integer)text.points);
        lua_pushinteger(L, (lua_Integer)text.units);
    } else {
        lua_pushnil(L);
        lua_pushinteger(L, (lua_Integer)text.bad + 1);
    }
    return 2;
}

/* The string with its ASCII letters changed by the distance between the cases; what the locale says is not asked. */
static int change_case(lua_State *L, char first, int distance)
{
    size_t n;
    const char *s = check_string(L, &n);
    luaL_Buffer out;
    char *to = luaL_buffinitsize(L, &out, n);
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(s[i] >= first && s[i] < first + 26 ? s[i] + distance : s[i]);
    luaL_pushresultsize(&out, n);
    return 1;
}

/* core.lower(s) -> s with A to Z in lower case */
static int json_lower(lua_State *L)
{
    return change_case(L, 'A', 'a' - 'A');
}

/* core.upper(s) -> s with a to z in upper case */
static int json_upper(lua_State *L)
{
    return change_case(L, 'a', 'A' - 'a');
}

/* core.header_safe(s) -> boolean: fit for a header's value, that is without control characters but the tab?
 */
static int json_header_safe(lua_State *L)
{
    size_t n;
    const char *s = check_string(L, &n);
    lua_pushboolean(L, aw_is_header_safe(s, n));
    return 1;
}

/* core.escape(s) -> string: fit for any part of a URL; all but letters, digits and "-._~" as %XX (RFC 3986).
 */
static int json_escape(lua_State *L)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n;
    const char *s = check_string(L, &n);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (aw_is_unreserved(c)) {
            luaL_addchar(&b, (char)c);
        } else {
            luaL_addchar(&b, '%');
            luaL_addchar(&b, hex[c >> 4]);
            luaL_addchar(&b, hex[c & 15]);
        }
    }
    luaL_pushresult(&b);
    return 1;
}

void awl_open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"compact", json_compact},
        {"check_json", awl_check_json},
        {"is_guid", json_is_guid},
        {"guid_bytes", json_guid_bytes},
        {"pack_guids", json_pack_guids},
        {"utf8", json_utf8},
        {"header_safe", json_header_safe},
        {"escape", json_escape},
        {"lower", json_lower},
        {"upper", json_upper},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
