/* A token and other secrets: held in one place, taken out of texts, wiped when nobody needs them any more. */
#ifndef AW_SECRET_H
#define AW_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

enum { AW_TOKEN_MAX = 8192 };

/* A secret of fewer bytes is not looked for in texts: it would be found in every one. */
enum { AW_REDACT_MIN = 4 };

/* Counted by those who use it, all of one thread. The last one to give it up wipes it. */
struct aw_secret {
    size_t uses;
    uint64_t generation; /* the engine's count of tokens */
    const char *text;    /* the secret itself */
    size_t len;
    char *line;       /* "Authorization: Bearer ", and the secret: for libcurl, which changes nothing in it */
    size_t size;      /* of this block */
    uint16_t *border; /* for each beginning of the secret, the longest shorter one that it ends with */
    size_t *starts;   /* scratch: where the characters that match so far begin */
};

/* What is wrong with a bearer token (RFC 6750, 2.1: letters, digits and -._~+/ and = at the end), or NULL. One sentence. */
const char *aw_token_fault(const char *s, size_t n);

/* A secret of at most 65,535 bytes, used once; NULL when out of memory, or if it is longer. */
struct aw_secret *aw_secret_new(const char *s, size_t n);

struct aw_secret *aw_secret_use(struct aw_secret *secret);

/* NULL is fine. */
void aw_secret_drop(struct aw_secret *secret);

/*
 * Takes the secret out of a text, in place, in one pass; returns the text's new length. It is found as it is, and as JSON
 * may write it ("\/", "\u0041"). With `cut`, the text may have been cut off: a half of the secret at its end goes too.
 */
size_t aw_redact(char *s, size_t n, const struct aw_secret *secret, bool cut);

/* Base64 (RFC 4648, 4) of n bytes; returns how many were written, of at most AW_BASE64_SIZE(n). */
#define AW_BASE64_SIZE(n) (((n) + 2) / 3 * 4)
size_t aw_base64(const char *s, size_t n, char *to);

#pragma GCC visibility pop

#endif
