/*
 * What the C tests count with.
 *
 *     CHECK(aw_utf8_length(s, n) == 3);
 *     CHECK_STR(v->rule, "length");
 *     return check_report();
 *
 * The last line a test prints is `N passed, N failed`; `make test` adds them up.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>

static long check_passed, check_failed;

static inline int check_that(int ok, const char *what, const char *file, int line)
{
    if (ok) {
        check_passed++;
    } else {
        check_failed++;
        fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    }
    return ok;
}

static inline int check_str(const char *got, const char *want, const char *what, const char *file, int line)
{
    int ok = got != NULL && want != NULL ? strcmp(got, want) == 0 : got == want;
    if (!check_that(ok, what, file, line))
        fprintf(stderr, "    got \"%s\", want \"%s\"\n", got ? got : "(null)", want ? want : "(null)");
    return ok;
}

#define CHECK(cond)          check_that((cond) ? 1 : 0, #cond, __FILE__, __LINE__)
#define CHECK_STR(got, want) check_str((got), (want), #got " is " #want, __FILE__, __LINE__)

/* Prints the counts; returns what main returns. */
static inline int check_report(void)
{
    printf("%ld passed, %ld failed\n", check_passed, check_failed);
    return check_failed == 0 ? 0 : 1;
}

#endif
