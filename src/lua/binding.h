/*
 * The binding's own header: every helper, listed by the file it lives in.
 * The binding alone knows lua.h; the core (src/core) does not.
 */
#ifndef AWL_BINDING_H
#define AWL_BINDING_H

#include <lauxlib.h>
#include <lua.h>

#define AWL_ERROR_MT "awork.error"

/* core.c */
void awl_push_null(lua_State *L);
int awl_is_null(lua_State *L, int idx);

/* Each of these adds its functions to the module table on top of the stack. */
void awl_open_contract(lua_State *L); /* contract.c */
void awl_open_validate(lua_State *L); /* validate.c */
void awl_open_json(lua_State *L);     /* json.c */
void awl_open_engine(lua_State *L);   /* engine.c */

#endif
