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

const char *awl_not_plain(lua_State *L, int idx)
{
    const char *why = NULL;
    if (!lua_getmetatable(L, idx)) /* of nearly all */
        return NULL;
    lua_pop(L, 1);
    int top = lua_gettop(L);
    idx = lua_absindex(L, idx);
    luaL_checkstack(L, 4, "not enough memory");
    if (luaL_getmetafield(L, idx, "__pairs") != LUA_TNIL)
        why = "a plain table is needed, not one with __pairs";
    lua_settop(L, top);
    /* A class's methods may come from a table behind it; fields that may not come from a function or an
     * object. */
    lua_pushvalue(L, idx);
    for (int depth = 0; !why && depth < 16; depth++) {
        int type = luaL_getmetafield(L, -1, "__index");
        if (type == LUA_TNIL)
            break;
        if (type != LUA_TTABLE) {
            why = "a plain table is needed, not one with a function as __index";
            break;
        }
        for (int i = 0; !why && i < AW_FIELD_COUNT; i++) {
            lua_pushlstring(L, aw_fields[i].name.s, aw_fields[i].name.n);
            if (lua_rawget(L, -2) != LUA_TNIL)
                why = "a plain table is needed, not one with fields behind __index";
            lua_pop(L, 1);
        }
        lua_replace(L, -2);
    }
    lua_settop(L, top);
    return why;
}

void awl_check_plain(lua_State *L, int arg)
{
    const char *why = awl_not_plain(L, arg);
    if (why)
        luaL_argerror(L, arg, why);
}

int luaopen_awork_core(lua_State *L)
{
    luaL_checkversion(L); /* first: nothing else is safe in a Lua of another version */
    lua_createtable(L, 0, 24);
    luaL_newmetatable(L, AWL_ERROR_MT);
    lua_setfield(L, -2, "error_metatable");
    awl_push_null(L);
    lua_setfield(L, -2, "null");
    awl_open_contract(L);
    awl_open_validate(L);
    awl_open_json(L);
    awl_open_decode(L);
    awl_open_encode(L);
    awl_open_engine(L);
    awl_open_create(L);
    awl_open_rules(L);
    awl_open_visible(L);
    return 1;
}
