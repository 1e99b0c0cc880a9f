/* What may be tried again, how long to wait before it, and the quota that keeps retries from a storm. */
#ifndef AW_RETRY_H
#define AW_RETRY_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/* 408, 429, 500, 502, 503, 504: the same request may succeed later. */
bool aw_retry_status(int status);

/*
 * Full jitter: random between 0 and min(0.5 * 2^n, 8) seconds before retry n (from 0), `random` in [0,1).
 * Spread like this, clients that failed together don't return together.
 */
double aw_retry_backoff(int n, double random);

/*
 * A bucket of tokens, as AWS's SDKs have it: a retry costs 5 of 500, a success at the first try gives 1 back,
 * one at a later try gives back what its retry cost. An outage drains it, and then first tries alone go out.
 */
struct aw_quota {
    int tokens;
};

void aw_quota_init(struct aw_quota *q);
bool aw_quota_take(struct aw_quota *q);
void aw_quota_give(struct aw_quota *q, bool retried);

/*
 * Seconds from a Retry-After value: a count, or an HTTP date measured against the response's own `date`
 * (NULL: against `epoch`, the time here). Negative when it is neither. Values needn't end in NUL.
 */
double aw_retry_after(const char *value, size_t len, const char *date, size_t date_len, double epoch);

/* A whole number without sign, all of the value; -1 when it is not. Larger than int reads as INT_MAX. */
int aw_header_int(const char *value, size_t len);

#pragma GCC visibility pop

#endif
