/* What a process needs once: libcurl's global state. */
#ifndef AW_GLOBAL_H
#define AW_GLOBAL_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

#define AW_VERSION "0.1.0"

/*
 * Initializes libcurl once per process, from whichever thread comes first; false when libcurl could not.
 *
 * curl_global_cleanup is never called: another library of the process, or another lua_State in another
 * thread, may use libcurl until the end, and nobody can know. For the same reason libcurl stays loaded when
 * a closing lua_State unloads this module: a resolver thread that outlived its request still runs in it.
 */
bool aw_global_init(void);

#pragma GCC visibility pop

#endif
