#include "retry.h"

#include <curl/curl.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { QUOTA_MAX = 500, QUOTA_RETRY = 5, QUOTA_SUCCESS = 1 };

bool aw_retry_status(int status)
{
    switch (status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

double aw_retry_backoff(int n, double random)
{
    return random * (n < 4 ? ldexp(0.5, n) : 8.0);
}

void aw_quota_init(struct aw_quota *q)
{
    q->tokens = QUOTA_MAX;
}

bool aw_quota_take(struct aw_quota *q)
{
    if (q->tokens < QUOTA_RETRY)
        return false;
    q->tokens -= QUOTA_RETRY;
    return true;
}

void aw_quota_give(struct aw_quota *q, bool retried)
{
    q->tokens += retried ? QUOTA_RETRY : QUOTA_SUCCESS;
    if (q->tokens > QUOTA_MAX)
        q->tokens = QUOTA_MAX;
}

int aw_header_int(const char *value, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9')
            return -1;
        int digit = value[i] - '0';
        n = n > (INT_MAX - digit) / 10 ? INT_MAX : n * 10 + digit;
    }
    return len > 0 ? n : -1;
}

/* Epoch seconds of an HTTP date, or negative. */
static double parse_date(const char *value, size_t len)
{
    char text[64];
    if (len == 0 || len >= sizeof text)
        return -1;
    memcpy(text, value, len);
    text[len] = '\0';
    return (double)curl_getdate(text, NULL);
}

double aw_retry_after(const char *value, size_t len, const char *date, size_t date_len, double epoch)
{
    int count = aw_header_int(value, len);
    if (count >= 0)
        return count;
    double at = parse_date(value, len), from = date ? parse_date(date, date_len) : -1;
    if (at < 0)
        return -1;
    return fmax(0, at - (from >= 0 ? from : epoch));
}
