/*
 * core.validate and core.contact_info.
 *
 * The table is read raw, once, and nothing is allocated as long as there is nothing to say. What the report
 * points to are strings of the caller's table: before anything is allocated (which may run a finaliser, which
 * may change that table) they are put on the stack.
 */
#include "../contact/validate.h"
#include "../contact/number.h"
#include "binding.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INFO       1 /* stack indices: the table, */
#define SLOTS      4 /* and from here a field's value each */
#define NAMES      lua_upvalueindex(1)
#define SHOWN      5 /* how many findings the description tells */
#define GOT_POINTS 100

static void read_value(lua_State *L, int idx, struct aw_value *value)
{
    switch (lua_type(L, idx)) {
    case LUA_TSTRING:
        value->kind = AW_STRING;
        value->as.string.s = lua_tolstring(L, idx, &value->as.string.n);
        break;
    case LUA_TBOOLEAN:
        value->kind = AW_BOOLEAN;
        value->as.boolean = lua_toboolean(L, idx);
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, idx)) {
            value->kind = AW_INTEGER;
            value->as.integer = lua_tointeger(L, idx);
        } else {
            value->kind = AW_NUMBER;
            value->as.number = lua_tonumber(L, idx);
        }
        break;
    default:
        value->kind = awl_is_null(L, idx) ? AW_ABSENT : AW_OTHER;
        value->as.type = lua_typename(L, lua_type(L, idx));
    }
}

/*
 * The fields' names by their addresses, an upvalue of the functions below: a state has a short string once, so the
 * key's address nearly always tells the field without a look at its text. The names are user values: they stay.
 */
struct names {
    struct {
        const void *name;
        int field;
    } cells[32]; /* open addressing; few of them are taken */
};

#define CELLS      (sizeof((struct names *)0)->cells / sizeof((struct names *)0)->cells[0])
#define HOME(name) ((size_t)(uintptr_t)(name) / 32 % CELLS)

static void push_names(lua_State *L)
{
    struct names *names = lua_newuserdatauv(L, sizeof *names, AW_FIELD_COUNT);
    memset(names, 0, sizeof *names);
    for (int i = 0; i < AW_FIELD_COUNT; i++) {
        lua_pushlstring(L, aw_fields[i].name.s, aw_fields[i].name.n);
        const void *name = lua_topointer(L, -1);
        size_t cell = HOME(name);
        while (names->cells[cell].name)
            cell = (cell + 1) % CELLS;
        names->cells[cell].name = name;
        names->cells[cell].field = i;
        lua_setiuservalue(L, -2, i + 1);
    }
}

/* Which field the key at `idx` names, or -1. Never converts a key, which would confuse lua_next. */
static int read_key(lua_State *L, int idx)
{
    size_t n;
    if (lua_type(L, idx) != LUA_TSTRING)
        return -1;
    const char *s = lua_tolstring(L, idx, &n);
    return aw_field_find(s, n);
}

/* The same for the key below the top, mostly faster. */
static inline int find_key(lua_State *L, const struct names *names)
{
    const void *key = lua_topointer(L, -2);
    for (size_t cell = HOME(key); names->cells[cell].name; cell = (cell + 1) % CELLS)
        if (names->cells[cell].name == key)
            return names->cells[cell].field;
    return read_key(L, -2);
}

/* Reads the table at `idx` into the form; returns how many keys are no fields. Allocates nothing. */
static size_t read_form(lua_State *L, int idx, struct aw_form *form)
{
    const struct names *names = lua_touserdata(L, NAMES);
    size_t unknown = 0;
    form->present = 0;
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        int field = find_key(L, names);
        if (field >= 0)
            read_value(L, -1, aw_form_put(form, (enum aw_field_id)field));
        else
            unknown++;
        lua_pop(L, 1);
    }
    return unknown;
}

/* Puts every field's value on the stack, from SLOTS on. Runs no finaliser: growing the stack doesn't. */
static void anchor(lua_State *L)
{
    luaL_checkstack(L, AW_FIELD_COUNT + 20, "not enough memory");
    lua_settop(L, SLOTS - 1);
    lua_settop(L, SLOTS + AW_FIELD_COUNT - 1);
    lua_pushnil(L);
    while (lua_next(L, INFO)) {
        int field = read_key(L, -2);
        if (field >= 0)
            lua_replace(L, SLOTS + field);
        else
            lua_pop(L, 1);
    }
}

static void set_line(lua_State *L, const char *key, const struct aw_line *line)
{
    if (line->n == 0)
        return;
    lua_pushlstring(L, line->s, line->n);
    lua_setfield(L, -2, key);
}

/* The offending value as data that can be logged: cut, and valid UTF-8 in any case. */
static void push_got(lua_State *L, const struct aw_finding *finding, const struct aw_value *value)
{
    char text[4 * GOT_POINTS + 8];
    struct aw_line line = {text, sizeof text, 0, false};
    if (finding->limit > 0) {
        lua_pushinteger(L, (lua_Integer)finding->got);
        return;
    }
    switch (value->kind) {
    case AW_STRING:
        if (finding->rule == AW_RULE_UTF8 || finding->rule == AW_RULE_TYPE) /* the text was not looked at */
            aw_line_escaped(&line, value->as.string.s, value->as.string.n, GOT_POINTS);
        else
            aw_line_bytes(&line, value->as.string.s,
                          aw_cut(value->as.string.s, value->as.string.n, GOT_POINTS));
        lua_pushlstring(L, text, line.n);
        break;
    case AW_BOOLEAN:
        lua_pushboolean(L, value->as.boolean);
        break;
    case AW_INTEGER:
        lua_pushinteger(L, (lua_Integer)value->as.integer);
        break;
    case AW_NUMBER:
        lua_pushnumber(L, value->as.number);
        break;
    case AW_OTHER:
        lua_pushstring(L, value->as.type);
        break;
    case AW_ABSENT:
        lua_pushnil(L);
        break;
    }
}

/* The description's share of a finding: its message, and the hint in brackets. */
static void describe(struct aw_line *description, size_t index, const struct aw_line *message,
                     const struct aw_line *hint)
{
    if (index > SHOWN)
        return;
    if (index > 1)
        aw_line_text(description, "; ");
    aw_line_bytes(description, message->s, message->n);
    if (hint->n > 0) {
        aw_line_text(description, " (");
        aw_line_bytes(description, hint->s, hint->n);
        aw_line_text(description, ")");
    }
}

/* Appends a record of the finding to the list on top of the stack. */
static void add_finding(lua_State *L, const struct aw_form *form, const struct aw_report *report,
                        const struct aw_finding *finding, lua_Integer index, struct aw_line *description)
{
    char texts[3][512];
    struct aw_line message = {texts[0], sizeof texts[0], 0, false};
    struct aw_line hint = {texts[1], sizeof texts[1], 0, false};
    struct aw_line suggestion = {texts[2], sizeof texts[2], 0, false};
    const struct aw_field *field = &aw_fields[finding->field];
    aw_finding_message(form, report, finding, &message);
    aw_finding_hint(form, report, finding, &hint, &suggestion);
    if (description)
        describe(description, (size_t)index, &message, &hint);

    lua_createtable(L, 0, 8);
    lua_pushlstring(L, field->name.s, field->name.n);
    lua_setfield(L, -2, "property");
    lua_pushlstring(L, aw_rules[finding->rule].name.s, aw_rules[finding->rule].name.n);
    lua_setfield(L, -2, "rule");
    set_line(L, "message", &message);
    set_line(L, "hint", &hint);
    set_line(L, "suggestion", &suggestion);
    if (finding->limit > 0) {
        lua_pushinteger(L, (lua_Integer)finding->limit);
        lua_setfield(L, -2, "limit");
    }
    push_got(L, finding, aw_form_get(form, finding->field));
    lua_setfield(L, -2, "got");
    if (finding->unchanged) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "unchanged");
    }
    lua_rawseti(L, -2, index);
}

/* A key that is no field. `text` is its name, or what stands for a key that is no string. */
struct unknown {
    const char *text;
    size_t n;
    bool string;
};

static int compare_unknown(const void *a, const void *b)
{
    const struct unknown *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* Pushes "[n]" for the number on top of the stack, with a point whatever the locale says. */
static void push_number(lua_State *L)
{
    lua_Number n = lua_tonumber(L, -1);
    char text[AW_NUMBER_SIZE];
    size_t length = lua_isinteger(L, -1) || n - n != 0 ? 0 : aw_number_write(n, text);
    lua_pushliteral(L, "[");
    if (length > 0)
        lua_pushlstring(L, text, length);
    else
        lua_pushvalue(L, -2);
    lua_pushliteral(L, "]");
    lua_concat(L, 3);
}

/* Leaves a string for the key on top of the stack in its place: itself, "[1]", or "[table]". */
static void name_key(lua_State *L)
{
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        return;
    case LUA_TNUMBER:
        push_number(L);
        break;
    default:
        lua_pushfstring(L, "[%s]", luaL_typename(L, -1));
    }
    lua_remove(L, -2);
}

/* Appends a record of each key that is no field, sorted by name, to the list on top of the stack. */
static void add_unknown(lua_State *L, lua_Integer count, struct aw_line *description)
{
    int list = lua_gettop(L), names = list + 1;
    lua_Integer n = 0;
    lua_newtable(L); /* all names, so that they stay while the box points to them */
    lua_pushnil(L);
    while (lua_next(L, INFO)) {
        lua_pop(L, 1);
        if (read_key(L, -1) >= 0)
            continue;
        lua_pushvalue(L, -1);
        lua_pushboolean(L, lua_type(L, -1) == LUA_TSTRING);
        lua_rawseti(L, names, 2 * n + 2);
        name_key(L);
        lua_rawseti(L, names, 2 * ++n - 1);
    }
    struct unknown *box = lua_newuserdatauv(L, (size_t)n * sizeof *box, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, names, 2 * i + 1);
        lua_rawgeti(L, names, 2 * i + 2);
        box[i].text = lua_tolstring(L, -2, &box[i].n);
        box[i].string = lua_toboolean(L, -1);
        lua_pop(L, 2);
    }
    if (n > 1)
        qsort(box, (size_t)n, sizeof *box, compare_unknown);
    for (lua_Integer i = 0; i < n; i++) {
        char texts[4][512];
        struct aw_line message = {texts[0], sizeof texts[0], 0, false};
        struct aw_line hint = {texts[1], sizeof texts[1], 0, false};
        struct aw_line suggestion = {texts[2], sizeof texts[2], 0, false};
        struct aw_line property = {texts[3], sizeof texts[3], 0, false};
        aw_unknown_message(box[i].text, box[i].n, &message);
        if (box[i].string)
            aw_unknown_hint(box[i].text, box[i].n, &hint, &suggestion);
        aw_line_escaped(&property, box[i].text, box[i].n, GOT_POINTS);
        describe(description, (size_t)(count + i + 1), &message, &hint);
        lua_createtable(L, 0, 5);
        set_line(L, "property", &property);
        if (property.n == 0) {
            lua_pushliteral(L, "");
            lua_setfield(L, -2, "property");
        }
        lua_pushlstring(L, aw_rules[AW_RULE_UNKNOWN_FIELD].name.s, aw_rules[AW_RULE_UNKNOWN_FIELD].name.n);
        lua_setfield(L, -2, "rule");
        set_line(L, "message", &message);
        set_line(L, "hint", &hint);
        set_line(L, "suggestion", &suggestion);
        lua_rawseti(L, list, count + i + 1);
    }
    lua_settop(L, list);
}

/* The same list as awork sends it: { { property=, message= }, … } of the list at `idx`. */
static void push_validation_errors(lua_State *L, int idx)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, idx);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_createtable(L, 0, 2);
        lua_rawgeti(L, idx, i);
        lua_getfield(L, -1, "property");
        lua_setfield(L, -3, "property");
        lua_getfield(L, -1, "message");
        lua_setfield(L, -3, "message");
        lua_pop(L, 1);
        lua_rawseti(L, -2, i);
    }
}

/* Pushes a list of the findings that are violations, or that are warnings. Strict: warnings are violations.
 */
static void push_findings(lua_State *L, const struct aw_form *form, const struct aw_report *report,
                          bool warnings, bool strict, struct aw_line *description)
{
    lua_Integer n = 0;
    lua_createtable(L, (int)(warnings ? report->warnings : report->violations), 0);
    for (size_t i = 0; i < report->count; i++)
        if (aw_finding_refuses(&report->findings[i], strict) != warnings)
            add_finding(L, form, report, &report->findings[i], ++n, description);
}

static void push_error(lua_State *L, const struct aw_form *form, const struct aw_report *report,
                       size_t unknown, bool strict)
{
    char text[2048];
    struct aw_line description = {text, sizeof text, 0, false};
    lua_createtable(L, 0, 7);
    int err = lua_gettop(L);
    luaL_setmetatable(L, AWL_ERROR_MT);
    lua_pushliteral(L, "validation");
    lua_setfield(L, err, "kind");
    lua_pushliteral(L, "validation-failed");
    lua_setfield(L, err, "code");
    lua_pushboolean(L, 0);
    lua_setfield(L, err, "retryable");

    push_findings(L, form, report, false, strict, &description);
    if (unknown > 0)
        add_unknown(L, (lua_Integer)lua_rawlen(L, -1), &description);
    size_t count = lua_rawlen(L, -1);
    if (count > SHOWN) {
        aw_line_text(&description, "; and ");
        aw_line_number(&description, count - SHOWN);
        aw_line_text(&description, " more");
    }
    push_validation_errors(L, err + 1);
    lua_setfield(L, err, "validationErrors");
    lua_setfield(L, err, "violations");
    lua_pushlstring(L, text, description.n);
    lua_setfield(L, err, "description");
    if (strict ? report->unchanged > 0 : report->warnings > 0) {
        push_findings(L, form, report, true, strict, NULL);
        lua_setfield(L, err, "warnings");
    }
}

/*
 * Reads the arguments and validates; returns true if the contact info may be sent. `before` is the index of the
 * argument that says what is there now, if there is one.
 */
static bool check(lua_State *L, int before, struct aw_form *form, struct aw_report *report, size_t *unknown,
                  bool *strict)
{
    int arguments = lua_gettop(L);
    luaL_checktype(L, INFO, LUA_TTABLE);
    awl_check_plain(L, INFO);
    enum aw_owner_id owner = arguments < 2 ? AW_OWNER_USER : awl_check_owner(L, 2);
    if (arguments >= 3 && !lua_isnil(L, 3))
        luaL_checktype(L, 3, LUA_TBOOLEAN);
    *strict = arguments >= 3 && lua_toboolean(L, 3);
    bool change = arguments >= before && !lua_isnil(L, before);
    if (change) {
        luaL_checktype(L, before, LUA_TTABLE);
        awl_check_plain(L, before);
    }
    *unknown = read_form(L, INFO, form);
    if (change) {
        struct aw_form old;
        read_form(L, before, &old);
        aw_validate_change(form, &old, owner, report);
    } else {
        aw_validate(form, owner, report);
    }
    return aw_report_passes(report, *strict) && *unknown == 0;
}

/*
 * core.validate(info [, owner [, strict [, before]]]) -> true [, warnings]; or nil, err
 *
 * info:   a plain table, read raw. A proxy (__pairs, a function as __index) raises, for its fields would go
 * unseen. owner:  "user" (default) or "company". strict: true makes warnings violations. before: what is there
 * now, of which only the form's fields are read: then the change is judged, and what it leaves as it was is at
 * most a warning, with `unchanged = true`.
 *
 * err = { kind="validation", code="validation-failed", description=, retryable=false, violations={…},
 *         validationErrors={ { property=, message= }, … }, warnings= (if there are some) }
 * A violation or warning: { property=, rule=, message=, limit=, got=, hint=, suggestion= }. `rule` is one of
 * core.rules(); `limit` and `got` are counts for lengths; `suggestion` is the text that would be right, if
 * one is known. In the order of core.fields(), then unknown fields by name.
 */
static int validate(lua_State *L)
{
    struct aw_form form;
    struct aw_report report;
    size_t unknown;
    bool strict;
    bool ok = check(L, 4, &form, &report, &unknown, &strict);
    if (ok && report.warnings == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    anchor(L);
    if (ok) {
        lua_pushboolean(L, 1);
        push_findings(L, &form, &report, true, false, NULL);
    } else {
        lua_pushnil(L);
        push_error(L, &form, &report, unknown, strict);
    }
    return 2;
}

/*
 * core.contact_info(info [, owner [, strict [, before]]]) -> copy [, warnings]; or nil, err
 *
 * What would be sent: a copy without nulls, isAddress set for an address, everything else as it is.
 * Arguments, warnings and err as for core.validate.
 */
static int contact_info(lua_State *L)
{
    struct aw_form form;
    struct aw_report report;
    size_t unknown;
    bool strict;
    bool ok = check(L, 4, &form, &report, &unknown, &strict);
    anchor(L);
    if (!ok) {
        lua_pushnil(L);
        push_error(L, &form, &report, unknown, strict);
        return 2;
    }
    lua_createtable(L, 0, AW_FIELD_COUNT);
    for (int i = 0; i < AW_FIELD_COUNT; i++) {
        if (aw_form_get(&form, (enum aw_field_id)i)->kind == AW_ABSENT)
            continue;
        lua_pushvalue(L, SLOTS + i);
        lua_setfield(L, -2, aw_fields[i].name.s);
    }
    if (aw_report_is_address(&report) && aw_form_get(&form, AW_FIELD_IS_ADDRESS)->kind == AW_ABSENT) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, aw_fields[AW_FIELD_IS_ADDRESS].name.s);
    }
    if (report.warnings == 0)
        return 1;
    push_findings(L, &form, &report, true, false, NULL);
    return 2;
}

static char *put(char *to, const char *s, size_t n)
{
    memcpy(to, s, n);
    return to + n;
}

/* Writes a string in quotes and returns the end. It is valid UTF-8: the form has been checked. */
static char *put_json_string(char *to, const char *s, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    *to++ = '"';
    for (;;) {
        size_t run = aw_json_run(s, n);
        to = put(to, s, run);
        if (run == n)
            break;
        unsigned char c = (unsigned char)s[run];
        *to++ = '\\';
        if (c == '"' || c == '\\') {
            *to++ = (char)c;
        } else {
            to = put(to, "u00", 3);
            *to++ = digit[c >> 4];
            *to++ = digit[c & 15];
        }
        s += run + 1;
        n -= run + 1;
    }
    *to++ = '"';
    return to;
}

/* The fields to be written, as bits. */
static unsigned json_fields(const struct aw_form *form, bool whole)
{
    unsigned fields = 0;
    for (unsigned left = form->present; left != 0; left &= left - 1)
        if (form->fields[__builtin_ctz(left)].kind != AW_ABSENT)
            fields |= left & -left;
    return whole ? (1u << AW_FIELD_COUNT) - 1 : fields;
}

#define DIGITS sizeof "\"-9223372036854775808\""

/* At least as many bytes as put_json writes. */
static size_t json_room(const struct aw_form *form, unsigned fields)
{
    size_t room = 2;
    for (unsigned left = fields; left != 0; left &= left - 1) {
        int i = __builtin_ctz(left);
        const struct aw_value *value = aw_form_get(form, (enum aw_field_id)i);
        room += aw_fields[i].name.n + sizeof ",\"\":false";
        if (value->kind == AW_STRING)
            room += 6 * value->as.string.n; /* \u00XX */
        else if (value->kind == AW_INTEGER)
            room += DIGITS;
    }
    return room;
}

/* Writes the fields' text and returns its end. */
static char *put_json(char *to, const struct aw_form *form, unsigned fields)
{
    char separator = '{';
    for (unsigned left = fields; left != 0; left &= left - 1) {
        int i = __builtin_ctz(left);
        const struct aw_value *value = aw_form_get(form, (enum aw_field_id)i);
        *to++ = separator;
        *to++ = '"';
        separator = ',';
        to = put(to, aw_fields[i].name.s, aw_fields[i].name.n);
        to = put(to, "\":", 2);
        if (value->kind == AW_STRING)
            to = put_json_string(to, value->as.string.s, value->as.string.n);
        else if (value->kind == AW_BOOLEAN)
            to = value->as.boolean ? put(to, "true", 4) : put(to, "false", 5);
        else if (value->kind == AW_INTEGER) /* what is there, and stays: awork's fields are text */
            to += snprintf(to, DIGITS, "\"%lld\"", value->as.integer);
        else
            to = put(to, "null", 4);
    }
    if (separator == '{')
        *to++ = '{';
    *to++ = '}';
    return to;
}

/*
 * core.form_json(info [, owner [, strict [, whole [, before]]]]) -> JSON text; or nil, err
 *
 * The text of what core.contact_info gives, without the table between. whole: fields that are absent are there as
 * null, isAddress as false: the complete model, for a PUT.
 */
static int form_json(lua_State *L)
{
    struct aw_form form;
    struct aw_report report;
    size_t unknown;
    bool strict, whole = lua_toboolean(L, 4);
    bool ok = check(L, 5, &form, &report, &unknown, &strict);
    if (!ok) {
        anchor(L);
        lua_pushnil(L);
        push_error(L, &form, &report, unknown, strict);
        return 2;
    }
    if (aw_form_get(&form, AW_FIELD_IS_ADDRESS)->kind == AW_ABSENT &&
        (whole || aw_report_is_address(&report))) {
        struct aw_value *is_address = aw_form_put(&form, AW_FIELD_IS_ADDRESS);
        is_address->kind = AW_BOOLEAN;
        is_address->as.boolean = aw_report_is_address(&report);
    }
    /* A short text is whole before anything is allocated, so that the form's strings are still there. */
    char small[2048], *text = small;
    unsigned fields = json_fields(&form, whole);
    size_t room = json_room(&form, fields);
    if (room > sizeof small) {
        anchor(L);
        text = lua_newuserdatauv(L, room, 0);
    }
    char *end = put_json(text, &form, fields);
    lua_pushlstring(L, text, (size_t)(end - text));
    return 1;
}

static const char form_json_key; /* its address is the key */

void awl_push_form_json(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &form_json_key);
}

void awl_open_validate(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"validate", validate}, {"contact_info", contact_info}, {"form_json", form_json}, {NULL, NULL}};
    push_names(L);
    luaL_setfuncs(L, functions, 1);
    lua_getfield(L, -1, "form_json");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &form_json_key);
}
