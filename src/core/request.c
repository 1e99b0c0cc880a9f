#include "request.h"

#include "buffer.h"

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

/* Header names are compared without regard to case, ASCII alone. */
static bool same(const char *a, size_t n, const char *lower)
{
    for (size_t i = 0; i < n; i++) {
        char c = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] + ('a' - 'A')) : a[i];
        if (lower[i] == '\0' || c != lower[i])
            return false;
    }
    return lower[n] == '\0';
}

static bool is_token(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            continue;
        if (c == '\0' || !strchr("!#$%&'*+.^_`|~", c))
            return false;
    }
    return n > 0;
}

static bool is_visible(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] <= 0x20 || s[i] >= 0x7f)
            return false;
    return n > 0;
}

static bool is_value(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* What would contradict the framing or the connection that libcurl chooses. */
static bool is_reserved(const char *s, size_t n)
{
    static const char *const names[] = {
        "content-length", "transfer-encoding", "connection", "host", "expect", "te", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same(s, n, names[i]))
            return true;
    return false;
}

/* The authority of an absolute URL; NULL when there is none. */
static const char *authority(const char *url, size_t len, size_t *n)
{
    const char *end = url + len, *p = NULL;
    if (len > 8 && same(url, 8, "https://"))
        p = url + 8;
    else if (len > 7 && same(url, 7, "http://"))
        p = url + 7;
    if (!p)
        return NULL;
    const char *q = p;
    while (q < end && *q != '/' && *q != '?' && *q != '#')
        q++;
    *n = (size_t)(q - p);
    return *n > 0 ? p : NULL;
}

static bool is_ipv4_loopback(const char *s, size_t n)
{
    int dots = 0, digits = 0, number = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i == n || s[i] == '.') {
            if (digits == 0 || number > 255 || (dots == 0 && number != 127))
                return false;
            dots++;
            digits = number = 0;
        } else if (s[i] >= '0' && s[i] <= '9' && digits < 3) {
            if (digits > 0 && number == 0)
                return false; /* a leading zero means octal to some */
            number = number * 10 + (s[i] - '0');
            digits++;
        } else {
            return false;
        }
    }
    return dots == 4;
}

/* The same of an URL's authority. */
static bool is_loopback(const char *host, size_t n)
{
    size_t h = n;
    for (size_t i = n; i > 0 && host[i - 1] != ']'; i--) {
        if (host[i - 1] == ':') {
            h = i - 1;
            break;
        }
    }
    for (size_t i = h + 1; i < n; i++)
        if (host[i] < '0' || host[i] > '9')
            return false;
    return same(host, h, "localhost") || same(host, h, "[::1]") || is_ipv4_loopback(host, h);
}

bool aw_url_is_loopback(const char *url, size_t len)
{
    size_t n;
    const char *host = authority(url, len, &n);
    return host && is_loopback(host, n);
}

static enum aw_submit_error check_url(struct aw_request_copy *copy, const struct aw_request *r,
                                      bool allow_http)
{
    size_t n;
    const char *a = is_visible(r->url, r->url_len) && !memchr(r->url, '\\', r->url_len)
                        ? authority(r->url, r->url_len, &n)
                        : NULL;
    if (!a || memchr(a, '@', n))
        return AW_BAD_URL;
    copy->https = r->url[4] == 's' || r->url[4] == 'S';
    copy->origin_len = (size_t)(a - r->url) + n;
    if (!copy->https && !allow_http && !is_loopback(a, n))
        return AW_BAD_SCHEME;
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
                                     const struct aw_own_headers *own, bool allow_http)
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
    enum aw_submit_error error = check_url(copy, r, allow_http);
    if (error)
        return error;
    if (r->token && !is_visible(r->token, r->token_len))
        return AW_BAD_TOKEN;

    bool typed = false, agent = false, encoding = false;
    size_t text = r->url_len + 1, nodes = r->header_count + 5;
    for (size_t i = 0; i < r->header_count; i++) {
        const struct aw_header *h = &r->headers[i];
        if (!is_token(h->name, h->name_len) || !is_value(h->value, h->value_len) ||
            is_reserved(h->name, h->name_len))
            return AW_BAD_HEADER;
        typed = typed || same(h->name, h->name_len, "content-type");
        agent = agent || same(h->name, h->name_len, "user-agent");
        encoding = encoding || same(h->name, h->name_len, "accept-encoding");
        if (h->name_len > HEAD_LIMIT || h->value_len > HEAD_LIMIT)
            return AW_TOO_LARGE;
        text += h->name_len + h->value_len + sizeof ": ";
    }
    if (r->token)
        text += sizeof authorization + sizeof ": " + sizeof bearer + r->token_len;
    if (text > HEAD_LIMIT || r->url_len > HEAD_LIMIT)
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
    node = add_line(node, agent ? NULL : own->user_agent);
    node = add_line(node, encoding ? NULL : own->accept_encoding);
    if (node > first)
        node[-1].next = NULL;
    copy->headers = node > first ? first : NULL;
    copy->used = (size_t)(at - copy->mem);
    copy->body = at;
    copy->body_len = r->body_len;
    if (r->body_len > 0)
        at = add(at, r->body, r->body_len);
    *at = '\0';
    return AW_SUBMITTED;
}

void aw_request_forget(struct aw_request_copy *copy)
{
    if (!copy->url)
        return;
    size_t kept = (size_t)(copy->url - copy->mem) + strlen(copy->url) + 1;
    aw_wipe(copy->mem + kept, copy->used - kept);
    copy->headers = NULL;
}

void aw_request_wipe(struct aw_request_copy *copy, size_t keep)
{
    aw_wipe(copy->mem, copy->used);
    char *mem = copy->mem;
    size_t cap = copy->cap;
    if (cap > keep) {
        free(mem);
        mem = NULL;
        cap = 0;
    }
    *copy = (struct aw_request_copy){.mem = mem, .cap = cap};
}
