#include "binding.h"

void awl_open_json(lua_State *L)
{
    (void)L;
}
