/*
 * encode: Lua to JSON. Memory is Lua's own throughout, so that running out of it raises and nothing else:
 * lua-cjson ends the process there.
 */
#include "../contact/number.h"
#include "../contact/text.h"
#include "binding.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* On the stack: the value, the text as a userdata, then a table and its last key for each level. */
enum { TEXT = 2 };
enum { FIRST_SIZE = 256 };

struct writer {
    lua_State *L;
    char *bytes; /* at TEXT */
    size_t n, cap;
};

static void add(struct writer *w, const char *s, size_t n)
{
    if (n > w->cap - w->n) {
        size_t cap = w->cap;
        while (n > cap - w->n) {
            if (cap > (size_t)-1 / 2)
                luaL_error(w->L, "not enough memory");
            cap *= 2;
        }
        luaL_checkstack(w->L, 1, "not enough memory");
        char *bytes = lua_newuserdatauv(w->L, cap, 0);
        memcpy(bytes, w->bytes, w->n);
        lua_replace(w->L, TEXT);
        w->bytes = bytes;
        w->cap = cap;
    }
    memcpy(w->bytes + w->n, s, n);
    w->n += n;
}

static void add_char(struct writer *w, char c)
{
    add(w, &c, 1);
}

/* The text at `idx`, in quotes. */
static void add_string(struct writer *w, int idx)
{
    size_t n;
    const char *s = lua_tolstring(w->L, idx, &n);
    add_char(w, '"');
    for (;;) {
        size_t run = aw_json_run(s, n);
        add(w, s, run);
        if (run == n)
            break;
        unsigned char c = (unsigned char)s[run];
        char escape[8];
        const char *short_one = c == '"'    ? "\\\""
                                : c == '\\' ? "\\\\"
                                : c == '\n' ? "\\n"
                                : c == '\r' ? "\\r"
                                : c == '\t' ? "\\t"
                                            : NULL;
        if (!short_one)
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
        add(w, short_one ? short_one : escape, strlen(short_one ? short_one : escape));
        s += run + 1;
        n -= run + 1;
    }
    add_char(w, '"');
}

/* The number at `idx`, so that it is read as the same one; with a point whatever the host's locale says. */
static void add_number(struct writer *w, int idx)
{
    char digits[AW_NUMBER_SIZE];
    size_t n;
    if (lua_isinteger(w->L, idx)) {
        n = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)lua_tointeger(w->L, idx));
    } else {
        n = aw_number_write((double)lua_tonumber(w->L, idx), digits);
        if (n == 0)
            luaL_error(w->L, "not enough memory");
    }
    add(w, digits, n);
}

static void add_scalar(struct writer *w, int idx)
{
    switch (lua_type(w->L, idx)) {
    case LUA_TSTRING:
        add_string(w, idx);
        break;
    case LUA_TNUMBER:
        add_number(w, idx);
        break;
    case LUA_TBOOLEAN:
        if (lua_toboolean(w->L, idx))
            add(w, "true", 4);
        else
            add(w, "false", 5);
        break;
    default:
        add(w, "null", 4);
    }
}

/* Opens the table on top of the stack: the key above it is 0 for a list, nil for an object. */
static void open_table(struct writer *w)
{
    luaL_checkstack(w->L, 6, "not enough memory");
    bool list = lua_rawlen(w->L, -1) > 0;
    if (list)
        lua_pushinteger(w->L, 0);
    else
        lua_pushnil(w->L);
    add_char(w, list ? '[' : '{');
}

/*
 * core.encode(v [, max_depth]) -> text; or nil, message, path
 *
 * JSON for v, or why there is none, as core.check_json has it. A table without elements is an object. Numbers
 * have as many digits as it takes to read the same ones.
 */
static int encode(lua_State *L)
{
    int results = awl_check_json(L);
    if (!lua_toboolean(L, -results))
        return results;
    lua_settop(L, 1);
    struct writer w = {.L = L, .cap = FIRST_SIZE};
    w.bytes = lua_newuserdatauv(L, w.cap, 0);
    if (!lua_istable(L, 1)) {
        add_scalar(&w, 1);
        lua_pushlstring(L, w.bytes, w.n);
        return 1;
    }
    lua_pushvalue(L, 1);
    open_table(&w);
    bool first = true;
    while (lua_gettop(L) > TEXT) {
        /* Top: a table and its last key. The next value, or the table's end. */
        bool list = lua_isinteger(L, -1), more;
        if (list) {
            lua_Integer i = lua_tointeger(L, -1) + 1;
            lua_pop(L, 1);
            more = (lua_Unsigned)i <= lua_rawlen(L, -1);
            if (more) {
                lua_pushinteger(L, i);
                lua_rawgeti(L, -2, i);
            }
        } else {
            more = lua_next(L, -2) != 0;
        }
        if (!more) {
            lua_pop(L, 1);
            add_char(&w, list ? ']' : '}');
            first = false;
            continue;
        }
        if (!first)
            add_char(&w, ',');
        first = false;
        if (!list) {
            add_string(&w, lua_gettop(L) - 1);
            add_char(&w, ':');
        }
        if (lua_istable(L, -1)) {
            open_table(&w);
            first = true;
        } else {
            add_scalar(&w, lua_gettop(L));
            lua_pop(L, 1);
        }
    }
    lua_pushlstring(L, w.bytes, w.n);
    return 1;
}

void awl_open_encode(lua_State *L)
{
    lua_pushcfunction(L, encode);
    lua_setfield(L, -2, "encode");
}
