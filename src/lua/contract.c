#include "binding.h"

void awl_open_contract(lua_State *L)
{
    (void)L;
}
