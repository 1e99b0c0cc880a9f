/* What may be retried, the backoff, the quota, Retry-After. */
#include "../../src/http/retry.h"
#include "check.h"

#include <limits.h>

static void test_status(void)
{
    static const int yes[] = {408, 429, 500, 502, 503, 504};
    for (int status = 100; status < 600; status++) {
        int want = 0;
        for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
            want = want || yes[i] == status;
        CHECK(aw_retry_status(status) == want);
    }
}

static void test_backoff(void)
{
    CHECK(aw_retry_backoff(0, 0) == 0);
    CHECK(aw_retry_backoff(0, 0.5) == 0.25);
    CHECK(aw_retry_backoff(1, 0.5) == 0.5);
    CHECK(aw_retry_backoff(3, 0.5) == 2);
    CHECK(aw_retry_backoff(4, 0.5) == 4); /* min(0.5 * 16, 8) */
    CHECK(aw_retry_backoff(5, 0.5) == 4);
    CHECK(aw_retry_backoff(1000000, 0.75) == 6);
}

static void test_quota(void)
{
    struct aw_quota q;
    aw_quota_init(&q);
    int n = 0;
    while (n < 1000 && aw_quota_take(&q))
        n++;
    CHECK(n == 100); /* 500 tokens, 5 a retry */
    for (int i = 0; i < 4; i++)
        aw_quota_give(&q, false);
    CHECK(!aw_quota_take(&q));
    aw_quota_give(&q, false);
    CHECK(aw_quota_take(&q));
    CHECK(!aw_quota_take(&q));
    aw_quota_give(&q, true); /* a retry that succeeded gives back what it cost */
    CHECK(aw_quota_take(&q));
    for (int i = 0; i < 1000; i++)
        aw_quota_give(&q, true);
    n = 0;
    while (n < 1000 && aw_quota_take(&q))
        n++;
    CHECK(n == 100); /* never more than full */
}

static double after(const char *value, const char *date, double epoch)
{
    return aw_retry_after(value, strlen(value), date, date ? strlen(date) : 0, epoch);
}

static void test_retry_after(void)
{
    CHECK(after("0", NULL, 0) == 0);
    CHECK(after("120", NULL, 0) == 120);
    CHECK(after("Sun, 06 Nov 1994 08:49:37 GMT", NULL, 784111777 - 10) == 10);
    /* The server's own clock counts, when it says its time. */
    CHECK(after("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:07 GMT", 5e9) == 30);
    CHECK(after("Sunday, 06-Nov-94 08:49:37 GMT", NULL, 784111776) == 1);
    CHECK(after("Sun Nov  6 08:49:37 1994", NULL, 784111776) == 1);
    CHECK(after("Sun, 06 Nov 1994 08:49:37 GMT", NULL, 5e9) == 0); /* past */
    CHECK(after("Sun, 06 Nov 1994 08:49:37 GMT", "nonsense", 784111770) == 7);
    CHECK(after("", NULL, 0) < 0);
    CHECK(after("soon", NULL, 0) < 0);
    CHECK(after("-5", NULL, 0) < 0);
    CHECK(after("99999999999999999999999999999999999999999999999999999999999999999999 x", NULL, 0) < 0);
}

static void test_header_int(void)
{
    CHECK(aw_header_int("", 0) == -1);
    CHECK(aw_header_int("42x", 2) == 42); /* the length counts */
    CHECK(aw_header_int("42x", 3) == -1);
    CHECK(aw_header_int(" 4", 2) == -1);
    CHECK(aw_header_int("-1", 2) == -1);
    CHECK(aw_header_int("2147483647", 10) == INT_MAX);
    CHECK(aw_header_int("2147483648", 10) == INT_MAX);
    CHECK(aw_header_int("99999999999999999999", 20) == INT_MAX);
}

int main(void)
{
    test_status();
    test_backoff();
    test_quota();
    test_retry_after();
    test_header_int();
    return check_report();
}
