#include "binding.h"

void awl_open_engine(lua_State *L)
{
    (void)L;
}
