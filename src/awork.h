/*
 * awork: public header for C hosts that link libawork.a.
 *
 *     luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
 *     lua_pop(L, 1);
 *
 * The Lua side (lua/awork/) must be on package.path; `require "awork"` then finds this core.
 */
#ifndef AWORK_H
#define AWORK_H

#include <lua.h>

#if defined(__GNUC__)
#define AWORK_API __attribute__((visibility("default")))
#else
#define AWORK_API
#endif

AWORK_API int luaopen_awork_core(lua_State *L);

#endif
