/*
 * decode: JSON to Lua, strict RFC 8259; a null is absent, a whole number is an integer. Memory is Lua's own throughout,
 * as in encode.c: lua-cjson loses its buffer when a state's memory limit stops it, and ends the process when malloc
 * fails, neither of which a host can have.
 *
 * The reader knows at any time where it is: what it does next, a frame for each table it is in, and on the Lua stack what
 * it has read of them. So it can stop between two pieces of work and call a function that lets others run (a task yields
 * in it), and it needs no C stack for nested text. A piece is as good as constant: some KiB of text. Lua's own steps are
 * not divided: making one string of what one string of the text is, and the growth of a table by half of what it has.
 */
#include "../contact/number.h"
#include "../contact/text.h"
#include "../contact/word.h"
#include "binding.h"

#include <stdint.h>
#include <string.h>

/* Pairs or items that are gathered on the stack before their table is made. */
enum { GATHER = 32 };

/* Bytes of text in a piece of work; of a text that is only looked through. */
enum { PIECE = 4096, SCAN_PIECE = 65536 };

/* A string with escapes that is no longer is unescaped on the C stack, at once. */
enum { SHORT_STRING = 1024 };

/* What each counts for max_values: about the memory that it takes, at most 48 bytes for one. */
enum { KEY_VALUES = 1, SCALAR_VALUES = 1, STRING_VALUES = 2, TABLE_VALUES = 4 };

enum { DEPTH_MAX = 1000 };

/* max_values unless something else is said: below 100 MiB of tables. */
enum { MAX_VALUES = 2000000 };

enum fault { FINE, SYNTAX, ENCODING, DEPTH, EMPTY, VALUES, MEMORY, TURN };

/* What comes next. */
enum state { BEGIN, VALUE, FIRST_ITEM, FIRST_KEY, KEY, COLON, STRING, UNESCAPE, SEPARATOR, END, CHECK };

/* A table that is open. On the stack: its pairs or items so far, or the table itself once there are many. */
struct frame {
    lua_Integer n; /* how many */
    bool list, packed;
};

struct reader {
    lua_State *L;
    const char *at, *end;
    const char *turn;   /* where the piece of work ends */
    const char *string; /* the string that is being read: behind its opening quote */
    const char *stop;   /* its closing quote, while it is unescaped */
    size_t written;     /* of it so far, to the buffer on top of the stack */
    size_t values;      /* how many there may still be */
    size_t max_values;
    const char *text;
    size_t first_at; /* where something was wrong */
    struct frame *frames;
    int level, depth;
    enum state state;
    enum fault fault, first; /* why it does not go on; what was wrong, while the rest is looked through */
    bool nulls;              /* a null is core.null, not left out */
    bool escapes;            /* the string has some */
    bool key;                /* it is a key */
    bool turns;              /* whoever reads may stop at `turn` */
};

static bool fail(struct reader *r, enum fault fault)
{
    r->fault = fault;
    return false;
}

/* Notes what comes next; false, with TURN, if the piece of work is done. */
static inline bool next(struct reader *r, enum state state)
{
    r->state = state;
    return r->at < r->turn || r->at == r->end || fail(r, TURN);
}

static inline bool count(struct reader *r, size_t values)
{
    if (r->values < values)
        return fail(r, VALUES);
    r->values -= values;
    return true;
}

/* Skips white space. False if the piece of work ends in it. */
static inline bool skip_space(struct reader *r)
{
    const char *p = r->at;
    if (p < r->turn && (unsigned char)*p > ' ')
        return true;
    while (p < r->turn && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    r->at = p;
    return p < r->turn || p == r->end || fail(r, TURN);
}

/* The next character, 0 at the end. */
static char peek(struct reader *r)
{
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
static long hex4(const char **at, const char *end)
{
    long n = 0;
    if (end - *at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit((*at)[i]);
        if (digit < 0)
            return -1;
        n = n * 16 + digit;
    }
    *at += 4;
    return n;
}

static char *put_utf8(char *to, unsigned long cp)
{
    if (cp < 0x80) {
        *to++ = (char)cp;
    } else if (cp < 0x800) {
        *to++ = (char)(0xC0 | cp >> 6);
        *to++ = (char)(0x80 | (cp & 0x3F));
    } else if (cp < 0x10000) {
        *to++ = (char)(0xE0 | cp >> 12);
        *to++ = (char)(0x80 | (cp >> 6 & 0x3F));
        *to++ = (char)(0x80 | (cp & 0x3F));
    } else {
        *to++ = (char)(0xF0 | cp >> 18);
        *to++ = (char)(0x80 | (cp >> 12 & 0x3F));
        *to++ = (char)(0x80 | (cp >> 6 & 0x3F));
        *to++ = (char)(0x80 | (cp & 0x3F));
    }
    return to;
}

/*
 * Behind a "\u". Half of a surrogate pair, which can be no text, becomes U+FFFD: one odd label must not hide a list.
 * NULL if it is none. No escape is longer than it is written.
 */
static char *put_unicode(const char **at, const char *end, char *to)
{
    long cp = hex4(at, end);
    if (cp < 0)
        return NULL;
    if (cp >= 0xD800 && cp <= 0xDBFF) {
        const char *before = *at;
        long low = -1;
        if (end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
            *at += 2;
            low = hex4(at, end);
        }
        if (low >= 0xDC00 && low <= 0xDFFF) {
            cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
        } else {
            *at = before;
            cp = 0xFFFD;
        }
    } else if (cp >= 0xDC00 && cp <= 0xDFFF) {
        cp = 0xFFFD;
    }
    return put_utf8(to, (unsigned long)cp);
}

/* Behind a backslash, which is not the last character. NULL for what is no escape. */
static char *put_escape(const char **at, const char *end, char *to)
{
    static const char from[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = *(*at)++;
    if (c == 'u')
        return put_unicode(at, end, to);
    const char *known = c ? strchr(from, c) : NULL;
    if (!known)
        return NULL;
    *to++ = meant[known - from];
    return to;
}

/* Unescapes what is from *at to `stop` and a little more, at most to `end`. NULL, with *at there, if it can't be. */
static char *unescape(const char **at, const char *stop, const char *end, char *to)
{
    while (*at < stop) {
        const char *escape = memchr(*at, '\\', (size_t)(stop - *at));
        size_t plain = (size_t)((escape ? escape : stop) - *at);
        memcpy(to, *at, plain);
        to += plain;
        *at += plain;
        if (!escape)
            break;
        ++*at;
        to = put_escape(at, end, to);
        if (!to)
            return NULL;
    }
    return to;
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

/* Goes on to the closing quote of a string, which stays. */
static bool find_quote(struct reader *r)
{
    const char *p = r->at, *turn = r->turn;
    for (;;) {
        p = skip_plain(p, turn);
        while (p < turn && (unsigned char)*p >= 0x80) {
            uint32_t cp;
            size_t n = aw_utf8_next(p, (size_t)(r->end - p), &cp);
            if (n == 0) {
                r->at = p;
                return fail(r, ENCODING);
            }
            p = skip_plain(p + n, p + n < turn ? turn : p + n);
        }
        r->at = p;
        if (p >= turn)
            return fail(r, p == r->end ? SYNTAX : TURN);
        if (*p == '"')
            return true;
        if (*p != '\\')
            return fail(r, SYNTAX);
        r->escapes = true;
        p++;
        if (p < r->end && (*p == '"' || *p == '\\'))
            p++;
    }
}

/* Begins to unescape the string that ends at `at`: a short one at once, a long one into a buffer on the stack. */
static bool begin_unescape(struct reader *r, bool *through)
{
    const char *from = r->string, *stop = r->at;
    size_t n = (size_t)(stop - from);
    *through = n <= SHORT_STRING;
    if (*through) {
        char buffer[SHORT_STRING];
        char *end = unescape(&from, stop, stop, buffer);
        if (!end) {
            r->at = from;
            return fail(r, SYNTAX);
        }
        lua_pushlstring(r->L, buffer, (size_t)(end - buffer));
        return true;
    }
    lua_newuserdatauv(r->L, n, 0);
    r->stop = stop;
    r->at = from;
    r->written = 0;
    return true;
}

/* Goes on with it; at the end the string takes the buffer's place. */
static bool go_on_unescaping(struct reader *r)
{
    char *buffer = lua_touserdata(r->L, -1);
    const char *stop = r->turn < r->stop ? r->turn : r->stop;
    char *end = unescape(&r->at, stop, r->stop, buffer + r->written);
    if (!end)
        return fail(r, SYNTAX);
    r->written = (size_t)(end - buffer);
    if (r->at < r->stop)
        return fail(r, TURN);
    lua_pushlstring(r->L, buffer, r->written);
    lua_replace(r->L, -2);
    return true;
}

/* ---- numbers ---- */

static bool number(struct reader *r)
{
    struct aw_number n;
    enum aw_number_fault fault = aw_number_read(&r->at, r->end, &n);
    if (fault != AW_NUMBER_FINE)
        return fail(r, fault == AW_NUMBER_MEMORY ? MEMORY : SYNTAX);
    if (n.whole)
        lua_pushinteger(r->L, n.integer);
    else
        lua_pushnumber(r->L, n.real);
    return true;
}

/* ---- tables ---- */

static bool enter(struct reader *r, bool list)
{
    if (r->level == r->depth)
        return fail(r, DEPTH);
    if (!count(r, TABLE_VALUES))
        return false;
    luaL_checkstack(r->L, 2 * GATHER + LUA_MINSTACK, "not enough memory");
    r->frames[r->level++] = (struct frame){.list = list};
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

/* Puts the value on top of the stack, and its key below it, into the innermost table. */
static void store(struct reader *r)
{
    lua_State *L = r->L;
    struct frame *f = &r->frames[r->level - 1];
    if (lua_isnil(L, -1)) {
        lua_pop(L, f->list ? 1 : 2); /* as if it were not written */
        return;
    }
    f->n++;
    if (!f->packed && f->n < GATHER)
        return;
    if (f->list) {
        if (f->packed)
            lua_rawseti(L, -2, f->n);
        else
            pack_items(L, GATHER, 2 * GATHER);
    } else {
        if (f->packed)
            lua_rawset(L, -3);
        else
            pack_pairs(L, GATHER, 2 * GATHER);
    }
    f->packed = true;
}

/* Ends the innermost table: it is a value on the stack. */
static void leave(struct reader *r)
{
    const struct frame *f = &r->frames[--r->level];
    if (!f->packed && f->list)
        pack_items(r->L, (int)f->n, (int)f->n);
    else if (!f->packed)
        pack_pairs(r->L, (int)f->n, (int)f->n);
}

/* Behind a value: it is the document, or goes into its table. */
static bool done(struct reader *r)
{
    if (r->level == 0)
        return next(r, END);
    store(r);
    return next(r, SEPARATOR);
}

/* ---- the states ---- */

/* Each goes on with what follows, as far as that can't lead back to it. */

static bool read_colon(struct reader *r)
{
    if (peek(r) != ':')
        return fail(r, SYNTAX);
    r->at++;
    return next(r, VALUE);
}

/* Behind the closing quote of a key: true, behind the null, if one is its value and that is all there is to it. */
static bool skip_null(struct reader *r)
{
    const char *p = r->at + 1;
    if (r->nulls || r->turn - p < 6 || *p++ != ':')
        return false;
    p += *p == ' ';
    if (memcmp(p, "null", 4) != 0)
        return false;
    r->at = p + 4;
    return true;
}

static bool read_string(struct reader *r)
{
    bool through = true;
    if (!find_quote(r))
        return false;
    if (r->key && skip_null(r)) /* of most contact infos half the fields are */
        return count(r, SCALAR_VALUES) && next(r, SEPARATOR);
    if (!r->escapes)
        lua_pushlstring(r->L, r->string, (size_t)(r->at - r->string));
    else if (!begin_unescape(r, &through))
        return false;
    if (!through) {
        r->state = UNESCAPE;
        return fail(r, TURN);
    }
    r->at++;
    return r->key ? next(r, COLON) && skip_space(r) && read_colon(r) : done(r);
}

static bool begin_string(struct reader *r, bool key)
{
    r->string = ++r->at;
    r->escapes = false;
    r->key = key;
    return count(r, key ? KEY_VALUES : STRING_VALUES) && next(r, STRING) && read_string(r);
}

static bool read_key(struct reader *r)
{
    return peek(r) == '"' ? begin_string(r, true) : fail(r, SYNTAX);
}

static bool read_value(struct reader *r)
{
    bool fine;
    switch (peek(r)) {
    case '{':
        r->at++;
        return enter(r, false) && next(r, FIRST_KEY);
    case '[':
        r->at++;
        return enter(r, true) && next(r, FIRST_ITEM);
    case '"':
        return begin_string(r, false);
    case 't':
        lua_pushboolean(r->L, 1);
        fine = word(r, "true", 4);
        break;
    case 'f':
        lua_pushboolean(r->L, 0);
        fine = word(r, "false", 5);
        break;
    case 'n':
        if (r->nulls)
            awl_push_null(r->L);
        else
            lua_pushnil(r->L);
        fine = word(r, "null", 4);
        break;
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
        fine = number(r);
        break;
    default:
        return fail(r, SYNTAX);
    }
    return fine && count(r, SCALAR_VALUES) && done(r);
}

static bool read_first(struct reader *r, char close, enum state otherwise)
{
    if (peek(r) != close)
        return next(r, otherwise);
    r->at++;
    leave(r);
    return done(r);
}

static bool read_escapes(struct reader *r)
{
    if (!go_on_unescaping(r))
        return false;
    r->at++;
    return r->key ? next(r, COLON) : done(r);
}

static bool read_separator(struct reader *r)
{
    bool list = r->frames[r->level - 1].list;
    char c = peek(r);
    if (c == ',') {
        r->at++;
        return list ? next(r, VALUE) : next(r, KEY) && skip_space(r) && read_key(r);
    }
    if (c != (list ? ']' : '}'))
        return fail(r, SYNTAX);
    r->at++;
    leave(r);
    return done(r);
}

static bool read_begin(struct reader *r)
{
    static const char bom[] = "\xEF\xBB\xBF";
    if (r->at == r->text && r->end - r->at >= 3 && memcmp(r->at, bom, 3) == 0)
        r->at += 3;
    if (!skip_space(r))
        return false;
    return r->at < r->end ? next(r, VALUE) : fail(r, EMPTY);
}

/* Looks at a piece of what was not read: what is no UTF-8 is told, also when the syntax went wrong before. */
static bool check_rest(struct reader *r)
{
    struct aw_text scan;
    const char *stop = r->end;
    if (r->turns && stop - r->at > SCAN_PIECE) {
        stop = r->at + SCAN_PIECE;
        for (int i = 0; i < 3 && ((unsigned char)*stop & 0xC0) == 0x80; i++)
            stop--;
    }
    aw_text_scan(r->at, (size_t)(stop - r->at), &scan);
    if (!scan.valid) {
        r->at += scan.bad;
        return fail(r, ENCODING);
    }
    r->at = stop;
    return stop == r->end || fail(r, TURN);
}

/* Reads until the value is on the stack (true), something is wrong, or the piece of work is done (TURN). */
static bool read(struct reader *r)
{
    for (bool fine = true; fine;) {
        switch (r->state) {
        case BEGIN:
            fine = read_begin(r);
            break;
        case VALUE:
            fine = skip_space(r) && read_value(r);
            break;
        case FIRST_ITEM:
            fine = skip_space(r) && read_first(r, ']', VALUE);
            break;
        case FIRST_KEY:
            fine = skip_space(r) && read_first(r, '}', KEY);
            break;
        case KEY:
            fine = skip_space(r) && read_key(r);
            break;
        case COLON:
            fine = skip_space(r) && read_colon(r);
            break;
        case STRING:
            fine = read_string(r);
            break;
        case UNESCAPE:
            fine = read_escapes(r);
            break;
        case SEPARATOR:
            fine = skip_space(r) && read_separator(r);
            break;
        case END:
            return skip_space(r) && (r->at == r->end || fail(r, SYNTAX));
        case CHECK:
            return check_rest(r);
        }
    }
    return false;
}

static void begin(struct reader *r, lua_State *L, const char *text, size_t n, struct frame *frames, int depth)
{
    *r = (struct reader){.L = L,
                         .at = text,
                         .end = text + n,
                         .turn = text + n,
                         .text = text,
                         .values = (size_t)-1,
                         .frames = frames,
                         .depth = depth};
}

/* The next piece of work. */
static void take_turn(struct reader *r)
{
    r->turn = r->turns && r->end - r->at > PIECE ? r->at + PIECE : r->end;
}

bool awl_decode(lua_State *L, const char *text, size_t n, int depth)
{
    int top = lua_gettop(L);
    struct reader r;
    struct frame frames[DEPTH_MAX];
    begin(&r, L, text, n, frames, depth < DEPTH_MAX ? depth : DEPTH_MAX);
    for (;;) {
        if (read(&r))
            return true;
        if (r.fault != TURN)
            break;
        take_turn(&r);
    }
    lua_settop(L, top);
    return false;
}

/* What was wrong: nil, code, message. */
static int push_fault(lua_State *L, const struct reader *r, enum fault fault, size_t at, size_t max_values)
{
    lua_pushnil(L);
    switch (fault) {
    case ENCODING:
        lua_pushliteral(L, "invalid-encoding");
        lua_pushfstring(L, "the answer is not valid UTF-8, from byte %I on", (LUAI_UACINT)at + 1);
        break;
    case EMPTY:
        lua_pushliteral(L, "empty-body");
        lua_pushliteral(L, "the answer is empty");
        break;
    case DEPTH:
        lua_pushliteral(L, "too-deep");
        lua_pushfstring(L, "the answer nests deeper than max_depth = %d", r->depth);
        break;
    case VALUES:
        lua_pushliteral(L, "too-many-values");
        lua_pushfstring(L, "the answer has more values than max_values = %I", (LUAI_UACINT)max_values);
        break;
    default:
        lua_pushliteral(L, "invalid-json");
        if (at == (size_t)(r->end - r->text))
            lua_pushliteral(L, "the answer is cut off");
        else
            lua_pushfstring(L, "the answer is no JSON, from byte %I on", (LUAI_UACINT)at + 1);
        break;
    }
    return 3;
}

/* On the stack: the text, then, if it is read in turns, the function and the reader. */
enum { TEXT = 1, BREATHE, READER };

/* core.decode from where the reader is; it comes here again when the function, in which a task may have yielded, returns. */
static int go_on(lua_State *L, int status, lua_KContext context)
{
    struct reader *r = (struct reader *)context;
    (void)status;
    for (;;) {
        bool fine = read(r);
        if (fine && r->state == CHECK) {
            return push_fault(L, r, r->first, r->first_at, r->max_values);
        } else if (fine) {
            return 1;
        } else if (r->fault == MEMORY) {
            return luaL_error(L, "not enough memory");
        } else if (r->fault == ENCODING) {
            return push_fault(L, r, ENCODING, (size_t)(r->at - r->text), r->max_values);
        } else if (r->fault != TURN) {
            r->first = r->fault;
            r->first_at = (size_t)(r->at - r->text);
            lua_settop(L, r->turns ? READER : TEXT); /* what was read can go */
            r->state = CHECK;
        }
        take_turn(r);
        if (r->turns) {
            lua_pushvalue(L, BREATHE);
            lua_callk(L, 0, 0, context, go_on);
        }
    }
}

/*
 * core.decode(text [, max_depth = 64 [, nulls [, max_values = 2000000 [, breathe]]]]) -> value; or nil, code, message
 *
 * A JSON null is absent: nil alone at the top, no key in an object, no item in a list (which closes its gap); with `nulls`
 * it is core.null. A number without fraction is an integer if it fits. max_values: how much there may be, a key, number, boolean or
 * null being one, a string two, a table four; core.max_values by default, false for as much as there is. breathe: a
 * function, called every few KiB, which may yield. code: "invalid-json", "invalid-encoding" (no UTF-8), "too-deep", "too-many-values",
 * "empty-body" (nothing but white space).
 */
static int decode(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    lua_Integer depth = luaL_optinteger(L, 2, 64);
    luaL_argcheck(L, depth >= 1 && depth <= DEPTH_MAX, 2, "from 1 to 1000 expected");
    bool nulls = lua_toboolean(L, 3);
    bool unlimited = lua_isboolean(L, 4) && !lua_toboolean(L, 4);
    lua_Integer values = unlimited ? LUA_MAXINTEGER : luaL_optinteger(L, 4, MAX_VALUES);
    luaL_argcheck(L, values >= 1, 4, "1 or more expected, or false");
    bool turns = n > PIECE && !lua_isnoneornil(L, 5);
    if (turns)
        luaL_checktype(L, 5, LUA_TFUNCTION);
    struct reader here, *r = &here;
    struct frame here_too[DEPTH_MAX], *frames = here_too;
    if (turns) {
        lua_settop(L, 5);
        lua_replace(L, BREATHE);
        lua_settop(L, BREATHE);
        r = lua_newuserdatauv(L, sizeof *r + (size_t)depth * sizeof *frames, 0);
        frames = (struct frame *)(r + 1);
    } else {
        lua_settop(L, TEXT);
    }
    begin(r, L, text, n, frames, (int)depth);
    r->nulls = nulls;
    r->turns = turns;
    r->values = r->max_values = (size_t)values;
    take_turn(r);
    return go_on(L, LUA_OK, (lua_KContext)r);
}

void awl_open_decode(lua_State *L)
{
    lua_pushcfunction(L, decode);
    lua_setfield(L, -2, "decode");
    lua_pushinteger(L, MAX_VALUES);
    lua_setfield(L, -2, "max_values");
}
