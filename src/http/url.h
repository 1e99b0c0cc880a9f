/* One rule for URLs: which are sent to, and which hosts are this machine. */
#ifndef AW_URL_H
#define AW_URL_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

#define AW_URL_NO_MEMORY "can't be read: not enough memory"

/* Why a URL is refused, as the end of a sentence that names it. */
#define AW_URL_ERRORS(X)                                                                                     \
    X(AW_URL_FORM, "must be an absolute URL like https://api.awork.com/api/v1")                              \
    X(AW_URL_BYTES,                                                                                          \
      "holds a space, a backslash, a control character or one beyond ASCII (an international host name is "  \
      "written as xn--...)")                                                                                 \
    X(AW_URL_USER, "holds a user or a password: the token is all that is sent")                              \
    X(AW_URL_HOST, "has no host name of letters, digits and hyphens, with dots between, nor an address")     \
    X(AW_URL_ADDRESS, "has a host of numbers that is no IPv4 address in four decimal numbers from 0 to 255") \
    X(AW_URL_PORT, "has a port that is none from 1 to 65535")                                                \
    X(AW_URL_INSECURE, "must be https: plain http would show the token to everyone on the way")              \
    X(AW_URL_QUERY, "has a query or a fragment")                                                             \
    X(AW_URL_PATH, "has a path with empty or dot segments, or with something that must be percent-encoded")  \
    X(AW_URL_LONG, "is longer than 1024 bytes")                                                              \
    X(AW_URL_UNREAD, "is one that libcurl can't read, or reads in another way")                              \
    X(AW_URL_MEMORY, AW_URL_NO_MEMORY)

#define AW_URL_ENUM(id, text) id,
enum aw_url_error { AW_URL_GOOD, AW_URL_ERRORS(AW_URL_ENUM) AW_URL_ERROR_COUNT };
#undef AW_URL_ENUM

enum { AW_BASE_MAX = 1024 };

struct aw_url {
    bool https;
    bool loopback;     /* the host is this machine, told by its spelling: localhost, 127.x.y.z, [::1] */
    size_t origin_len; /* scheme, host and port */
    size_t host_at, host_len; /* with the brackets of an IPv6 address */
};

/* The sentence's end for an error. */
const char *aw_url_message(enum aw_url_error error);

/*
 * Reads an absolute http or https URL. What is refused: whatever could be read in two ways, and plain http to a host
 * that is not this machine unless `allow_http`. libcurl's own parser is asked as well, and has to agree on the host.
 */
enum aw_url_error aw_url_read(const char *s, size_t n, bool allow_http, struct aw_url *url);

/* The same for one that others are made of, by a path that is added to it: no query, a plain path. */
enum aw_url_error aw_url_read_base(const char *s, size_t n, bool allow_http, struct aw_url *url);

/* What is wrong with the URL of a proxy, as the end of a sentence, or NULL. "" is none, and right. Shows nothing of it. */
const char *aw_proxy_fault(const char *s, size_t n);

#pragma GCC visibility pop

#endif
