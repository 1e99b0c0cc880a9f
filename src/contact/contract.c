#include "contract.h"
#include "text.h"

#include <string.h>

#define S(name) AW_STR(name),
/* The list ends with an empty one, so that a type without subtypes is an array of legal size too. */
#define T(name, content, use, list)                                                                          \
    {AW_STR(name), AW_CONTENT_##content, AW_SUBTYPE_##use, (const struct aw_str[]){list AW_STR("")},         \
     sizeof((const struct aw_str[]){list AW_STR("")}) / sizeof(struct aw_str) - 1},

static const struct aw_type user_types[] = {AW_USER_TYPES(T, S)};
static const struct aw_type company_types[] = {AW_COMPANY_TYPES(T, S)};
#undef S
#undef T

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct aw_owner aw_owners[AW_OWNER_COUNT] = {
    [AW_OWNER_USER] = {AW_STR("user"), AW_STR("users"), user_types, COUNT(user_types)},
    [AW_OWNER_COMPANY] = {AW_STR("company"), AW_STR("companies"), company_types, COUNT(company_types)},
};

const struct aw_field aw_fields[AW_FIELD_COUNT] = {
#define X(id, name, kind, max, doc) {AW_STR(name), AW_FIELD_##kind, max, AW_STR(doc)},
    AW_FIELDS(X)
#undef X
};

const struct aw_rule aw_rules[AW_RULE_COUNT] = {
#define X(id, name, doc) {AW_STR(name), false, AW_STR(doc)},
    AW_VIOLATION_RULES(X)
#undef X
#define X(id, name, doc) {AW_STR(name), true, AW_STR(doc)},
        AW_WARNING_RULES(X)
#undef X
};

const struct aw_error_code aw_error_codes[] = {
#define X(code, retryable, advice) {AW_STR(code), retryable, AW_STR(advice)},
    AW_ERROR_CODES(X)
#undef X
};
const size_t aw_error_code_count = COUNT(aw_error_codes);

const struct aw_country aw_countries[] = {
#define AW_COUNTRY(a, b, alpha3, name, names) {{a, b, 0}, alpha3, AW_STR(name), names},
#include "countries.def"
#undef AW_COUNTRY
};
const size_t aw_country_count = COUNT(aw_countries);

/* Which of the 26 × 26 codes are assigned. */
static const bool assigned[26 * 26] = {
#define AW_COUNTRY(a, b, alpha3, name, names) [((a) - 'A') * 26 + (b) - 'A'] = true,
#include "countries.def"
#undef AW_COUNTRY
};

bool aw_str_is(struct aw_str str, const char *s, size_t n)
{
    return str.n == n && memcmp(str.s, s, n) == 0;
}

int aw_owner_find(const char *s, size_t n)
{
    for (int i = 0; i < AW_OWNER_COUNT; i++)
        if (aw_str_is(aw_owners[i].name, s, n))
            return i;
    return -1;
}

int aw_type_find(enum aw_owner_id owner, const char *s, size_t n)
{
    const struct aw_owner *o = &aw_owners[owner];
    for (size_t i = 0; i < o->type_count; i++)
        if (aw_str_is(o->types[i].name, s, n))
            return (int)i;
    return -1;
}

/* Every key of every table that is validated comes through here, so it compares against few candidates. */
int aw_field_find(const char *s, size_t n)
{
#define IS(id) (memcmp(s, aw_fields[AW_FIELD_##id].name.s, n) == 0)
    switch (n) {
    case sizeof "type" - 1:
        return IS(TYPE) ? AW_FIELD_TYPE : IS(CITY) ? AW_FIELD_CITY : -1;
    case sizeof "value" - 1:
        return IS(VALUE) ? AW_FIELD_VALUE : IS(LABEL) ? AW_FIELD_LABEL : IS(STATE) ? AW_FIELD_STATE : -1;
    case sizeof "subType" - 1:
        return IS(SUBTYPE)    ? AW_FIELD_SUBTYPE
               : IS(COUNTRY)  ? AW_FIELD_COUNTRY
               : IS(ZIP_CODE) ? AW_FIELD_ZIP_CODE
                              : -1;
    case sizeof "isAddress" - 1:
        return IS(IS_ADDRESS) ? AW_FIELD_IS_ADDRESS : -1;
    case sizeof "addressLine1" - 1:
        return IS(ADDRESS_LINE_1)   ? AW_FIELD_ADDRESS_LINE_1
               : IS(ADDRESS_LINE_2) ? AW_FIELD_ADDRESS_LINE_2
                                    : -1;
    default:
        return -1;
    }
#undef IS
}

bool aw_type_has_subtype(const struct aw_type *type, const char *s, size_t n)
{
    for (size_t i = 0; i < type->subtype_count; i++)
        if (aw_str_is(type->subtypes[i], s, n))
            return true;
    return type->use == AW_SUBTYPE_ANY;
}

size_t aw_zip_digits(struct aw_str zip, struct aw_str country)
{
#define X(code, digits) {code, digits},
    static const struct {
        char code[3];
        unsigned char digits;
    } countries[] = {AW_POSTAL_CODES(X)};
#undef X
    if (zip.n < 3 || country.n != 2)
        return 0;
    for (size_t i = 0; i < zip.n; i++)
        if (zip.s[i] < '0' || zip.s[i] > '9')
            return 0;
    for (size_t i = 0; i < sizeof countries / sizeof countries[0]; i++)
        if (memcmp(country.s, countries[i].code, 2) == 0)
            return zip.n < countries[i].digits ? countries[i].digits : 0;
    return 0;
}

bool aw_country_is_code(const char *s, size_t n)
{
    if (n != 2 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z')
        return false;
    return assigned[(s[0] - 'A') * 26 + (s[1] - 'A')];
}

/* The country of exactly this folded name, or NULL. */
static const struct aw_country *country_named(const char *key, size_t length)
{
    for (size_t i = 0; i < aw_country_count; i++)
        for (const char *name = aw_countries[i].names; *name; name += strlen(name) + 1)
            if (strlen(name) == length && memcmp(name, key, length) == 0)
                return &aw_countries[i];
    return NULL;
}

/* "n/a" and "n.a." mean that it is not available, and Namibia by their letters alone. */
static bool is_none(const char *s, size_t n, const char *key, size_t length)
{
    aw_trim(&s, &n);
    return length == 2 && key[0] == 'n' && key[1] == 'a' && n > 2;
}

/* "DE - Germany", "Germany (DE)", "Deutschland/Germany": the one country that all parts name, or NULL. */
static const struct aw_country *country_of_parts(const char *s, size_t n)
{
    const struct aw_country *all = NULL;
    size_t parts = 0;
    for (size_t from = 0, i = 0; i <= n; i++) {
        if (i < n && !strchr("-/()[],;:|", s[i] ? s[i] : 'x'))
            continue;
        char key[AW_FOLD_MAX];
        size_t length = aw_fold(s + from, i - from, key, sizeof key);
        from = i + 1;
        if (length == 0)
            continue;
        const struct aw_country *one = country_named(key, length);
        if (!one || (all && all != one))
            return NULL;
        all = one;
        parts++;
    }
    return parts > 1 ? all : NULL;
}

const struct aw_country *aw_country_guess(const char *s, size_t n)
{
    char key[AW_FOLD_MAX];
    size_t length = aw_fold(s, n, key, sizeof key);
    if (length == 0 || is_none(s, n, key, length))
        return NULL;
    const struct aw_country *found = country_named(key, length);
    if (!found)
        found = country_of_parts(s, n);
    if (found)
        return found;

    /* One wrong letter, in a long name only (Iran and Iraq, Niger and Nigeria), and only if one country alone
     * fits. */
    const struct aw_country *near = NULL;
    if (length < 6)
        return NULL;
    for (size_t i = 0; i < aw_country_count; i++)
        for (const char *name = aw_countries[i].names; *name; name += strlen(name) + 1)
            if (strlen(name) >= 6 && aw_distance(key, length, name, strlen(name), 1) <= 1) {
                if (near && near != &aw_countries[i])
                    return NULL;
                near = &aw_countries[i];
            }
    return near;
}
