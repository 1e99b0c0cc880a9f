/* luaopen_awork_core and what all files of the binding share. */
#include "../awork.h"
#include "binding.h"

void awl_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
}

int awl_is_null(lua_State *L, int idx)
{
    return lua_type(L, idx) == LUA_TLIGHTUSERDATA && lua_touserdata(L, idx) == NULL;
}

int luaopen_awork_core(lua_State *L)
{
    lua_createtable(L, 0, 24);
    luaL_newmetatable(L, AWL_ERROR_MT);
    lua_setfield(L, -2, "error_metatable");
    awl_push_null(L);
    lua_setfield(L, -2, "null");
    awl_open_contract(L);
    awl_open_validate(L);
    awl_open_json(L);
    awl_open_engine(L);
    return 1;
}
