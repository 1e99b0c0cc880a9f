/*
 * decode: JSON to Lua, strict RFC 8259; a null is absent, a whole number is an integer. Memory is Lua's own throughout,
 * as in encode.c: lua-cjson loses its buffer when a state's memory limit stops it, and ends the process when malloc
 * fails, neither of which a host can have.
 */
#include "../core/text.h"
#include "../core/word.h"
#include "binding.h"

#include <stdint.h>
#include <string.h>

/* A number's text; nothing that a double can hold is written longer than that for a reason. */
enum { NUMBER_MAX = 400 };

/* Pairs or items that are gathered on the stack before their table is made. */
enum { GATHER = 32 };

enum fault { FINE, SYNTAX, ENCODING, DEPTH, EMPTY };

struct reader {
    lua_State *L;
    const char *at, *end;
    int depth;  /* how much deeper it may get */
    bool nulls; /* a null is core.null, not left out */
    enum fault fault;
};

static bool value(struct reader *r);

static bool fail(struct reader *r, enum fault fault)
{
    r->fault = fault;
    return false;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

/* Skips white space and the character, or fails. */
static bool expect(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return fail(r, SYNTAX);
    r->at++;
    return true;
}

/* The next character that is no white space, 0 at the end; it stays. */
static char peek(struct reader *r)
{
    skip_space(r);
    return r->at < r->end ? *r->at : '\0';
}

static bool word(struct reader *r, const char *text, size_t n)
{
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0)
        return fail(r, SYNTAX);
    r->at += n;
    return true;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits, -1 if they are none. */
static long hex4(struct reader *r)
{
    long n = 0;
    if (r->end - r->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(r->at[i]);
        if (digit < 0)
            return -1;
        n = n * 16 + digit;
    }
    r->at += 4;
    return n;
}

static void add_utf8(luaL_Buffer *b, unsigned long cp)
{
    if (cp < 0x80) {
        luaL_addchar(b, (char)cp);
    } else if (cp < 0x800) {
        luaL_addchar(b, (char)(0xC0 | cp >> 6));
        luaL_addchar(b, (char)(0x80 | (cp & 0x3F)));
    } else if (cp < 0x10000) {
        luaL_addchar(b, (char)(0xE0 | cp >> 12));
        luaL_addchar(b, (char)(0x80 | (cp >> 6 & 0x3F)));
        luaL_addchar(b, (char)(0x80 | (cp & 0x3F)));
    } else {
        luaL_addchar(b, (char)(0xF0 | cp >> 18));
        luaL_addchar(b, (char)(0x80 | (cp >> 12 & 0x3F)));
        luaL_addchar(b, (char)(0x80 | (cp >> 6 & 0x3F)));
        luaL_addchar(b, (char)(0x80 | (cp & 0x3F)));
    }
}

/* Behind a "\u". Half of a surrogate pair, which can be no text, becomes U+FFFD: one odd label must not hide a list. */
static bool add_unicode(struct reader *r, luaL_Buffer *b)
{
    long cp = hex4(r);
    if (cp < 0)
        return fail(r, SYNTAX);
    if (cp >= 0xD800 && cp <= 0xDBFF) {
        const char *before = r->at;
        long low = -1;
        if (r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
            r->at += 2;
            low = hex4(r);
        }
        if (low >= 0xDC00 && low <= 0xDFFF) {
            cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
        } else {
            r->at = before;
            cp = 0xFFFD;
        }
    } else if (cp >= 0xDC00 && cp <= 0xDFFF) {
        cp = 0xFFFD;
    }
    add_utf8(b, (unsigned long)cp);
    return true;
}

static bool add_escape(struct reader *r, luaL_Buffer *b)
{
    if (r->at == r->end)
        return fail(r, SYNTAX);
    switch (*r->at++) {
    case '"':
        luaL_addchar(b, '"');
        return true;
    case '\\':
        luaL_addchar(b, '\\');
        return true;
    case '/':
        luaL_addchar(b, '/');
        return true;
    case 'b':
        luaL_addchar(b, '\b');
        return true;
    case 'f':
        luaL_addchar(b, '\f');
        return true;
    case 'n':
        luaL_addchar(b, '\n');
        return true;
    case 'r':
        luaL_addchar(b, '\r');
        return true;
    case 't':
        luaL_addchar(b, '\t');
        return true;
    case 'u':
        return add_unicode(r, b);
    default:
        return fail(r, SYNTAX);
    }
}

/* Where the first byte is that is not ASCII that stands for itself: a quote, say; or the end. */
static inline const char *skip_plain(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t w = aw_word(p, 8);
        uint64_t odd = (w & AW_TOPS) | aw_word_below(w, 0x20) | aw_word_is(w, '"') | aw_word_is(w, '\\');
        if (odd)
            return p + aw_word_first(odd);
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* Goes on to the next quote or backslash. */
static bool plain_run(struct reader *r)
{
    const char *p = skip_plain(r->at, r->end);
    while (p < r->end && (unsigned char)*p >= 0x80) {
        uint32_t cp;
        size_t n = aw_utf8_next(p, (size_t)(r->end - p), &cp);
        if (n == 0)
            return fail(r, ENCODING);
        p = skip_plain(p + n, r->end);
    }
    if (p == r->end || (*p != '"' && *p != '\\'))
        return fail(r, SYNTAX);
    r->at = p;
    return true;
}

/* A string, pushed; behind its opening quote. */
static bool string(struct reader *r)
{
    const char *begin = r->at;
    if (!plain_run(r))
        return false;
    if (*r->at == '"') {
        lua_pushlstring(r->L, begin, (size_t)(r->at - begin));
        r->at++;
        return true;
    }
    luaL_Buffer b;
    luaL_buffinit(r->L, &b);
    for (;;) {
        luaL_addlstring(&b, begin, (size_t)(r->at - begin));
        if (*r->at++ == '"')
            break;
        if (!add_escape(r, &b))
            return false; /* what the buffer left on the stack goes with the rest */
        begin = r->at;
        if (!plain_run(r))
            return false;
    }
    luaL_pushresult(&b);
    return true;
}

/* ---- numbers ---- */

static size_t digits(struct reader *r)
{
    const char *begin = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return (size_t)(r->at - begin);
}

static bool number(struct reader *r)
{
    const char *begin = r->at;
    bool negative = *r->at == '-', whole = true;
    if (negative)
        r->at++;
    const char *first = r->at;
    size_t n = digits(r);
    if (n == 0 || (n > 1 && *first == '0'))
        return fail(r, SYNTAX);
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        whole = false;
        if (digits(r) == 0)
            return fail(r, SYNTAX);
    }
    if (r->at < r->end && (*r->at | 32) == 'e') {
        r->at++;
        whole = false;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (digits(r) == 0)
            return fail(r, SYNTAX);
    }
    if (whole && n <= 18) {
        lua_Integer i = 0;
        for (const char *p = first; p < r->at; p++)
            i = i * 10 + (*p - '0');
        lua_pushinteger(r->L, negative ? -i : i);
        return true;
    }
    char text[NUMBER_MAX];
    size_t length = (size_t)(r->at - begin);
    if (length >= sizeof text)
        return fail(r, SYNTAX);
    memcpy(text, begin, length);
    text[length] = '\0';
    /* Lua's own reading, whatever the locale; a whole one that fits an integer becomes one. */
    if (lua_stringtonumber(r->L, text) == 0)
        return fail(r, SYNTAX);
    if (!lua_isinteger(r->L, -1)) {
        lua_Number f = lua_tonumber(r->L, -1);
        if (f > -9007199254740992.0 && f < 9007199254740992.0 && (lua_Number)(lua_Integer)f == f) {
            lua_pop(r->L, 1);
            lua_pushinteger(r->L, (lua_Integer)f);
        }
    }
    return true;
}

/* ---- tables ---- */

static bool enter(struct reader *r)
{
    if (r->depth == 0)
        return fail(r, DEPTH);
    r->depth--;
    luaL_checkstack(r->L, 2 * GATHER + LUA_MINSTACK, "not enough memory");
    return true;
}

/* Makes a table of the n pairs on the stack and leaves it there alone. Of equal keys the last one counts. */
static void pack_pairs(lua_State *L, int n, int size)
{
    int first = lua_gettop(L) - 2 * n + 1;
    lua_createtable(L, 0, size);
    for (int i = first; i < first + 2 * n; i += 2) {
        lua_pushvalue(L, i);
        lua_pushvalue(L, i + 1);
        lua_rawset(L, -3);
    }
    if (n > 0) {
        lua_replace(L, first);
        lua_settop(L, first);
    }
}

/* The same of n items, for a list of that size. */
static void pack_items(lua_State *L, int n, int size)
{
    int first = lua_gettop(L) - n + 1;
    lua_createtable(L, size, 0);
    if (n == 0)
        return;
    lua_insert(L, first);
    for (int i = n; i > 0; i--)
        lua_rawseti(L, first, i);
}

/* A key and its value, pushed; nothing if the value is null. Of most contact infos half the fields are. */
static bool pair(struct reader *r, bool *there)
{
    if (!expect(r, '"'))
        return false;
    const char *key = r->at;
    if (!plain_run(r))
        return false;
    size_t n = (size_t)(r->at - key);
    bool plain = *r->at == '"';
    if (plain) {
        r->at++;
    } else {
        r->at = key;
        if (!string(r))
            return false;
    }
    if (!expect(r, ':'))
        return false;
    *there = r->nulls || peek(r) != 'n';
    if (*there && plain)
        lua_pushlstring(r->L, key, n);
    if (!*there && !plain)
        lua_pop(r->L, 1);
    return *there ? value(r) : word(r, "null", 4);
}

static bool object(struct reader *r)
{
    lua_State *L = r->L;
    int pairs = 0;
    bool packed = false;
    if (!enter(r))
        return false;
    if (peek(r) == '}') {
        r->at++;
        pack_pairs(L, 0, 0);
        r->depth++;
        return true;
    }
    for (;;) {
        bool there;
        if (!pair(r, &there))
            return false;
        if (!there) {
            /* as if it were not written */
        } else if (packed) {
            lua_rawset(L, -3);
        } else if (++pairs == GATHER) {
            pack_pairs(L, pairs, 2 * GATHER);
            packed = true;
        }
        char c = peek(r);
        r->at++;
        if (c == '}')
            break;
        if (c != ',') {
            r->at--;
            return fail(r, SYNTAX);
        }
    }
    if (!packed)
        pack_pairs(L, pairs, pairs);
    r->depth++;
    return true;
}

static bool array(struct reader *r)
{
    lua_State *L = r->L;
    lua_Integer n = 0;
    int gathered = 0;
    bool packed = false;
    if (!enter(r))
        return false;
    if (peek(r) == ']') {
        r->at++;
        pack_items(L, 0, 0);
        r->depth++;
        return true;
    }
    for (;;) {
        if (!value(r))
            return false;
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
        } else if (packed) {
            lua_rawseti(L, -2, ++n);
        } else if (++gathered == GATHER) {
            pack_items(L, gathered, 2 * GATHER);
            n = gathered;
            packed = true;
        }
        char c = peek(r);
        r->at++;
        if (c == ']')
            break;
        if (c != ',') {
            r->at--;
            return fail(r, SYNTAX);
        }
    }
    if (!packed)
        pack_items(L, gathered, gathered);
    r->depth++;
    return true;
}

/* One value, pushed. */
static bool value(struct reader *r)
{
    switch (peek(r)) {
    case '{':
        r->at++;
        return object(r);
    case '[':
        r->at++;
        return array(r);
    case '"':
        r->at++;
        return string(r);
    case 't':
        lua_pushboolean(r->L, 1);
        return word(r, "true", 4);
    case 'f':
        lua_pushboolean(r->L, 0);
        return word(r, "false", 5);
    case 'n':
        if (r->nulls)
            awl_push_null(r->L);
        else
            lua_pushnil(r->L);
        return word(r, "null", 4);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return number(r);
    default:
        return fail(r, SYNTAX);
    }
}

/* The one value that the text is, pushed; white space around it, and a byte order mark before. */
static bool document(struct reader *r)
{
    static const char bom[] = "\xEF\xBB\xBF";
    if (r->end - r->at >= 3 && memcmp(r->at, bom, 3) == 0)
        r->at += 3;
    skip_space(r);
    if (r->at == r->end)
        return fail(r, EMPTY);
    if (!value(r))
        return false;
    skip_space(r);
    return r->at == r->end || fail(r, SYNTAX);
}

bool awl_decode(lua_State *L, const char *text, size_t n, int depth)
{
    int top = lua_gettop(L);
    struct reader r = {.L = L, .at = text, .end = text + n, .depth = depth};
    if (document(&r))
        return true;
    lua_settop(L, top);
    return false;
}

/*
 * core.decode(text [, max_depth = 64 [, nulls]]) -> value; or nil, code, message
 *
 * A JSON null is absent: nil alone at the top, no key in an object, no item in a list (which closes its gap); with `nulls` it is core.null. A number
 * without fraction is an integer if it fits. code: "invalid-json", "invalid-encoding" (no UTF-8), "too-deep",
 * "empty-body" (nothing but white space).
 */
static int decode(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    lua_Integer depth = luaL_optinteger(L, 2, 64);
    luaL_argcheck(L, depth >= 1 && depth <= 1000, 2, "from 1 to 1000 expected");
    struct reader r = {
        .L = L, .at = text, .end = text + n, .depth = (int)depth, .nulls = lua_toboolean(L, 3)};
    lua_settop(L, 1);
    if (document(&r))
        return 1;
    struct aw_text scan;
    aw_text_scan(text, n, &scan);
    if (!scan.valid)
        r.fault = ENCODING; /* so also when the syntax went wrong first */
    lua_settop(L, 1);
    lua_pushnil(L);
    switch (r.fault) {
    case ENCODING:
        lua_pushliteral(L, "invalid-encoding");
        lua_pushfstring(L, "the answer is not valid UTF-8, from byte %I on", (LUAI_UACINT)scan.bad + 1);
        break;
    case EMPTY:
        lua_pushliteral(L, "empty-body");
        lua_pushliteral(L, "the answer is empty");
        break;
    case DEPTH:
        lua_pushliteral(L, "too-deep");
        lua_pushfstring(L, "the answer nests deeper than max_depth = %I", (LUAI_UACINT)depth);
        break;
    default:
        lua_pushliteral(L, "invalid-json");
        if (r.at == r.end)
            lua_pushliteral(L, "the answer is cut off");
        else
            lua_pushfstring(L, "the answer is no JSON, from byte %I on", (LUAI_UACINT)(r.at - text) + 1);
        break;
    }
    return 3;
}

void awl_open_decode(lua_State *L)
{
    lua_pushcfunction(L, decode);
    lua_setfield(L, -2, "decode");
}
