#include "posix.h"

__attribute__((visibility("default"))) int luaopen_awork_posix(lua_State *L);

int luaopen_awork_posix(lua_State *L)
{
    luaL_checkversion(L); /* first: nothing else is safe in a Lua of another version */
    lua_createtable(L, 0, 14);
    awp_open_files(L);
    awp_open_locks(L);
    awp_open_terminals(L);
    return 1;
}
