/*
 * The module awork.posix: what a command line and its journals need of the system, and plain Lua does not have. Apart
 * from awork.core, so that a host that takes files away from its scripts does not hand them others. Helpers by file.
 */
#ifndef AWP_POSIX_H
#define AWP_POSIX_H

#include "../lua/kind.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* Each of these adds its functions to the module table on top of the stack. */
void awp_open_files(lua_State *L);     /* files.c: journals, results, secrets, on file.h and output.h */
void awp_open_locks(lua_State *L);     /* locks.c: on lock.h and crc.h */
void awp_open_terminals(lua_State *L); /* terminals.c: terminals, and signals.h */

#pragma GCC visibility pop

#endif
