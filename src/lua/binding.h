/*
 * The binding's own header: every helper, listed by the file it lives in.
 * The binding alone knows lua.h; the core (src/core) does not.
 */
#ifndef AWL_BINDING_H
#define AWL_BINDING_H

#include "../core/contract.h"

#include <lauxlib.h>
#include <lua.h>

#define AWL_ERROR_MT "awork.error"

/* core.c */
void awl_push_null(lua_State *L);
int awl_is_null(lua_State *L, int idx);
const char *awl_not_plain(lua_State *L,
                          int idx);          /* why raw access would miss what the table shows, or NULL */
void awl_check_plain(lua_State *L, int arg); /* raises if it would */

/* contract.c */
enum aw_owner_id awl_check_owner(lua_State *L,
                                 int arg); /* nil is AW_OWNER_USER; raises for what is no owner */

/* Each of these adds its functions to the module table on top of the stack. */
int awl_check_json(lua_State *L); /* core.check_json; json.c */

void awl_open_contract(lua_State *L); /* contract.c */
void awl_open_validate(lua_State *L); /* validate.c */
void awl_open_json(lua_State *L);     /* json.c */
void awl_open_decode(lua_State *L);   /* decode.c */
void awl_open_encode(lua_State *L);   /* encode.c */
void awl_open_engine(lua_State *L);   /* engine.c */
void awl_open_file(lua_State *L);     /* file.c */
void awl_open_terminal(lua_State *L); /* terminal.c */

#endif
