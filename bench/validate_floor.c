/* The floor for validation from Lua: a C function that only reads the eleven fields of the table. */
#include <lauxlib.h>
#include <lua.h>

int luaopen_validate_floor(lua_State *L);

static int read_fields(lua_State *L)
{
    static const char *const names[] = {"label",        "value",        "type",     "subType",
                                        "addressLine1", "addressLine2", "zipCode",  "city",
                                        "state",        "country",      "isAddress"};
    size_t total = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (lua_getfield(L, 1, names[i]) == LUA_TSTRING) {
            size_t length;
            lua_tolstring(L, -1, &length);
            total += length;
        }
        lua_pop(L, 1);
    }
    lua_pushboolean(L, total > 0);
    return 1;
}

int luaopen_validate_floor(lua_State *L)
{
    lua_pushcfunction(L, read_fields);
    return 1;
}
