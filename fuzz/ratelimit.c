/*
 * Rate limit headers, and what the limiter makes of them: a response's head is read, its numbers go to a limiter on a
 * virtual clock together with a script of requests. The limiter never waits a negative or an undefined time, never
 * forever while nothing is in flight, and never has more in a window than its limit.
 */
#include "../src/http/limiter.h"
#include "../src/http/retry.h"
#include "../src/http/transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IN_FLIGHT = 16 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* The head's lines as they are kept, read as the engine reads them. */
static struct aw_told read_head(const char *head, size_t n)
{
    struct aw_told told = {{-1, -1}, {-1, -1}, -1, -1, -1, -1};
    struct aw_transfer t = {0};
    int *const into[] = {&told.limit[0],     &told.limit[1],    &told.remaining[0],
                         &told.remaining[1], &told.plain_limit, &told.plain_remaining};
    struct aw_header h, after = {0}, date = {0};
    aw_buffer_init(&t.head, 65536);
    must(aw_buffer_append(&t.head, head, n) == AW_BUFFER_OK);
    for (size_t at = 0, i = 0; aw_result_header(&t.result, &at, &h); i++) {
        must(h.name_len <= n && h.value_len <= n);
        int number = aw_header_int(h.value, h.value_len);
        must(number >= -1);
        *into[i % 6] = number;
        if (i % 2)
            told.reset = number;
        if (h.name_len == 11 && memcmp(h.name, "retry-after", 11) == 0)
            after = h;
        else if (h.name_len == 4 && memcmp(h.name, "date", 4) == 0)
            date = h;
    }
    size_t len;
    const char *found = aw_transfer_header(&t, "retry-after", &len);
    must(!found == !after.name);
    if (after.name)
        told.retry_after = aw_retry_after(after.value, after.value_len, date.value, date.value_len, 1.8e9);
    must(!isnan(told.retry_after));
    aw_buffer_free(&t.head);
    return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    size_t head = data[2] < size - 4 ? data[2] : size - 4;
    struct aw_told told = read_head((const char *)data + 4, head);
    struct aw_limiter l;
    struct aw_ticket tickets[IN_FLIGHT];
    int per_second = data[0] % 64, per_minute = data[1], flying = 0;
    must(aw_limiter_init(&l, per_second, per_minute, data[3] & 1, (data[3] >> 1) % 10 / 10.0));
    double now = 1000;
    for (size_t i = 4 + head; i < size; i++) {
        unsigned op = data[i];
        double wait = aw_limiter_wait(&l, now);
        must(!isnan(wait) && wait >= 0);
        must(flying > 0 || wait < INFINITY);
        if (op & 128) { /* a request, as soon as it may be */
            if (flying == IN_FLIGHT || wait == INFINITY)
                continue;
            now += wait;
            wait = aw_limiter_wait(&l, now);
            must(!isnan(wait) && wait >= 0);
            if (wait > 0)
                continue;
            tickets[flying++] = aw_limiter_begin(&l, now);
            continue;
        }
        now += (op >> 3 & 7) * ((op & 64) ? 1 : 0.05);
        if (flying == 0)
            continue;
        struct aw_ticket t = tickets[--flying];
        aw_limiter_end(&l, &t, (op & 7) != 0, now);
        if ((op & 7) == 1) {
            double pause = aw_limiter_refused(&l, &t, &told, now);
            must(!isnan(pause) && pause >= 0);
        } else if ((op & 7) > 1) {
            told.remaining[0] = (op & 7) == 2 ? (int)op : told.remaining[0];
            aw_limiter_told(&l, &t, &told, now);
        }
        for (int w = 0; w < AW_WINDOWS; w++)
            must(l.windows[w].count <= l.windows[w].cap);
    }
    aw_limiter_free(&l);
    return 0;
}
