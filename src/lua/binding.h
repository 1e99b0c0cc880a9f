/*
 * The binding's own header: every helper, listed by the file it lives in.
 * The binding alone knows lua.h; the core (src/contact, src/http) does not.
 */
#ifndef AWL_BINDING_H
#define AWL_BINDING_H

#include "../contact/contract.h"
#include "kind.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

struct aw_request;
struct aw_secret;

#define AWL_ERROR_MT    "awork.error"
#define AWL_TEMPLATE_MT "awork.template"

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

/*
 * decode.c. Pushes the value of a JSON text that nests at most so deep; false, with nothing pushed, if it is none.
 */
bool awl_decode(lua_State *L, const char *text, size_t n, int depth);

void awl_push_form_json(lua_State *L); /* core.form_json; validate.c */
int awl_create(lua_State *L); /* engine:create; create.c. Upvalues: the metatables of engines and templates */

/* result.c: fields of the table on top of the stack; a string that is NULL is none */
void awl_set_string(lua_State *L, const char *key, const char *value);
void awl_set_number(lua_State *L, const char *key, double value);
void awl_set_integer(lua_State *L, const char *key, lua_Integer value);
void awl_set_boolean(lua_State *L, const char *key, bool value);
int awl_build_result(
    lua_State *L); /* of an aw_result, a light userdata: a result and, of a brief one, a value */

/* rules.c: a box on the stack that wipes the secret put into it; the value at index 2 without it, which empties the box */
struct aw_secret **awl_push_secret(lua_State *L);
int awl_redact(lua_State *L, struct aw_secret **box);

/* engine.c, with the engine at index 1 */
void awl_check_engine(lua_State *L); /* raises if it is closed */
int64_t
awl_submit(lua_State *L,
           const struct aw_request *r); /* gives the id; 0: too large; raises for what must not be sent */

void awl_open_contract(lua_State *L); /* contract.c */
void awl_open_validate(lua_State *L); /* validate.c */
void awl_open_json(lua_State *L);     /* json.c */
void awl_open_decode(lua_State *L);   /* decode.c */
void awl_open_encode(lua_State *L);   /* encode.c */
void awl_open_engine(lua_State *L);   /* engine.c */
void awl_open_create(lua_State *L);   /* create.c */
void awl_open_rules(lua_State *L);    /* rules.c */
void awl_open_visible(lua_State *L);  /* visible.c */

#pragma GCC visibility pop

#endif
