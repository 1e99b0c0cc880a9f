/*
 * From the script's results to a response of libmicrohttpd, or to the bytes that stand in for one.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

void sb_buffer_add(struct sb_buffer *b, const char *data, size_t len)
{
    if (b->failed)
        return;
    if (len > b->cap - b->len) {
        size_t cap = b->cap ? b->cap * 2 : 512;
        while (cap - b->len < len)
            cap *= 2;
        char *grown = realloc(b->data, cap);
        if (grown == NULL) {
            b->failed = true;
            return;
        }
        b->data = grown;
        b->cap = cap;
    }
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

void sb_plan_free(struct sb_plan *plan)
{
    if (plan->response != NULL)
        MHD_destroy_response(plan->response);
    free(plan->out);
    memset(plan, 0, sizeof *plan);
}

static enum sb_break break_field(lua_State *L, int idx, const char *name, enum sb_break def)
{
    lua_getfield(L, idx, name);
    const char *how = lua_tostring(L, -1);
    enum sb_break result = how == NULL ? def : strcmp(how, "close") == 0 ? SB_CLOSE : SB_RESET;
    lua_pop(L, 1);
    return result;
}

static bool number_field(lua_State *L, int idx, const char *name, double *value)
{
    lua_getfield(L, idx, name);
    int is_number;
    double n = lua_tonumberx(L, -1, &is_number);
    lua_pop(L, 1);
    if (is_number)
        *value = n;
    return is_number;
}

/* A count of bytes; more than an answer can have means the end of it. */
static size_t to_size(double n)
{
    return n <= 0 ? 0 : n >= 1e15 ? SIZE_MAX : (size_t)n;
}

/* What an answer is made of: at fixed places of the stack. */
struct parts {
    const char *body;
    size_t body_len;
    int headers; /* an array of name, value, name, value ... or 0 */
};

/* The whole answer as bytes, the first `limit` of them; its full length into *total. */
static void serialise(lua_State *L, struct sb_request *r, const struct parts *p, bool no_body, size_t limit,
                      size_t *total)
{
    struct sb_buffer b = {0};
    char line[128];
    const char *reason = MHD_get_reason_phrase_for(r->plan.status);
    int n = snprintf(line, sizeof line, "HTTP/1.1 %u %s\r\n", r->plan.status,
                     reason != NULL ? reason : "Unknown");
    sb_buffer_add(&b, line, (size_t)n);
    lua_Integer count = p->headers != 0 ? (lua_Integer)lua_rawlen(L, p->headers) : 0;
    for (lua_Integer i = 1; i <= count; i++) {
        size_t len;
        lua_rawgeti(L, p->headers, i);
        const char *text = lua_tolstring(L, -1, &len);
        if (text != NULL) {
            sb_buffer_add(&b, text, len);
            sb_buffer_add(&b, i % 2 == 1 ? ": " : "\r\n", 2);
        }
        lua_pop(L, 1);
    }
    if (r->plan.status != MHD_HTTP_NO_CONTENT) {
        n = snprintf(line, sizeof line, "Content-Length: %zu\r\n", p->body_len);
        sb_buffer_add(&b, line, (size_t)n);
    }
    sb_buffer_add(&b, "\r\n", 2);
    if (!no_body)
        sb_buffer_add(&b, p->body, p->body_len);
    r->plan.out = b.data;
    r->plan.out_len = b.len < limit ? b.len : limit;
    *total = b.len;
    if (b.failed)
        luaL_error(L, "not enough memory");
}

/*
 * The script's results are at 1..4 of the stack: status, body or nil, headers or nil, action or nil. The
 * action: delay (seconds)            before anything else goes out drop = "reset" | "close"   break without
 * an answer raw (string)               these bytes as the whole answer, then break as `how` says (close)
 *   cut_response (bytes)       the answer up to this byte, from the status line on, then break as `how` says
 * (reset) cut (bytes)                the header and so many bytes of the body, then break as `how` says
 * (close) step, pause                so many bytes of the body at a time, seconds between On return
 * action.length is the answer's length in bytes when it was cut by cut_response.
 */
void sb_answer_read(lua_State *L, struct sb_request *r, const char *method)
{
    struct sb_plan *plan = &r->plan;
    struct parts p = {.body = "", .body_len = 0, .headers = 0};
    plan->status = (unsigned int)lua_tointeger(L, 1);
    if (lua_isstring(L, 2))
        p.body = lua_tolstring(L, 2, &p.body_len);
    if (lua_istable(L, 3))
        p.headers = 3;

    double cut = -1, step = 0, pause = 0, n;
    enum sb_break how = SB_CLOSE;
    if (lua_istable(L, 4)) {
        number_field(L, 4, "delay", &plan->delay);
        plan->drop = break_field(L, 4, "drop", SB_KEEP);
        if (plan->drop != SB_KEEP)
            return;
        lua_getfield(L, 4, "raw");
        size_t raw_len;
        const char *raw = lua_tolstring(L, -1, &raw_len);
        if (raw != NULL) {
            struct sb_buffer b = {0};
            sb_buffer_add(&b, raw, raw_len);
            plan->out = b.data;
            plan->out_len = b.len;
            plan->how = break_field(L, 4, "how", SB_CLOSE);
            if (raw_len == 0)
                plan->drop = plan->how;
            if (b.failed)
                luaL_error(L, "not enough memory");
            return;
        }
        lua_pop(L, 1);
        if (number_field(L, 4, "cut_response", &n)) {
            size_t total;
            serialise(L, r, &p, strcmp(method, "HEAD") == 0, to_size(n), &total);
            plan->how = break_field(L, 4, "how", SB_RESET);
            lua_pushinteger(L, (lua_Integer)total);
            lua_setfield(L, 4, "length");
            return;
        }
        number_field(L, 4, "cut", &cut);
        number_field(L, 4, "step", &step);
        number_field(L, 4, "pause", &pause);
        how = break_field(L, 4, "how", SB_CLOSE);
    }

    if (cut >= 0 || step > 0 || pause > 0)
        plan->response = sb_http_slow_response(r, p.body, p.body_len, to_size(step), pause,
                                               cut >= 0 ? to_size(cut) : SIZE_MAX, how);
    else
        plan->response =
            MHD_create_response_from_buffer(p.body_len, (void *)(uintptr_t)p.body, MHD_RESPMEM_MUST_COPY);
    if (plan->response == NULL)
        luaL_error(L, "not enough memory");
    lua_Integer count = p.headers != 0 ? (lua_Integer)lua_rawlen(L, p.headers) : 0;
    for (lua_Integer i = 1; i + 1 <= count; i += 2) {
        lua_rawgeti(L, p.headers, i);
        lua_rawgeti(L, p.headers, i + 1);
        const char *name = lua_tostring(L, -2), *value = lua_tostring(L, -1);
        if (name != NULL && value != NULL)
            MHD_add_response_header(plan->response, name, value);
        lua_pop(L, 2);
    }
}
