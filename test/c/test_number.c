/* src/contact/number.c, each text at the end of what can be read. */
#include "../../src/contact/number.h"
#include "check.h"
#include "guard.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* The number that the text is, all of it; or where it goes wrong. */
static bool reads(const char *text, struct aw_number *number, size_t *bad)
{
    size_t n = strlen(text);
    const char *begin = guarded(text, n), *at = begin;
    bool fine = aw_number_read(&at, begin + n, number) == AW_NUMBER_FINE;
    *bad = (size_t)(at - begin);
    return fine && *bad == n;
}

static void check_integer(const char *text, int64_t want)
{
    struct aw_number number;
    size_t bad;
    CHECK(reads(text, &number, &bad) && number.whole && number.integer == want);
}

static void check_real(const char *text)
{
    struct aw_number number;
    size_t bad;
    CHECK(reads(text, &number, &bad) && !number.whole && number.real == strtod(text, NULL));
}

static void check_bad(const char *text, size_t where)
{
    struct aw_number number;
    size_t bad;
    CHECK(!reads(text, &number, &bad));
    CHECK(bad == where);
}

static void check_written(double d)
{
    char text[AW_NUMBER_SIZE + 1];
    size_t n = aw_number_write(d, text);
    CHECK(n > 0 && n < AW_NUMBER_SIZE);
    text[n] = '\0';
    CHECK(strtod(text, NULL) == d);
    struct aw_number number;
    size_t bad;
    CHECK(reads(text, &number, &bad));
    CHECK((number.whole ? (double)number.integer : number.real) == d);
}

int main(void)
{
    check_integer("0", 0);
    check_integer("-0", 0);
    check_integer("123456789012345678", 123456789012345678);
    check_integer("9007199254740993", 9007199254740993);
    check_integer("9223372036854775807", INT64_MAX);
    check_integer("-9223372036854775808", INT64_MIN);
    check_integer("1e3", 1000);
    check_integer("-2.50e1", -25);
    check_integer("0.0", 0);
    check_integer("0e999999999999999999999", 0);
    check_real("9223372036854775808");
    check_real("-9223372036854775809");
    check_real("0.1");
    check_real("-1.5");
    check_real("1e23");
    check_real("1.7976931348623157e308");
    check_real("5e-324");
    check_real("1e400");
    check_real("123456789012345.6789e-5");
    check_real("0.30000000000000004");
    check_real("0.000000000000000000000000000000000000000000000012345");
    check_bad("-", 1);
    check_bad("01", 2);
    check_bad("-01", 3);
    check_bad("1.", 2);
    check_bad("1.x", 2);
    check_bad("1e", 2);
    check_bad("1e+", 3);
    check_bad("1,5", 1);
    char digits[2 * AW_NUMBER_MAX + 1];
    memset(digits, '1', sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    check_bad(digits, AW_NUMBER_MAX);

    static const double written[] = {0.1,      1.0 / 3, 1e15,  123456789012345680.0, 5e-324, DBL_MAX,
                                     -DBL_MIN, 0.3,     2.5e-7};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        check_written(written[i]);
    srand(1);
    for (int i = 0; i < 20000; i++)
        check_written(ldexp((double)rand() + (double)rand() / RAND_MAX, rand() % 1900 - 950));
    return check_report();
}
