#include "url.h"

#include "header.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(id, text) text,

const char *aw_url_message(enum aw_url_error error)
{
    static const char *const texts[] = {"", AW_URL_ERRORS(TEXT)};
    return texts[error];
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_visible(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] <= 0x20 || s[i] >= 0x7f || s[i] == '\\')
            return false;
    return n > 0;
}

/* ---- hosts ---- */

enum { LONGEST_LABEL = 63, LONGEST_NAME = 253 };

/* Four decimal numbers: one of more digits than it needs is octal to some. `first`: the number before the first dot. */
static bool is_ipv4(const char *s, size_t n, int *first)
{
    int dots = 0, digits = 0, number = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i == n || s[i] == '.') {
            if (digits == 0 || number > 255)
                return false;
            if (dots++ == 0)
                *first = number;
            digits = number = 0;
        } else if (!is_digit(s[i]) || digits == 3 || (digits > 0 && number == 0)) {
            return false;
        } else {
            number = number * 10 + (s[i] - '0');
            digits++;
        }
    }
    return dots == 4;
}

/* The address between brackets. */
static bool read_ipv6(const char *s, size_t n, unsigned char address[16])
{
    char text[INET6_ADDRSTRLEN];
    if (n < 4 || n - 2 >= sizeof text || s[0] != '[' || s[n - 1] != ']')
        return false;
    memcpy(text, s + 1, n - 2);
    text[n - 2] = '\0';
    return inet_pton(AF_INET6, text, address) == 1;
}

/* Labels with dots between; one more dot may stand at the end. */
static bool is_name(const char *s, size_t n)
{
    size_t label = 0;
    if (n > LONGEST_NAME)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if ((!is_alnum(s[i]) && s[i] != '-' && s[i] != '_') || ++label > LONGEST_LABEL) {
            return false;
        }
    }
    return n > 0;
}

/* Whether resolvers take a name for an address: its last label is a number, decimal or "0x" and a hexadecimal one. */
static bool ends_in_number(const char *s, size_t n)
{
    if (n > 0 && s[n - 1] == '.')
        n--;
    size_t at = n;
    while (at > 0 && s[at - 1] != '.')
        at--;
    const char *label = s + at;
    size_t len = n - at, digits = 0;
    bool hex = len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
    for (size_t i = hex ? 2 : 0; i < len; i++)
        digits += hex ? is_hex(label[i]) : is_digit(label[i]);
    return len > 0 && digits == len - (hex ? 2 : 0);
}

static enum aw_url_error read_host(const char *s, size_t n, bool *loopback)
{
    static const unsigned char one[16] = {[15] = 1};
    unsigned char address[16];
    int first = 0;
    *loopback = false;
    if (n > 0 && s[0] == '[') {
        if (!read_ipv6(s, n, address))
            return AW_URL_HOST;
        *loopback = memcmp(address, one, sizeof one) == 0;
        return AW_URL_GOOD;
    }
    if (!is_name(s, n))
        return AW_URL_HOST;
    if (ends_in_number(s, n)) {
        if (!is_ipv4(s, n, &first))
            return AW_URL_ADDRESS;
        *loopback = first == 127;
        return AW_URL_GOOD;
    }
    *loopback = aw_header_is(s, n, "localhost");
    return AW_URL_GOOD;
}

/* 0 for what is none from 1 to 65535, in as many digits as it needs. */
static long read_port(const char *s, size_t n)
{
    long port = 0;
    if (n == 0 || n > 5 || s[0] == '0')
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(s[i]))
            return 0;
        port = port * 10 + (s[i] - '0');
    }
    return port <= 65535 ? port : 0;
}

/* ---- libcurl's reading ---- */

/* One part of what libcurl has read; NULL if there is none. To be freed by curl_free. */
static char *part(CURLU *u, CURLUPart what, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(u, what, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool same_host(const char *ours, size_t n, const char *theirs)
{
    unsigned char a[16], b[16];
    size_t m = strlen(theirs);
    if (n == m) {
        size_t i = 0;
        while (i < n && (ours[i] | 0x20) == (theirs[i] | 0x20))
            i++;
        if (i == n)
            return true;
    }
    return read_ipv6(ours, n, a) && read_ipv6(theirs, m, b) && memcmp(a, b, sizeof a) == 0;
}

/*
 * Whether libcurl sends what is for this URL to the host and port that we have judged. When memory runs out in it, it may
 * call the URL a bad one: whoever gets AW_URL_UNREAD asks again.
 */
static enum aw_url_error agree(const char *s, size_t n, const struct aw_url *url, long port)
{
    char *copy = malloc(n + 1);
    CURLU *u = curl_url();
    enum aw_url_error error = AW_URL_MEMORY;
    if (copy && u) {
        memcpy(copy, s, n);
        copy[n] = '\0';
        CURLUcode code = curl_url_set(u, CURLUPART_URL, copy, 0);
        if (code == CURLUE_OK) {
            char *scheme = part(u, CURLUPART_SCHEME, 0), *host = part(u, CURLUPART_HOST, 0);
            char *number = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
            if (scheme && host && number)
                error = strcmp(scheme, url->https ? "https" : "http") == 0 &&
                                same_host(s + url->host_at, url->host_len, host) &&
                                strtol(number, NULL, 10) == port
                            ? AW_URL_GOOD
                            : AW_URL_UNREAD;
            curl_free(scheme);
            curl_free(host);
            curl_free(number);
        } else if (code != CURLUE_OUT_OF_MEMORY) {
            error = AW_URL_UNREAD;
        }
    }
    curl_url_cleanup(u);
    free(copy);
    return error;
}

/* ---- URLs ---- */

enum aw_url_error aw_url_read(const char *s, size_t n, bool allow_http, struct aw_url *url)
{
    *url = (struct aw_url){0};
    if (n >= 8 && aw_header_is(s, 8, "https://")) {
        url->https = true;
        url->host_at = 8;
    } else if (n >= 7 && aw_header_is(s, 7, "http://")) {
        url->host_at = 7;
    } else {
        return AW_URL_FORM;
    }
    if (!is_visible(s, n))
        return AW_URL_BYTES;
    size_t end = url->host_at, colon = 0;
    bool bracket = false;
    for (; end < n && s[end] != '/' && s[end] != '?' && s[end] != '#'; end++) {
        if (s[end] == '@')
            return AW_URL_USER;
        if (s[end] == ':' && !bracket && colon == 0)
            colon = end;
        bracket = s[end] == '[' || (bracket && s[end] != ']');
    }
    url->origin_len = end;
    url->host_len = (colon ? colon : end) - url->host_at;
    enum aw_url_error error = read_host(s + url->host_at, url->host_len, &url->loopback);
    if (error)
        return error;
    long port = colon ? read_port(s + colon + 1, end - colon - 1) : url->https ? 443 : 80;
    if (port == 0)
        return AW_URL_PORT;
    if (!url->https && !url->loopback && !allow_http)
        return AW_URL_INSECURE;
    error = agree(s, n, url, port);
    return error == AW_URL_UNREAD ? agree(s, n, url, port) : error;
}

/* A path without empty segments, dot segments or anything that needs encoding; slashes at its end are fine. */
static bool is_plain_path(const char *s, size_t n)
{
    while (n > 0 && s[n - 1] == '/')
        n--;
    size_t length = 0, dots = 0; /* of the segment so far */
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%') {
            if (n - i < 3 || !is_hex(s[i + 1]) || !is_hex(s[i + 2]))
                return false;
            char code[3] = {s[i + 1], s[i + 2], '\0'};
            long byte = strtol(code, NULL, 16);
            if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\')
                return false;
            c = byte == '.' ? '.' : 'x';
            i += 2;
        } else if (c == '/') {
            if (i > 0 && (length == 0 || (length == dots && dots <= 2)))
                return false;
            length = dots = 0;
            continue;
        } else if (!is_alnum(c) && !strchr("-._~!$&'()*+,;=:", c)) {
            return false;
        }
        length++;
        dots += c == '.';
    }
    return n == 0 || !(length == dots && dots <= 2);
}

enum aw_url_error aw_url_read_base(const char *s, size_t n, bool allow_http, struct aw_url *url)
{
    if (n > AW_BASE_MAX)
        return AW_URL_LONG;
    enum aw_url_error error = aw_url_read(s, n, allow_http, url);
    if (error)
        return error;
    if (memchr(s, '?', n) || memchr(s, '#', n))
        return AW_URL_QUERY;
    return is_plain_path(s + url->origin_len, n - url->origin_len) ? AW_URL_GOOD : AW_URL_PATH;
}

/* ---- proxies ---- */

static const char *scheme_fault(const char *scheme)
{
    static const char *const known[] = {"http", "socks4", "socks4a", "socks5", "socks5h"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(scheme, known[i]) == 0)
            return NULL;
    if (strcmp(scheme, "https") == 0)
        return curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTPS_PROXY
                   ? NULL
                   : "is an https proxy, which this libcurl can't use";
    return "has a scheme that is none of http, https, socks4, socks4a, socks5 and socks5h";
}

static const char unread[] =
    "is no URL of a proxy, like http://user:password@host:3128; what is not a letter or "
    "digit in user and password must be percent-encoded";

static const char *read_proxy(const char *s)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME,   CURLUPART_HOST,  CURLUPART_PORT,    CURLUPART_USER,
                                      CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
    enum { SCHEME, HOST, PORT, USER, PASSWORD, QUERY, FRAGMENT, PARTS };
    char *texts[PARTS] = {0};
    CURLU *u = curl_url();
    CURLUcode code = u ? curl_url_set(u, CURLUPART_URL, s, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME)
                       : CURLUE_OUT_OF_MEMORY;
    bool lacks_memory = code == CURLUE_OUT_OF_MEMORY, readable = code == CURLUE_OK, loopback;
    for (size_t i = 0; readable && i < PARTS; i++) {
        code = curl_url_get(u, parts[i], &texts[i], i == USER || i == PASSWORD ? CURLU_URLDECODE : 0);
        lacks_memory = lacks_memory || code == CURLUE_OUT_OF_MEMORY;
        readable = code != CURLUE_URLDECODE;
    }
    const char *fault = unread;
    if (lacks_memory)
        fault = AW_URL_NO_MEMORY;
    else if (readable && texts[SCHEME] && scheme_fault(texts[SCHEME]))
        fault = scheme_fault(texts[SCHEME]);
    else if (readable && texts[SCHEME] && texts[HOST] && !texts[QUERY] && !texts[FRAGMENT] &&
             read_host(texts[HOST], strlen(texts[HOST]), &loopback) == AW_URL_GOOD &&
             (!texts[PORT] || read_port(texts[PORT], strlen(texts[PORT])) > 0))
        fault = NULL;
    for (size_t i = 0; i < PARTS; i++)
        curl_free(texts[i]);
    curl_url_cleanup(u);
    return fault;
}

const char *aw_proxy_fault(const char *s, size_t n)
{
    if (n == 0)
        return NULL;
    if (!is_visible(s, n) || strlen(s) != n)
        return unread;
    const char *fault = read_proxy(s);
    return fault == unread ? read_proxy(s) : fault; /* as above: it may have been memory */
}
