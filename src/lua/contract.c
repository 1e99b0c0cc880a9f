/* The contract's tables for Lua. Each call makes fresh ones, so that nobody can change another's. */
#include "../contact/contract.h"
#include "../contact/validate.h"
#include "binding.h"

static void set_str(lua_State *L, const char *key, struct aw_str str)
{
    lua_pushlstring(L, str.s, str.n);
    lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool b)
{
    lua_pushboolean(L, b);
    lua_setfield(L, -2, key);
}

enum aw_owner_id awl_check_owner(lua_State *L, int arg)
{
    if (lua_isnoneornil(L, arg))
        return AW_OWNER_USER;
    if (lua_type(L, arg) != LUA_TSTRING)
        luaL_typeerror(L, arg, "string");
    size_t n;
    const char *s = lua_tolstring(L, arg, &n);
    int owner = aw_owner_find(s, n);
    if (owner < 0)
        luaL_argerror(L, arg, "owner must be \"user\" or \"company\"");
    return (enum aw_owner_id)owner;
}

/*
 * core.types([owner]) -> { { type=, subtypes={…}, subtype="optional"|"required"|"any"|"none" }, … }
 * The types of an owner ("user", the default, or "company") with their subtypes, in awork's order.
 */
static int contract_types(lua_State *L)
{
    static const struct aw_str use[] = {
        [AW_SUBTYPE_OPTIONAL] = AW_STR("optional"),
        [AW_SUBTYPE_REQUIRED] = AW_STR("required"),
        [AW_SUBTYPE_ANY] = AW_STR("any"),
        [AW_SUBTYPE_NONE] = AW_STR("none"),
    };
    const struct aw_owner *owner = &aw_owners[awl_check_owner(L, 1)];
    lua_createtable(L, (int)owner->type_count, 0);
    for (size_t t = 0; t < owner->type_count; t++) {
        const struct aw_type *type = &owner->types[t];
        lua_createtable(L, 0, 3);
        set_str(L, "type", type->name);
        set_str(L, "subtype", use[type->use]);
        lua_createtable(L, (int)type->subtype_count, 0);
        for (size_t i = 0; i < type->subtype_count; i++) {
            lua_pushlstring(L, type->subtypes[i].s, type->subtypes[i].n);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        lua_setfield(L, -2, "subtypes");
        lua_rawseti(L, -2, (lua_Integer)t + 1);
    }
    return 1;
}

/*
 * core.fields() -> { { name=, type="string"|"boolean", max_length=, doc= }, … }
 * The fields of a contact info in awork's order; max_length in code points, strings only.
 */
static int contract_fields(lua_State *L)
{
    lua_createtable(L, AW_FIELD_COUNT, 0);
    for (int i = 0; i < AW_FIELD_COUNT; i++) {
        bool boolean = aw_fields[i].kind == AW_FIELD_BOOLEAN;
        lua_createtable(L, 0, 4);
        set_str(L, "name", aw_fields[i].name);
        lua_pushstring(L, boolean ? "boolean" : "string");
        lua_setfield(L, -2, "type");
        if (!boolean) {
            lua_pushinteger(L, (lua_Integer)aw_fields[i].max);
            lua_setfield(L, -2, "max_length");
        }
        set_str(L, "doc", aw_fields[i].doc);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* core.countries() -> { "AD", "AE", … }: the assigned ISO 3166-1 alpha-2 codes, sorted. */
static int contract_countries(lua_State *L)
{
    lua_createtable(L, (int)aw_country_count, 0);
    for (size_t i = 0; i < aw_country_count; i++) {
        lua_pushstring(L, aw_countries[i].code);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/*
 * core.country_code(text) -> code, English name; or nothing
 * The code of the country that a person may mean: "de", "DEU", "Deutschland" and "Germny" give "DE". For
 * imports; the validator itself never changes a value.
 */
static int contract_country_code(lua_State *L)
{
    size_t n;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *s = lua_tolstring(L, 1, &n);
    const struct aw_country *country = aw_country_guess(s, n);
    if (!country)
        return 0;
    lua_pushstring(L, country->code);
    lua_pushlstring(L, country->name.s, country->name.n);
    return 2;
}

/* core.rules() -> { { rule=, kind="violation"|"warning", doc= }, … }: what a contact info can break. */
static int contract_rules(lua_State *L)
{
    lua_createtable(L, AW_RULE_COUNT, 0);
    for (int i = 0; i < AW_RULE_COUNT; i++) {
        lua_createtable(L, 0, 3);
        set_str(L, "rule", aw_rules[i].name);
        lua_pushstring(L, aw_rules[i].warning ? "warning" : "violation");
        lua_setfield(L, -2, "kind");
        set_str(L, "doc", aw_rules[i].doc);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* core.error_codes() -> { [code] = { retryable=, advice= }, … }: the codes of awork's error bodies. */
static int contract_error_codes(lua_State *L)
{
    lua_createtable(L, 0, (int)aw_error_code_count);
    for (size_t i = 0; i < aw_error_code_count; i++) {
        lua_createtable(L, 0, 2);
        set_boolean(L, "retryable", aw_error_codes[i].retryable);
        set_str(L, "advice", aw_error_codes[i].advice);
        lua_setfield(L, -2, aw_error_codes[i].code.s);
    }
    return 1;
}

void awl_open_contract(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"types", contract_types},
        {"fields", contract_fields},
        {"countries", contract_countries},
        {"country_code", contract_country_code},
        {"rules", contract_rules},
        {"error_codes", contract_error_codes},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
