#include "request.h"

#include "buffer.h"
#include "header.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD_LIMIT = 64 * 1024 };

/* From a body of so many bytes on we say that we don't wait for a "100 Continue"; libcurl would from 1 MiB on. */
enum { EXPECTED = 64 * 1024 };

static const char *const method_names[AW_METHOD_COUNT] = {"GET",   "HEAD",   "POST",   "PUT",
                                                          "PATCH", "DELETE", "OPTIONS"};

const char *aw_method_name(enum aw_method method)
{
    return method_names[method];
}

static bool is_visible(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] <= 0x20 || s[i] >= 0x7f || s[i] == '\\')
            return false;
    return n > 0;
}

static bool begins_with(const char *s, size_t n, const char *head, size_t len)
{
    return n >= len && memcmp(s, head, len) == 0 && (n == len || s[len] == '/' || s[len] == '?');
}

/* Nearly all URLs are of the origin that was judged when the engine was made: those need not be judged again. */
static enum aw_submit_error check_url(struct aw_request_copy *copy, const struct aw_request *r,
                                      const struct aw_request_setup *setup)
{
    struct aw_url url = setup->base_url;
    if (url.origin_len > 0 && begins_with(r->url, r->url_len, setup->base, url.origin_len)) {
        if (!is_visible(r->url, r->url_len))
            return AW_BAD_URL;
    } else {
        enum aw_url_error error = aw_url_read(r->url, r->url_len, setup->allow_http, &url);
        if (error)
            return error == AW_URL_INSECURE ? AW_BAD_SCHEME
                   : error == AW_URL_MEMORY ? AW_NO_MEMORY
                                            : AW_BAD_URL;
    }
    copy->https = url.https;
    copy->loopback = url.loopback;
    copy->origin_len = url.origin_len;
    return AW_SUBMITTED;
}

/* The token is for what is below the base alone: whoever can submit requests can't send it elsewhere. */
static enum aw_submit_error check_token(const struct aw_request *r, const struct aw_request_setup *setup)
{
    if (r->token && aw_token_fault(r->token, r->token_len))
        return r->token_len > AW_TOKEN_MAX ? AW_TOO_LARGE : AW_BAD_TOKEN;
    if (!r->auth)
        return AW_SUBMITTED;
    if (!setup->token)
        return AW_NO_TOKEN;
    if (setup->base_len == 0 || !begins_with(r->url, r->url_len, setup->base, setup->base_len))
        return AW_OFF_BASE;
    return AW_SUBMITTED;
}

static char *add(char *at, const char *s, size_t n)
{
    memcpy(at, s, n);
    return at + n;
}

/* One node, its text being `name`, `between` and `value`. Returns where the next text goes. */
static char *add_header(struct curl_slist *node, char *at, const char *name, size_t name_len,
                        const char *between, const char *value, size_t value_len)
{
    node->data = at;
    node->next = node + 1;
    at = add(at, name, name_len);
    at = add(at, between, strlen(between));
    if (value_len > 0)
        at = add(at, value, value_len);
    *at = '\0';
    return at + 1;
}

/* One node for a line that is not ours to copy; none if it is NULL. */
static struct curl_slist *add_line(struct curl_slist *node, char *line)
{
    if (!line)
        return node;
    node->data = line;
    node->next = node + 1;
    return node + 1;
}

static enum aw_submit_error reserve(struct aw_request_copy *copy, size_t size)
{
    if (size > copy->cap) {
        char *mem = malloc(size < 1024 ? 1024 : size);
        if (!mem)
            return AW_NO_MEMORY;
        free(copy->mem);
        copy->mem = mem;
        copy->cap = size < 1024 ? 1024 : size;
    }
    return AW_SUBMITTED;
}

enum aw_submit_error aw_request_copy(struct aw_request_copy *copy, const struct aw_request *r,
                                     const struct aw_request_setup *setup)
{
    static const char bearer[] = "Bearer ", authorization[] = "Authorization", type[] = "Content-Type";
    int method = 0;
    while (method < AW_METHOD_COUNT && (strlen(method_names[method]) != r->method_len ||
                                        memcmp(method_names[method], r->method, r->method_len) != 0))
        method++;
    if (method == AW_METHOD_COUNT)
        return AW_BAD_METHOD;
    if (r->body && (method == AW_GET || method == AW_HEAD))
        return AW_BAD_BODY;
    enum aw_submit_error error = check_url(copy, r, setup);
    if (!error)
        error = check_token(r, setup);
    if (error)
        return error;
    struct aw_secret *secret = r->auth ? setup->token : NULL;

    bool typed = false, agent = false, encoding = false;
    size_t text = r->url_len + 1, nodes = r->header_count + 6;
    for (size_t i = 0; i < r->header_count; i++) {
        const struct aw_header *h = &r->headers[i];
        if (aw_header_check(h->name, h->name_len, h->value, h->value_len,
                            secret ? AW_BY_REQUEST : AW_BY_LIBRARY))
            return AW_BAD_HEADER;
        typed = typed || aw_header_is(h->name, h->name_len, "content-type");
        agent = agent || aw_header_is(h->name, h->name_len, "user-agent");
        encoding = encoding || aw_header_is(h->name, h->name_len, "accept-encoding");
        if (h->name_len > HEAD_LIMIT || h->value_len > HEAD_LIMIT)
            return AW_TOO_LARGE;
        text += h->name_len + h->value_len + sizeof ": ";
    }
    if (r->token)
        text += sizeof authorization + sizeof ": " + sizeof bearer + r->token_len;
    if (text + (secret ? secret->len : 0) > HEAD_LIMIT || r->url_len > HEAD_LIMIT)
        return AW_TOO_LARGE;
    text += sizeof type + sizeof ": application/json" + sizeof "Expect:";
    if (r->body_len > SIZE_MAX / 2)
        return AW_NO_MEMORY;
    error = reserve(copy, nodes * sizeof(struct curl_slist) + text + r->body_len + 1);
    if (error)
        return error;

    struct curl_slist *node = (struct curl_slist *)(void *)copy->mem, *first = node;
    char *at = copy->mem + nodes * sizeof *node;
    copy->url = at;
    at = add(at, r->url, r->url_len);
    *at++ = '\0';
    node = add_line(node, secret ? secret->line : NULL);
    if (r->token) {
        at = add_header(node++, at, authorization, sizeof authorization - 1, ": Bearer ", r->token,
                        r->token_len);
    }
    for (size_t i = 0; i < r->header_count; i++) {
        const struct aw_header *h = &r->headers[i];
        /* libcurl wants an empty value written with a semicolon: "Name:" would remove the header. */
        at = add_header(node++, at, h->name, h->name_len, h->value_len ? ": " : ";", h->value, h->value_len);
    }
    copy->method = (enum aw_method)method;
    copy->has_body = r->body || method == AW_POST || method == AW_PUT || method == AW_PATCH;
    if (copy->has_body) {
        if (!typed) { /* or libcurl would call it a form */
            const char *what = r->body_len ? ": application/json" : ":";
            at = add_header(node++, at, type, sizeof type - 1, what, NULL, 0);
        }
        if (r->body_len >= EXPECTED)
            at = add_header(node++, at, "Expect", sizeof "Expect" - 1, ":", NULL, 0);
    }
    node = add_line(node, agent ? NULL : setup->own.user_agent);
    node = add_line(node, encoding ? NULL : setup->own.accept_encoding);
    if (node > first)
        node[-1].next = NULL;
    copy->headers = node > first ? first : NULL;
    copy->used = (size_t)(at - copy->mem);
    copy->body = at;
    copy->body_len = r->body_len;
    if (r->body_len > 0)
        at = add(at, r->body, r->body_len);
    *at = '\0';
    copy->secret = secret ? aw_secret_use(secret) : NULL;
    return AW_SUBMITTED;
}

void aw_request_forget(struct aw_request_copy *copy)
{
    if (!copy->url)
        return;
    size_t kept = (size_t)(copy->url - copy->mem) + strlen(copy->url) + 1;
    aw_wipe(copy->mem + kept, copy->used - kept);
    copy->headers = NULL;
    aw_secret_drop(copy->secret);
    copy->secret = NULL;
}

void aw_request_wipe(struct aw_request_copy *copy, size_t keep)
{
    aw_wipe(copy->mem, copy->used);
    aw_secret_drop(copy->secret);
    char *mem = copy->mem;
    size_t cap = copy->cap;
    if (cap > keep) {
        free(mem);
        mem = NULL;
        cap = 0;
    }
    *copy = (struct aw_request_copy){.mem = mem, .cap = cap};
}
