#include "binding.h"

void awl_open_validate(lua_State *L)
{
    (void)L;
}
