/*
 * Preloaded under a leak checker: nothing is unloaded, so that every stack of a report has names.
 * Child processes run without the checker.
 */
#include <stdlib.h>

int dlclose(void *handle);

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

__attribute__((constructor)) static void not_for_children(void)
{
    unsetenv("LD_PRELOAD");
}
