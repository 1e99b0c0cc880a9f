/* Strings that end where memory ends: who reads one byte too many is stopped by the processor. */
#ifndef GUARD_H
#define GUARD_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_PAGES 2

/* A copy of the string (up to GUARD_PAGES pages) that ends at a page which can't be read. Valid until the
 * next call. */
static inline const char *guarded(const void *s, size_t n)
{
    static char *pages;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    if (!pages) {
        pages =
            mmap(NULL, (GUARD_PAGES + 1) * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED || mprotect(pages + GUARD_PAGES * size, size, PROT_NONE) != 0)
            abort();
    }
    if (n > GUARD_PAGES * size)
        abort();
    char *at = pages + GUARD_PAGES * size - n;
    memcpy(at, s, n);
    return at;
}

#endif
