#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "secret.h"

#include "buffer.h"

#include <stdlib.h>
#include <string.h>

static const char bearer[] = "Authorization: Bearer ";

static bool is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~+/", c));
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *aw_token_fault(const char *s, size_t n)
{
    if (n == 0)
        return "it is empty";
    if (n > AW_TOKEN_MAX)
        return "it is longer than 8 KiB";
    size_t end = n, good = 0;
    while (end > 0 && s[end - 1] == '=')
        end--;
    while (good < end && is_token_byte(s[good]))
        good++;
    if (good == end && end > 0)
        return NULL;
    if (is_blank(s[0]) || is_blank(s[n - 1]))
        return "it begins or ends with white space; was it read from a file together with its line end?";
    if (n > 7 && (s[0] == 'B' || s[0] == 'b') && memcmp(s + 1, "earer ", 6) == 0)
        return "it must come without 'Bearer'";
    return "only letters, digits and - . _ ~ + / = can be in it";
}

/* The borders of Knuth, Morris and Pratt: how a search goes on after a mismatch without looking back. */
static void find_borders(uint16_t *border, const char *s, size_t n)
{
    size_t k = 0;
    for (size_t i = 1; i < n; i++) {
        while (k > 0 && s[i] != s[k])
            k = border[k - 1];
        if (s[i] == s[k])
            k++;
        border[i] = (uint16_t)k;
    }
}

struct aw_secret *aw_secret_new(const char *s, size_t n)
{
    if (n > UINT16_MAX)
        return NULL;
    struct aw_secret *secret;
    size_t head = sizeof bearer - 1;
    size_t size = sizeof *secret + n * (sizeof *secret->starts + sizeof *secret->border) + head + n + 1;
    secret = calloc(1, size);
    if (!secret)
        return NULL;
    secret->uses = 1;
    secret->size = size;
    secret->len = n;
    secret->starts = (size_t *)(void *)(secret + 1);
    secret->border = (uint16_t *)(void *)(secret->starts + n);
    secret->line = (char *)(secret->border + n);
    memcpy(secret->line, bearer, head);
    if (n > 0)
        memcpy(secret->line + head, s, n);
    secret->text = secret->line + head;
    find_borders(secret->border, secret->text, n);
    return secret;
}

struct aw_secret *aw_secret_use(struct aw_secret *secret)
{
    secret->uses++;
    return secret;
}

void aw_secret_drop(struct aw_secret *secret)
{
    if (!secret || --secret->uses > 0)
        return;
    aw_wipe(secret, secret->size);
    free(secret);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The character at *at, which is moved on; -1 for one that is in no secret we know. */
static int next_character(const char *s, size_t n, size_t *at)
{
    size_t left = n - *at;
    const char *p = s + *at;
    if (p[0] != '\\' || left < 2) {
        *at += 1;
        return (unsigned char)p[0];
    }
    if (p[1] != 'u' || left < 6) {
        if (!p[1] ||
            !strchr("/\"\\bfnrtu", p[1])) { /* none of JSON's: a backslash, and what comes behind it */
            *at += 1;
            return '\\';
        }
        *at += 2;
        return p[1] == '/' || p[1] == '"' || p[1] == '\\' ? (unsigned char)p[1] : -1;
    }
    int code = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0) {
            *at += 2;
            return -1;
        }
        code = code * 16 + digit;
    }
    *at += 6;
    return code < 0x80 ? code : -1;
}

/* Whether a character of the secret's is written as an escape in the text. */
static bool has_escapes(const char *s, size_t n, const struct aw_secret *secret)
{
    const char *end = s + n, *p = s;
    while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
        size_t at = 0;
        int c = next_character(p, (size_t)(end - p), &at);
        if (at > 1 && c >= 0 && memchr(secret->text, c, secret->len))
            return true;
        p += at;
    }
    return false;
}

/* How much of the secret has been seen once `c` has come. */
static size_t advance(const struct aw_secret *secret, size_t seen, int c)
{
    while (seen > 0 && c != (unsigned char)secret->text[seen])
        seen = secret->border[seen - 1];
    return c == (unsigned char)secret->text[seen] ? seen + 1 : 0;
}

static size_t put_mask(char *s, size_t room)
{
    static const char mask[] = "[secret]", narrow[] = "***";
    bool wide = room >= sizeof mask - 1;
    size_t n = wide ? sizeof mask - 1 : sizeof narrow - 1;
    memcpy(s, wide ? mask : narrow, n);
    return n;
}

/* One that is there as it is, if at all: the way of nearly all texts, which don't hold it. */
static size_t redact_plain(char *s, size_t n, const struct aw_secret *secret)
{
    size_t from = 0, out = 0;
    for (;;) {
        /* One behind the other is found without the preparations of memmem. */
        bool next = n - from >= secret->len && memcmp(s + from, secret->text, secret->len) == 0;
        const char *found = next ? s + from : memmem(s + from, n - from, secret->text, secret->len);
        if (!found)
            break;
        size_t before = (size_t)(found - s) - from;
        memmove(s + out, s + from, before);
        out += before;
        out += put_mask(s + out, secret->len);
        from += before + secret->len;
    }
    if (from == 0)
        return n;
    memmove(s + out, s + from, n - from);
    return out + n - from;
}

/* How much of the secret stands, as it is, at the end of the text. */
static size_t plain_half(const char *s, size_t n, const struct aw_secret *secret)
{
    size_t seen = 0;
    for (size_t at = n < secret->len ? 0 : n - (secret->len - 1); at < n; at++)
        seen = advance(secret, seen, (unsigned char)s[at]);
    return seen;
}

size_t aw_redact(char *s, size_t n, const struct aw_secret *secret, bool cut)
{
    size_t out = 0, seen = 0, count = 0, len = secret->len;
    if (len < AW_REDACT_MIN || (n < len && !cut))
        return n;
    bool escapes = has_escapes(s, n, secret);
    if (!cut && !escapes)
        return redact_plain(s, n, secret);
    if (escapes) /* also where it stands behind a backslash that escapes nothing: the text need not be JSON */
        n = redact_plain(s, n, secret);
    for (size_t at = 0; at < n;) {
        size_t from = at;
        int c = next_character(s, n, &at);
        secret->starts[count++ % len] = out;
        while (from < at)
            s[out++] = s[from++];
        seen = advance(secret, seen, c);
        if (seen == len) {
            size_t start = secret->starts[(count - len) % len];
            out = start + put_mask(s + start, out - start);
            seen = 0;
        }
    }
    if (!cut)
        return out;
    size_t start = seen >= AW_REDACT_MIN ? secret->starts[(count - seen) % len] : out;
    size_t half = plain_half(s, out, secret);
    return half >= AW_REDACT_MIN && out - half < start ? out - half : start;
}

size_t aw_base64(const char *s, size_t n, char *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = to;
    for (size_t i = 0; i < n; i += 3) {
        unsigned bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < n ? (unsigned char)s[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            *at++ = i + k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=';
    }
    return (size_t)(at - to);
}
