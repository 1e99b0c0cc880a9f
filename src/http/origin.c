#include "origin.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* The kernel takes whole pages, however small what is asked for. */
enum { MARK = 1 };

void aw_origin_init(struct aw_origin *origin)
{
    origin->pid = getpid();
    origin->mark = NULL;
#ifdef MADV_WIPEONFORK
    void *page = mmap(NULL, MARK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, MARK, MADV_WIPEONFORK) != 0) {
        munmap(page, MARK);
        return;
    }
    origin->mark = page;
    *origin->mark = 1;
#endif
}

bool aw_origin_here(const struct aw_origin *origin)
{
    return origin->mark ? *origin->mark != 0 : origin->pid == getpid();
}

void aw_origin_free(struct aw_origin *origin)
{
    if (origin->mark)
        munmap((void *)origin->mark, MARK);
    origin->mark = NULL;
}
