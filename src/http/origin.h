/* Which process something was made in: after a fork, the child holds a copy that it must not use. */
#ifndef AW_ORIGIN_H
#define AW_ORIGIN_H

#include <stdbool.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

struct aw_origin {
    pid_t pid;
    volatile char *mark; /* a page that the kernel empties in a forked child; NULL: none to be had */
};

void aw_origin_init(struct aw_origin *origin);

/* True in the process that initialized it. Asked several times a request, so without a system call where it can. */
bool aw_origin_here(const struct aw_origin *origin);

void aw_origin_free(struct aw_origin *origin);

#pragma GCC visibility pop

#endif
