/* What a userdata is, for the binding and for awork.posix. */
#ifndef AWL_KIND_H
#define AWL_KIND_H

#include <lauxlib.h>
#include <lua.h>

/* luaL_checkudata, the metatable being an upvalue: for methods that are called for each request, or when memory is out. */
static inline void *awl_check_kind(lua_State *L, int idx, int upvalue, const char *name)
{
    void *p = lua_touserdata(L, idx);
    if (!p || !lua_getmetatable(L, idx) || !lua_rawequal(L, -1, lua_upvalueindex(upvalue)))
        luaL_typeerror(L, idx, name);
    lua_pop(L, 1);
    return p;
}

#endif
