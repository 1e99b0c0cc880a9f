/* One rule for request headers: what a name and a value are, and who may set which. */
#ifndef AW_HEADER_H
#define AW_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/* Who sets a header, from the one who may set all to those who may set least. */
enum aw_header_owner {
    AW_BY_ENGINE,  /* nobody else: it belongs to the framing or the connection */
    AW_BY_LIBRARY, /* the token is handed over in another way */
    AW_BY_REQUEST, /* whoever makes one request, for that alone */
    AW_BY_CLIENT   /* whoever makes a client, for all of its requests */
};

/* All other names are AW_BY_CLIENT. In lower case. */
#define AW_HEADERS(X)                                                                                        \
    X("content-length", AW_BY_ENGINE)                                                                        \
    X("transfer-encoding", AW_BY_ENGINE)                                                                     \
    X("connection", AW_BY_ENGINE)                                                                            \
    X("keep-alive", AW_BY_ENGINE)                                                                            \
    X("proxy-connection", AW_BY_ENGINE)                                                                      \
    X("proxy-authorization", AW_BY_ENGINE)                                                                   \
    X("host", AW_BY_ENGINE)                                                                                  \
    X("expect", AW_BY_ENGINE)                                                                                \
    X("te", AW_BY_ENGINE)                                                                                    \
    X("trailer", AW_BY_ENGINE)                                                                               \
    X("upgrade", AW_BY_ENGINE)                                                                               \
    X("http2-settings", AW_BY_ENGINE)                                                                        \
    X("authorization", AW_BY_LIBRARY)                                                                        \
    X("content-type", AW_BY_REQUEST)

/* Why a header is refused, as a sentence that names it where it says %s. */
#define AW_HEADER_ERRORS(X)                                                                                  \
    X(AW_HEADER_NAME, "a header's name must be letters, digits and hyphens")                                 \
    X(AW_HEADER_VALUE, "the value of the header '%s' must be a string without control characters")           \
    X(AW_HEADER_RESERVED, "the header '%s' can't be set")

#define AW_HEADER_ENUM(id, text) id,
enum aw_header_error { AW_HEADER_GOOD, AW_HEADER_ERRORS(AW_HEADER_ENUM) AW_HEADER_ERROR_COUNT };
#undef AW_HEADER_ENUM

const char *aw_header_message(enum aw_header_error error);

/* Whether `by` may send this header. */
enum aw_header_error aw_header_check(const char *name, size_t name_len, const char *value, size_t value_len,
                                     enum aw_header_owner by);

/* True if a name is this one, whatever the case of its letters (ASCII alone, as HTTP has it). */
bool aw_header_is(const char *name, size_t n, const char *lower);

#pragma GCC visibility pop

#endif
