/*
 * The engine as a userdata. The core takes the time and random numbers as values, so that the caller's own
 * functions for them (options.clock, options.random, options.sleep) run here, outside of it.
 */
#include "../http/engine.h"
#include "../awork.h"
#include "../http/global.h"
#include "../http/secret.h"
#include "binding.h"

#include <curl/curl.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define ENGINE_MT "awork.engine"

enum { CLOCK = 1, SLEEP, RANDOM, FUNCTIONS = RANDOM }; /* user values */
enum { HEADERS_MAX = 64 };

struct box {
    aw_engine *engine; /* NULL: closed */
    bool has[FUNCTIONS + 1];
    double time;      /* by the caller's clock, corrected: it never goes back */
    double ahead;     /* seconds that were added to what the clock says */
    double real_time; /* of `time`, by our own clock */
    bool building;    /* a result is being turned into a table: nothing may free it */
    bool close_after; /* close was called meanwhile, by a finalizer */
};

static struct box *check_open(lua_State *L)
{
    struct box *b = awl_check_kind(L, 1, 1, ENGINE_MT);
    if (!b->engine)
        luaL_error(L, "the engine is closed");
    if (!aw_engine_mine(b->engine))
        luaL_error(L, "the engine belongs to another process (it was made before a fork)");
    return b;
}

aw_engine *awork_toengine(lua_State *L, int idx)
{
    struct box *b = luaL_testudata(L, idx, ENGINE_MT);
    if (!b && lua_istable(L, idx)) {
        lua_pushvalue(L, idx);
        lua_pushliteral(L, "engine");
        lua_rawget(L, -2);
        b = luaL_testudata(L, -1, ENGINE_MT);
        lua_pop(L, 2);
    }
    return b ? b->engine : NULL;
}

/* ---- the caller's functions; the engine's userdata is at index 1 ---- */

/*
 * The time by the caller's clock. It runs on though that clock is set back, and at the pace of ours as long as it runs
 * backwards or gives no number: what waits for a deadline must not wait for good. The function may raise.
 */
static double read_clock(lua_State *L, struct box *b)
{
    if (!b->has[CLOCK])
        return aw_now();
    lua_getiuservalue(L, 1, CLOCK);
    lua_call(L, 0, 1);
    int is_number;
    double said = lua_tonumberx(L, -1, &is_number), real = aw_now(), on = b->time + (real - b->real_time);
    lua_pop(L, 1);
    if (!is_number || !isfinite(said)) {
        b->time = on;
    } else if (said >= b->time) { /* as nearly always; or it was put right again */
        b->ahead = 0;
        b->time = said;
    } else if (said + b->ahead < b->time) {
        b->ahead = on - said;
        b->time = on;
    } else {
        b->time = said + b->ahead;
    }
    b->real_time = real;
    return b->time;
}

static double now(lua_State *L, struct box *b)
{
    double t = read_clock(L, b);
    if (!b->engine)
        luaL_error(L, "the engine is closed"); /* by the caller's function */
    return t;
}

static size_t step(lua_State *L, struct box *b)
{
    double t = now(L, b);
    if (b->has[RANDOM]) {
        lua_getiuservalue(L, 1, RANDOM);
        lua_call(L, 0, 1);
        int is_number;
        double r = lua_tonumberx(L, -1, &is_number);
        lua_pop(L, 1);
        if (!b->engine)
            luaL_error(L, "the engine is closed");
        if (is_number && r >= 0 && r < 1) /* else the engine's own */
            aw_engine_feed_random(b->engine, r);
    }
    return aw_engine_step(b->engine, t);
}

/* Waits for at most so many seconds, less when the engine has something to do before. */
static void pause_for(lua_State *L, struct box *b, double seconds)
{
    double least = aw_engine_due(b->engine, now(L, b));
    if (least >= 0)
        seconds = fmin(seconds, least);
    if (b->has[SLEEP] && seconds > 0 && aw_engine_in_flight(b->engine) == 0) {
        lua_getiuservalue(L, 1, SLEEP);
        lua_pushnumber(L, seconds);
        lua_call(L, 1, 0);
        if (!b->engine)
            luaL_error(L, "the engine is closed");
    } else {
        aw_engine_poll(b->engine, seconds);
    }
}

/* ---- results: result.c ---- */

static void close_engine(struct box *b)
{
    aw_engine *e = b->engine;
    if (b->building) { /* a finalizer closes while a result is read: when it has been */
        b->close_after = true;
        return;
    }
    b->engine = NULL;
    aw_engine_free(e);
}

/*
 * Turns what `build` makes of p into so many values on the stack. Protected, since building allocates: that can
 * fail, and it can run finalizers, which may do to the engine what they like but not free what is being read.
 * Returns lua_pcall's status, with the values or the error on the stack.
 */
static int build_protected(lua_State *L, struct box *b, lua_CFunction build, const void *p, int results)
{
    luaL_checkstack(L, LUA_MINSTACK, "not enough memory");
    b->building = true;
    lua_pushcfunction(L, build);
    lua_pushlightuserdata(L, (void *)(uintptr_t)p);
    int status = lua_pcall(L, 1, results, 0);
    b->building = false;
    return status;
}

static void close_if_asked(struct box *b)
{
    if (b->close_after)
        close_engine(b);
}

/* ---- requests ---- */

void awl_check_engine(lua_State *L)
{
    check_open(L);
}

/* 0 for a request that is too large: what it is made of may come from anywhere. What no caller must do raises. */
static int64_t submit_at(lua_State *L, struct box *b, const struct aw_request *r, double t)
{
    int64_t id = 0;
    enum aw_submit_error error = aw_engine_submit(b->engine, r, t, &id);
    if (error == AW_TOO_LARGE)
        return 0;
    if (error)
        luaL_error(L, "%s", aw_submit_message(error));
    return id;
}

/* The time of a request; a caller's clock may have closed the engine. */
static double submit_time(lua_State *L, struct box *b)
{
    return now(L, b);
}

int64_t awl_submit(lua_State *L, const struct aw_request *r)
{
    struct box *b = lua_touserdata(L, 1);
    double t = submit_time(L, b);
    return submit_at(L, b, r, t);
}

/* The string at the top as the field `name` of a request; it stays there, so that it lives. */
static const char *check_text(lua_State *L, const char *name, bool required, size_t *len)
{
    if (lua_isnil(L, -1) && !required) {
        *len = 0;
        return NULL;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "request field '%s' must be a string, got %s", name, luaL_typename(L, -1));
    return lua_tolstring(L, -1, len);
}

static size_t read_headers(lua_State *L, int idx, struct aw_header *headers)
{
    size_t n = 0;
    if (lua_isnil(L, idx))
        return 0;
    if (!lua_istable(L, idx))
        luaL_error(L, "request field 'headers' must be a table, got %s", luaL_typename(L, idx));
    /* Nothing in this loop allocates: no finalizer can change the table, whose strings are kept by it. */
    for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "request headers must be strings by strings");
        if (n == HEADERS_MAX)
            luaL_error(L, "more than %d request headers", HEADERS_MAX);
        headers[n].name = lua_tolstring(L, -2, &headers[n].name_len);
        headers[n].value = lua_tolstring(L, -1, &headers[n].value_len);
        n++;
    }
    return n;
}

/*
 * Submits the request table at index 2. Raises for what a caller must not ask for. The caller's clock comes late: it may fill that very table with a request of its own.
 */
static int64_t submit(lua_State *L, struct box *b)
{
    struct aw_request r = {.retries = AW_RETRY_DEFAULT};
    struct aw_header headers[HEADERS_MAX];
    lua_settop(L, 2);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, LUA_MINSTACK, "not enough memory");
    lua_getfield(L, 2, "timeout");
    if (!lua_isnil(L, -1)) {
        int is_number;
        r.timeout = lua_tonumberx(L, -1, &is_number);
        if (!is_number || !(r.timeout > 0))
            luaL_error(L, "request field 'timeout' must be a positive number");
    }
    lua_getfield(L, 2, "start_within");
    if (!lua_isnil(L, -1)) {
        int is_number;
        r.start_within = lua_tonumberx(L, -1, &is_number);
        if (!is_number || !(r.start_within > 0))
            luaL_error(L, "request field 'start_within' must be a positive number");
    }
    lua_getfield(L, 2, "retry");
    if (lua_isboolean(L, -1)) {
        r.retries = lua_toboolean(L, -1) ? AW_RETRY_DEFAULT : AW_RETRY_NEVER;
    } else if (!lua_isnil(L, -1)) {
        lua_Integer n = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
        if (n < 0 || n > 100)
            luaL_error(L, "request field 'retry' must be a boolean or an integer from 0 to 100");
        r.retries = (int)n;
    }
    lua_getfield(L, 2, "safe");
    int safe = lua_isnil(L, -1) ? -1 : lua_toboolean(L, -1);
    lua_getfield(L, 2, "brief");
    r.brief = (int)lua_tointeger(L, -1);
    lua_getfield(L, 2, "method");
    r.method = check_text(L, "method", true, &r.method_len);
    lua_getfield(L, 2, "url");
    r.url = check_text(L, "url", true, &r.url_len);
    lua_getfield(L, 2, "body");
    r.body = check_text(L, "body", false, &r.body_len);
    lua_getfield(L, 2, "auth");
    r.auth = lua_toboolean(L, -1);
    lua_getfield(L, 2, "token");
    r.token = check_text(L, "token", false, &r.token_len);
    lua_getfield(L, 2, "headers");
    double t = submit_time(L, b);
    r.headers = headers;
    r.header_count = read_headers(L, lua_gettop(L), headers);
    r.safe = safe >= 0 ? safe : strcmp(r.method, "POST") != 0 && strcmp(r.method, "PATCH") != 0;
    return submit_at(L, b, &r, t);
}

/* nil and the result of a request that was not sent. */
static int push_too_large(lua_State *L)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 6);
    awl_set_string(L, "kind", aw_kind_name(AW_PROTOCOL));
    awl_set_string(L, "code", "request-too-large");
    awl_set_string(L, "message", aw_submit_message(AW_TOO_LARGE));
    awl_set_boolean(L, "sent", false);
    awl_set_boolean(L, "retryable", false);
    awl_set_integer(L, "attempts", 0);
    return 2;
}

/* engine:submit(request) -> id; or nil and a result, if it is too large to be sent. */
static int engine_submit(lua_State *L)
{
    struct box *b = check_open(L);
    int64_t id = submit(L, b);
    if (id == 0)
        return push_too_large(L);
    lua_pushinteger(L, id);
    return 1;
}

/* Called with the engine at 1 and the id at 2: blocks until that one is finished. Nothing, if it is unknown. */
static int run_loop(lua_State *L)
{
    struct box *b = lua_touserdata(L, 1);
    int64_t id = lua_tointeger(L, 2);
    for (;;) {
        step(L, b);
        const struct aw_result *r = aw_engine_result(b->engine, id);
        if (r) {
            lua_pushlightuserdata(L, (void *)(uintptr_t)r);
            return 1;
        }
        if (!aw_engine_knows(b->engine, id))
            return luaL_error(L, "the request was cancelled by the function that it called");
        pause_for(L, b, INFINITY);
    }
}

/* Waits for what has that id and pushes its result and value. Others that finish are kept. */
static int finish(lua_State *L, struct box *b, int64_t id)
{
    int status;
    lua_settop(L, 1);
    if (b->has[CLOCK] || b->has[SLEEP] || b->has[RANDOM]) {
        /* The caller's functions may raise: then the request must not stay behind. */
        lua_pushcfunction(L, run_loop);
        lua_pushvalue(L, 1);
        lua_pushinteger(L, id);
        status = lua_pcall(L, 2, 1, 0);
        if (status != LUA_OK) {
            if (b->engine)
                aw_engine_cancel(b->engine, id);
            return lua_error(L);
        }
    } else {
        lua_pushinteger(L, id);
        run_loop(L);
    }
    const struct aw_result *r = lua_touserdata(L, -1);
    status = build_protected(L, b, awl_build_result, r, 2);
    aw_engine_pop(b->engine, r);
    close_if_asked(b);
    return status == LUA_OK ? 2 : lua_error(L);
}

static int engine_run(lua_State *L)
{
    struct box *b = check_open(L);
    if (b->building)
        return luaL_error(L, "run was called by a finalizer");
    int64_t id = submit(L, b);
    if (id == 0) {
        push_too_large(L);
        return 1;
    }
    return finish(L, b, id);
}

static int engine_finish(lua_State *L)
{
    struct box *b = check_open(L);
    int64_t id = luaL_checkinteger(L, 2);
    if (b->building)
        return luaL_error(L, "finish was called by a finalizer");
    luaL_argcheck(L, aw_engine_knows(b->engine, id), 2, "no request of this engine's");
    return finish(L, b, id);
}

static int engine_sleep(lua_State *L)
{
    struct box *b = check_open(L);
    double seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
    int64_t id = 0;
    enum aw_submit_error error = aw_engine_sleep(b->engine, seconds, now(L, b), &id);
    if (error)
        return luaL_error(L, "%s", aw_submit_message(error));
    lua_pushinteger(L, id);
    return 1;
}

static int engine_step(lua_State *L)
{
    struct box *b = check_open(L);
    lua_pushinteger(L, (lua_Integer)step(L, b));
    return 1;
}

static int engine_wait(lua_State *L)
{
    struct box *b = check_open(L);
    double seconds = luaL_optnumber(L, 2, INFINITY);
    luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
    if (!aw_engine_peek(b->engine)) /* results that wait are no reason to */
        pause_for(L, b, seconds);
    lua_pushinteger(L, (lua_Integer)step(L, b));
    return 1;
}

static int engine_next(lua_State *L)
{
    struct box *b = check_open(L);
    const struct aw_result *r = aw_engine_peek(b->engine);
    if (!r || b->building)
        return 0;
    lua_pushinteger(L, r->id);
    if (build_protected(L, b, awl_build_result, r, 2) != LUA_OK) {
        close_if_asked(b);
        return lua_error(L); /* the result is still there: ask again */
    }
    aw_engine_pop(b->engine, r);
    close_if_asked(b);
    return 3;
}

static int engine_cancel(lua_State *L)
{
    struct box *b = check_open(L);
    int64_t id = luaL_checkinteger(L, 2);
    lua_pushboolean(L, !b->building && aw_engine_cancel(b->engine, id));
    return 1;
}

static int engine_take_retry(lua_State *L)
{
    struct box *b = check_open(L);
    lua_pushboolean(L, aw_engine_take_retry(b->engine));
    return 1;
}

static int engine_timeout(lua_State *L)
{
    struct box *b = check_open(L);
    double seconds = aw_engine_timeout(b->engine, now(L, b));
    if (seconds < 0)
        lua_pushnil(L);
    else
        lua_pushnumber(L, seconds);
    return 1;
}

static int engine_sockets(lua_State *L)
{
    struct box *b = check_open(L);
    size_t n = aw_engine_sockets(b->engine, NULL, 0);
    struct aw_socket *sockets = lua_newuserdatauv(L, n * sizeof *sockets, 0);
    n = b->engine ? aw_engine_sockets(b->engine, sockets, n) : 0;
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_createtable(L, 0, 3);
        awl_set_integer(L, "fd", sockets[i].fd);
        awl_set_boolean(L, "read", sockets[i].read);
        awl_set_boolean(L, "write", sockets[i].write);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int engine_stats(lua_State *L)
{
    struct box *b = check_open(L);
    struct aw_stats s;
    aw_engine_stats(b->engine, &s);
    lua_createtable(L, 0, 22);
#define COUNT(name) awl_set_integer(L, #name, (lua_Integer)s.name)
    COUNT(requests);
    COUNT(attempts);
    COUNT(responses);
    COUNT(retries);
    COUNT(rate_limited);
    COUNT(failures);
    COUNT(cancelled);
    COUNT(waits);
    COUNT(bytes_sent);
    COUNT(bytes_received);
    COUNT(connections);
    COUNT(in_flight);
    COUNT(queued);
    COUNT(events_lost);
#undef COUNT
    awl_set_number(L, "wait_seconds", s.wait_seconds);
    awl_set_number(L, "backoff_seconds", s.backoff_seconds);
    lua_createtable(L, 0, 5);
    awl_set_number(L, "queue", s.queue_seconds);
    awl_set_number(L, "connect", s.connect_seconds);
    awl_set_number(L, "tls", s.tls_seconds);
    awl_set_number(L, "first_byte", s.first_byte_seconds);
    awl_set_number(L, "total", s.total_seconds);
    lua_setfield(L, -2, "seconds");
    return 1;
}

/* pcall'ed with the engine as a light userdata. */
static int build_events(lua_State *L)
{
    static const char *const names[] = {"attempt", "response", "retry", "pause"};
    const aw_engine *e = lua_touserdata(L, 1);
    const struct aw_event *event;
    lua_newtable(L);
    for (size_t i = 0; (event = aw_engine_event(e, i)) != NULL; i++) {
        struct aw_event v = *event; /* a step in a finalizer may reuse its place */
        lua_createtable(L, 0, 10);
        if (v.url) {
            lua_pushstring(L, v.url);
            lua_setfield(L, -2, "url");
        }
        awl_set_string(L, "event", names[v.kind]);
        if (v.id)
            awl_set_integer(L, "id", v.id);
        if (v.attempt)
            awl_set_integer(L, "attempt", v.attempt);
        if (v.status)
            awl_set_integer(L, "status", v.status);
        if (v.kind == AW_EVENT_RETRY || v.kind == AW_EVENT_PAUSE)
            awl_set_number(L, "delay", v.delay);
        awl_set_number(L, "time", v.time);
        awl_set_string(L, "reason", v.reason);
        awl_set_string(L, "method", v.method);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* engine:now() -> seconds by the options' clock, as the engine takes them: they never go back. Also of a closed one. */
static int engine_now(lua_State *L)
{
    lua_pushnumber(L, read_clock(L, luaL_checkudata(L, 1, ENGINE_MT)));
    return 1;
}

static int engine_events(lua_State *L)
{
    struct box *b = check_open(L);
    if (b->building || !aw_engine_event(b->engine, 0))
        return 0;
    int status = build_protected(L, b, build_events, b->engine, 1);
    if (status == LUA_OK)
        aw_engine_drop_events(b->engine, (size_t)lua_rawlen(L, -1));
    close_if_asked(b);
    return status == LUA_OK ? 1 : lua_error(L);
}

/* close, __gc, __close: any number of times, in any order. */
static int engine_close(lua_State *L)
{
    close_engine(luaL_checkudata(L, 1, ENGINE_MT));
    return 0;
}

static int engine_tostring(lua_State *L)
{
    struct box *b = luaL_checkudata(L, 1, ENGINE_MT);
    if (b->engine)
        lua_pushfstring(L, "awork.engine (%p)", (void *)b);
    else
        lua_pushliteral(L, "awork.engine (closed)");
    return 1;
}

/* ---- options ---- */

static void number_option(lua_State *L, const char *name, double least, double *value)
{
    if (lua_getfield(L, 1, name) != LUA_TNIL) {
        int is_number;
        double n = lua_tonumberx(L, -1, &is_number);
        if (!is_number || !(n >= least))
            luaL_error(L, "option '%s' must be a number of at least %f", name, least);
        *value = n;
    }
    lua_pop(L, 1);
}

static bool integer_field(lua_State *L, int idx, const char *name, lua_Integer least, lua_Integer most,
                          lua_Integer *value)
{
    bool there = lua_getfield(L, idx, name) != LUA_TNIL;
    if (there) {
        int is_integer;
        lua_Integer n = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer || n < least || n > most)
            luaL_error(L, "option '%s' must be an integer from %I to %I", name, (LUAI_UACINT)least,
                       (LUAI_UACINT)most);
        *value = n;
    }
    lua_pop(L, 1);
    return there;
}

static void size_option(lua_State *L, const char *name, lua_Integer least, lua_Integer most, size_t *value)
{
    lua_Integer n;
    if (integer_field(L, 1, name, least, most, &n))
        *value = (size_t)n;
}

static void boolean_option(lua_State *L, const char *name, bool *value)
{
    if (lua_getfield(L, 1, name) != LUA_TNIL) {
        if (!lua_isboolean(L, -1))
            luaL_error(L, "option '%s' must be a boolean", name);
        *value = lua_toboolean(L, -1);
    }
    lua_pop(L, 1);
}

/* Leaves the string on the stack, so that it lives. */
static void string_option(lua_State *L, const char *name, const char **value)
{
    if (lua_getfield(L, 1, name) == LUA_TNIL)
        return;
    size_t len;
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    if (!s || strlen(s) != len || strpbrk(s, "\r\n"))
        luaL_error(L, "option '%s' must be a string of one line", name);
    *value = s;
}

static void rate_option(lua_State *L, struct aw_options *o)
{
    lua_Integer second = o->rate_second, minute = o->rate_minute;
    int type = lua_getfield(L, 1, "rate");
    if (type == LUA_TBOOLEAN && !lua_toboolean(L, -1)) {
        second = minute = 0;
    } else if (type == LUA_TTABLE) {
        bool a = integer_field(L, lua_gettop(L), "second", 1, 100000, &second);
        bool b = integer_field(L, lua_gettop(L), "minute", 1, 100000, &minute);
        o->rate_explicit = a || b;
    } else if (type != LUA_TNIL) {
        luaL_error(L, "option 'rate' must be { second = n, minute = n } or false");
    }
    lua_pop(L, 1);
    o->rate_second = (int)second;
    o->rate_minute = (int)minute;
}

/* Stores a function option at its place in the userdata at index 2. */
static void function_option(lua_State *L, struct box *b, const char *name, int which)
{
    int type = lua_getfield(L, 1, name);
    if (type != LUA_TNIL && type != LUA_TFUNCTION)
        luaL_error(L, "option '%s' must be a function", name);
    b->has[which] = type == LUA_TFUNCTION;
    lua_setiuservalue(L, 2, which);
}

/*
 * core.engine(options): an engine, or nil and a message. Seconds and bytes; every option may be absent:
 * connect_timeout 5, timeout 30 (attempts and backoffs), attempt_timeout none, max_wait 120 (for the rate
 * limit), max_connections 16, max_body 16 MiB, max_header 64 KiB, retries 2, rate { second = 50,
 * minute = 1000 } or false, reserve 0 (share of the rate left to others), allow_http false, http2 true,
 * events false, ca_file, ca_path, proxy (string, or false for none; nil: https_proxy of the environment),
 * no_proxy, user_agent, base_url (the token goes below it alone), seed, clock() -> monotonic seconds, sleep(seconds), random() -> [0,1).
 */
static int core_engine(lua_State *L)
{
    struct aw_options o;
    aw_options_init(&o);
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_checkstack(L, LUA_MINSTACK + 8, "not enough memory");
    struct box *b = lua_newuserdatauv(L, sizeof *b, FUNCTIONS);
    *b = (struct box){0};
    luaL_setmetatable(L, ENGINE_MT);
    function_option(L, b, "clock", CLOCK);
    function_option(L, b, "sleep", SLEEP);
    function_option(L, b, "random", RANDOM);
    number_option(L, "connect_timeout", 0.001, &o.connect_timeout);
    number_option(L, "timeout", 0.001, &o.timeout);
    number_option(L, "attempt_timeout", 0.001, &o.attempt_timeout);
    number_option(L, "max_wait", 0, &o.max_wait);
    number_option(L, "reserve", 0, &o.reserve);
    luaL_argcheck(L, o.reserve < 1, 1, "option 'reserve' must be below 1");
    size_option(L, "max_connections", 1, 1000, &o.max_connections);
    size_option(L, "max_body", 1, (lua_Integer)1 << 40, &o.max_body);
    size_option(L, "max_header", 256, 1 << 30, &o.max_header);
    lua_Integer n;
    if (integer_field(L, 1, "retries", 0, 100, &n))
        o.retries = (int)n;
    if (integer_field(L, 1, "seed", LUA_MININTEGER, LUA_MAXINTEGER, &n))
        o.seed = (uint64_t)n;
    rate_option(L, &o);
    boolean_option(L, "allow_http", &o.allow_http);
    boolean_option(L, "http2", &o.http2);
    boolean_option(L, "events", &o.events);
    string_option(L, "ca_file", &o.ca_file);
    string_option(L, "ca_path", &o.ca_path);
    string_option(L, "no_proxy", &o.no_proxy);
    string_option(L, "user_agent", &o.user_agent);
    string_option(L, "base_url", &o.base_url);
    if (lua_getfield(L, 1, "proxy") == LUA_TBOOLEAN && !lua_toboolean(L, -1))
        o.proxy = "";
    else
        string_option(L, "proxy", &o.proxy);
    double t = b->real_time = aw_now();
    if (b->has[CLOCK]) {
        lua_getiuservalue(L, 2, CLOCK);
        lua_call(L, 0, 1);
        int is_number;
        t = b->time = lua_tonumberx(L, -1, &is_number);
        luaL_argcheck(L, is_number && isfinite(t), 1, "option 'clock' must return a number");
    }
    char why[AW_WHY];
    b->engine = aw_engine_new(&o, t, why);
    if (!b->engine) {
        lua_pushnil(L);
        lua_pushstring(L, why);
        return 2;
    }
    lua_pushvalue(L, 2);
    return 1;
}

/* core.version: awork's own, libcurl's and its TLS library's as strings, whether it speaks HTTP/2. */
static void push_version(lua_State *L)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    lua_createtable(L, 0, 4);
    awl_set_string(L, "awork", AW_VERSION);
    awl_set_string(L, "curl", info->version);
    awl_set_string(L, "ssl", info->ssl_version);
    awl_set_boolean(L, "http2", (info->features & CURL_VERSION_HTTP2) != 0);
}

/* core.now(): monotonic seconds, the clock of an engine that was given none. */
static int core_now(lua_State *L)
{
    lua_pushnumber(L, aw_now());
    return 1;
}

/*
 * core.set_token(engine, token) -> generation. The token of all requests from now on that have `auth`; nothing gives it
 * back. The same token has the same generation. Raises for what core.token_fault refuses. Not a method: who has only the
 * engine, as C hosts do by way of `client.engine`, can't reach it.
 */
static int core_set_token(lua_State *L)
{
    struct box *b = luaL_checkudata(L, 1, ENGINE_MT);
    size_t n;
    luaL_argcheck(L, lua_type(L, 2) == LUA_TSTRING, 2, "string expected");
    const char *token = lua_tolstring(L, 2, &n);
    uint64_t generation;
    if (!b->engine)
        return luaL_error(L, "the engine is closed");
    enum aw_submit_error error = aw_engine_set_token(b->engine, token, n, &generation);
    if (error)
        return luaL_error(L, "%s", aw_submit_message(error));
    lua_pushinteger(L, (lua_Integer)generation);
    return 1;
}

/*
 * core.hide(engine, value) -> value without the engine's token, as core.redact does it. What the engine gives never has
 * the token, with one exception: a token so short that it may well be part of someone's data stays in an answer of status
 * 2xx. For what is said about such an answer.
 */
static int core_hide(lua_State *L)
{
    struct box *b = luaL_checkudata(L, 1, ENGINE_MT);
    lua_settop(L, 2);
    struct aw_secret **box = awl_push_secret(L), *token = b->engine ? aw_engine_token(b->engine) : NULL;
    if (!token) {
        lua_settop(L, 2);
        return 1;
    }
    *box = aw_secret_use(token);
    return awl_redact(L, box);
}

void awl_open_engine(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"submit", engine_submit},
        {"run", engine_run},
        {"finish", engine_finish},
        {"create", awl_create},
        {"sleep", engine_sleep},
        {"step", engine_step},
        {"wait", engine_wait},
        {"next", engine_next},
        {"cancel", engine_cancel},
        {"take_retry", engine_take_retry},
        {"timeout", engine_timeout},
        {"sockets", engine_sockets},
        {"stats", engine_stats},
        {"events", engine_events},
        {"now", engine_now},
        {"close", engine_close},
        {NULL, NULL},
    };
    static const luaL_Reg metamethods[] = {
        {"__gc", engine_close}, {"__close", engine_close}, {"__tostring", engine_tostring}, {NULL, NULL}};
    if (luaL_newmetatable(L, ENGINE_MT)) {
        luaL_setfuncs(L, metamethods, 0);
        luaL_newlibtable(L, methods);
        lua_pushvalue(L, -2);
        luaL_newmetatable(L, AWL_TEMPLATE_MT);
        luaL_setfuncs(L, methods, 2);
        lua_setfield(L, -2, "__index");
        lua_pushliteral(L, "awork.engine");
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
    lua_pushcfunction(L, core_engine);
    lua_setfield(L, -2, "engine");
    lua_pushcfunction(L, core_set_token);
    lua_setfield(L, -2, "set_token");
    lua_pushcfunction(L, core_hide);
    lua_setfield(L, -2, "hide");
    lua_pushcfunction(L, core_now);
    lua_setfield(L, -2, "now");
    lua_pushinteger(L, AW_PLACE_MASK);
    lua_setfield(L, -2, "place_mask");
    push_version(L);
    lua_setfield(L, -2, "version");
}
