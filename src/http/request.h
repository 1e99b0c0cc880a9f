/* A request, checked and copied into one block of memory that can be wiped. */
#ifndef AW_REQUEST_H
#define AW_REQUEST_H

#include "engine.h"
#include "secret.h"
#include "url.h"

#include <curl/curl.h>

#pragma GCC visibility push(hidden)

enum aw_method { AW_GET, AW_HEAD, AW_POST, AW_PUT, AW_PATCH, AW_DELETE, AW_OPTIONS, AW_METHOD_COUNT };

struct aw_request_copy {
    enum aw_method method;
    bool https, loopback, has_body;
    struct aw_secret *secret;   /* the engine's token, if it goes with it; NULL: none */
    struct curl_slist *headers; /* their nodes are in `mem`: never given to curl_slist_free_all */
    const char *url, *body;
    size_t origin_len; /* of the URL the origin: scheme, host and port */
    size_t body_len;
    char *mem;
    size_t cap;
    size_t used; /* bytes before the body: what is wiped */
};

/* Whole header lines of the engine's own, for requests that don't bring theirs; NULL: none. They outlive the requests. */
struct aw_own_headers {
    char *user_agent, *accept_encoding;
};

/* What an engine knows of all of its requests. */
struct aw_request_setup {
    struct aw_own_headers own;
    bool allow_http;
    const char *base; /* the token goes to URLs below this one; "": nowhere */
    size_t base_len;
    struct aw_url base_url; /* as it was read */
    struct aw_secret *token;
};

const char *aw_method_name(enum aw_method method);

/*
 * Checks r and copies it; the Authorization header is the setup's token's, if r asks for it. `copy` may hold an earlier
 * request's memory, which is used again. On failure it holds no request.
 */
enum aw_submit_error aw_request_copy(struct aw_request_copy *copy, const struct aw_request *r,
                                     const struct aw_request_setup *setup);

/* Wipes the headers of a request that will not be sent again, and lets go of the token; its URL stays. */
void aw_request_forget(struct aw_request_copy *copy);

/* Wipes URL and headers (they may hold secrets) and forgets the request; keeps memory up to `keep` bytes. */
void aw_request_wipe(struct aw_request_copy *copy, size_t keep);

#pragma GCC visibility pop

#endif
