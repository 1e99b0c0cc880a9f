#include "number.h"

#include <float.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#define TWO_53 9007199254740992.0

/* Powers of ten that a double holds exactly. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { POWERS = sizeof powers / sizeof *powers };

/*
 * The C library's functions go by the locale of the thread, which is the host's: it may have a comma, or a point of two
 * bytes. Ours is set around them. NULL: no memory, which happens with none of the C libraries we know.
 */
static locale_t enter_c(locale_t *before)
{
    locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (c)
        *before = uselocale(c);
    return c;
}

static void leave_c(locale_t c, locale_t before)
{
    uselocale(before);
    freelocale(c);
}

/* What is read of a number: its digits as one integer as long as they fit, and the power of ten it is to be multiplied with. */
struct digits {
    uint64_t value;
    int count; /* without leading zeros */
    long exponent;
};

static const char *run(const char *at, const char *end, struct digits *d, bool behind_point)
{
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (d->count > 0 || *at != '0')
            d->count++;
        if (d->count <= 19)
            d->value = d->value * 10 + (uint64_t)(*at - '0');
        if (behind_point)
            d->exponent--;
    }
    return at;
}

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* The whole number that the digits are, if it fits. */
static bool is_integer(const struct digits *d, bool negative, int64_t *integer)
{
    if (d->count > 19 || d->value > (uint64_t)INT64_MAX + negative)
        return false;
    *integer = negative ? (int64_t)(0 - d->value) : (int64_t)d->value;
    return true;
}

/* The nearest double, where one rounding of exact values gives it (Clinger). */
static bool is_exact(const struct digits *d, double *real)
{
    if (FLT_EVAL_METHOD != 0 || d->count > 15 || d->exponent <= -POWERS || d->exponent >= POWERS)
        return false;
    *real = (double)d->value;
    *real = d->exponent < 0 ? *real / powers[-d->exponent] : *real * powers[d->exponent];
    return true;
}

enum aw_number_fault aw_number_read(const char **at, const char *end, struct aw_number *number)
{
    const char *begin = *at, *p = begin;
    if (end - begin > AW_NUMBER_MAX)
        end = begin + AW_NUMBER_MAX;
    struct digits d = {0};
    bool negative = *p == '-', plain = true;
    p += negative;
    const char *first = p;
    *at = p = run(p, end, &d, false);
    if (p == first || (p - first > 1 && *first == '0'))
        return AW_NUMBER_SYNTAX;
    if (p < end && *p == '.') {
        plain = false;
        *at = ++p;
        if (!is_digit(p, end))
            return AW_NUMBER_SYNTAX;
        *at = p = run(p, end, &d, true);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        plain = false;
        bool down = ++p < end && *p == '-';
        p += p < end && (*p == '-' || *p == '+');
        *at = p;
        if (!is_digit(p, end))
            return AW_NUMBER_SYNTAX;
        struct digits e = {0};
        *at = p = run(p, end, &e, false);
        long exponent = e.count <= 6 ? (long)e.value : 1000000;
        d.exponent += down ? -exponent : exponent;
    }
    if (p - begin >= AW_NUMBER_MAX)
        return AW_NUMBER_SYNTAX;
    number->whole = plain && is_integer(&d, negative, &number->integer);
    if (number->whole)
        return AW_NUMBER_FINE;
    if (is_exact(&d, &number->real)) {
        number->real = negative ? -number->real : number->real;
    } else {
        char text[AW_NUMBER_MAX];
        memcpy(text, begin, (size_t)(p - begin));
        text[p - begin] = '\0';
        locale_t before, c = enter_c(&before);
        if (!c)
            return AW_NUMBER_MEMORY;
        number->real = strtod(text, NULL);
        leave_c(c, before);
    }
    if (number->real > -TWO_53 && number->real < TWO_53 && (double)(int64_t)number->real == number->real) {
        number->whole = true;
        number->integer = (int64_t)number->real;
    }
    return AW_NUMBER_FINE;
}

size_t aw_number_write(double d, char text[AW_NUMBER_SIZE])
{
    locale_t before, c = enter_c(&before);
    if (!c)
        return 0;
    int n = 0;
    for (int digits = 14; digits <= 17; digits++) {
        n = snprintf(text, AW_NUMBER_SIZE, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    leave_c(c, before);
    return (size_t)n;
}
