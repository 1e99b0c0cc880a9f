/*
 * The contract as data: owners, fields, types, subtypes, rules, error codes. All of it stands here, once, and
 * everything else (the validator, the messages, the Lua side, the documentation's checks) reads it from here.
 *
 * Source: the awork API v1, its documentation and OpenAPI description.
 */
#ifndef AW_CONTRACT_H
#define AW_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/* A string of known length; `s` is NUL-terminated as well where it comes from a table in this file. */
struct aw_str {
    const char *s;
    size_t n;
};

/* An aw_str from a string literal, fit for a static initialiser. */
#define AW_STR(literal)                                                                                      \
    {                                                                                                        \
        "" literal, sizeof(literal) - 1                                                                      \
    }

/* Whose contact infos they are. X(id, name, plural) */
#define AW_OWNERS(X)                                                                                         \
    X(USER, "user", "users")                                                                                 \
    X(COMPANY, "company", "companies")

/*
 * The fields of the form, in the order in which awork documents them; violations are reported in this order.
 * X(id, name, kind, longest in code points, meaning)
 */
#define AW_FIELDS(X)                                                                                         \
    X(LABEL, "label", STRING, 1000, "a name of its own; the type custom needs it")                           \
    X(VALUE, "value", STRING, 1000, "the phone number, email address, URL or handle")                        \
    X(TYPE, "type", STRING, 25, "phone, email, address and so on; depends on the owner")                     \
    X(SUBTYPE, "subType", STRING, 25, "work, mobile and so on; depends on the type")                         \
    X(ADDRESS_LINE_1, "addressLine1", STRING, 1000, "street and number; an address needs it")                \
    X(ADDRESS_LINE_2, "addressLine2", STRING, 100, "more of the address")                                    \
    X(ZIP_CODE, "zipCode", STRING, 100, "postal code; an address needs it")                                  \
    X(CITY, "city", STRING, 100, "an address needs it")                                                      \
    X(STATE, "state", STRING, 100, "state or region")                                                        \
    X(COUNTRY, "country", STRING, 100, "ISO 3166-1 alpha-2 code in upper case; an address needs it")         \
    X(IS_ADDRESS, "isAddress", BOOLEAN, 0, "true for an address")

/*
 * Types with their subtypes, as written, spaces included. T(name, content, use of subtypes, subtypes)
 * The content says how a value is looked at; it is one for users' "urls" and companies' "url".
 */
#define AW_USER_TYPES(T, S)                                                                                  \
    T("phone", PHONE, OPTIONAL, S("work") S("mobile") S("home") S("work Fax") S("fax") S("other"))           \
    T("email", EMAIL, OPTIONAL, S("work") S("private") S("other"))                                           \
    T("address", ADDRESS, OPTIONAL, S("work") S("home") S("other"))                                          \
    T("messenger", MESSENGER, OPTIONAL, S("skype") S("whatsapp") S("other"))                                 \
    T("social", SOCIAL, OPTIONAL,                                                                            \
      S("facebook") S("twitter") S("xing") S("linkedIn") S("instagram") S("pinterest") S("other"))           \
    T("urls", URL, OPTIONAL, S("work") S("private") S("gitHub") S("other"))                                  \
    T("custom", CUSTOM, ANY, )

#define AW_COMPANY_TYPES(T, S)                                                                               \
    T("phone", PHONE, REQUIRED, S("central") S("other"))                                                     \
    T("email", EMAIL, REQUIRED, S("central") S("invoice") S("other"))                                        \
    T("address", ADDRESS, REQUIRED, S("central") S("invoice") S("other"))                                    \
    T("url", URL, REQUIRED, S("primary") S("other"))                                                         \
    T("custom", CUSTOM, NONE, )

/*
 * Countries whose postal codes are digits alone and can begin with a zero, and how many digits they have: a spreadsheet
 * loses the zero. X(code, digits). Source: Universal Postal Union, postal addressing systems.
 */
#define AW_POSTAL_CODES(X)                                                                                   \
    X("AU", 4)                                                                                               \
    X("CN", 6)                                                                                               \
    X("DE", 5)                                                                                               \
    X("DK", 4)                                                                                               \
    X("EE", 5)                                                                                               \
    X("ES", 5)                                                                                               \
    X("FI", 5)                                                                                               \
    X("FR", 5)                                                                                               \
    X("IT", 5)                                                                                               \
    X("KR", 5)                                                                                               \
    X("MX", 5)                                                                                               \
    X("MY", 5) X("NO", 4) X("NZ", 4) X("RO", 6) X("SG", 6) X("TR", 5) X("UA", 5) X("US", 5) X("ZA", 4)

/* What a form can break. A contact info that breaks one of these is not sent. X(id, name, meaning) */
#define AW_VIOLATION_RULES(X)                                                                                \
    X(TYPE, "type", "a value of the wrong Lua type")                                                         \
    X(UTF8, "utf8", "text that is not valid UTF-8")                                                          \
    X(LENGTH, "length", "more code points than the field takes")                                             \
    X(REQUIRED, "required", "a field that is needed is absent or blank")                                     \
    X(POSSIBLE_VALUES, "possible-values", "a type or subtype that does not exist")                           \
    X(COUNTRY, "country", "no assigned ISO 3166-1 alpha-2 code in upper case")                               \
    X(INCONSISTENT, "inconsistent", "two fields that contradict each other")                                 \
    X(UNKNOWN_FIELD, "unknown-field", "a field that no contact info has")

/* What awork takes and a person would not want; a violation if the caller is strict. X(id, name, meaning) */
#define AW_WARNING_RULES(X)                                                                                  \
    X(NO_VALUE, "no-value", "neither an address nor a value")                                                \
    X(NO_LABEL, "no-label", "a company's custom contact info without a label")                               \
    X(EMAIL_FORMAT, "email-format", "an email address without a plausible local@domain")                     \
    X(PHONE_FORMAT, "phone-format",                                                                          \
      "a phone number with letters, too few or too many digits, or two of them")                             \
    X(URL_FORMAT, "url-format", "a URL without a scheme or a host, or whose scheme runs code")               \
    X(ZIP_FORMAT, "zip-format", "a postal code with fewer digits than its country's have")                   \
    X(NOT_AN_ADDRESS, "not-an-address", "an address field on what is no address")                            \
    X(UTF16_LENGTH, "utf16-length", "fits in code points, but not in the UTF-16 units the server may count") \
    X(WHITE_SPACE, "white-space", "white space or an invisible space at the beginning or the end")           \
    X(CONTROL_CHARACTER, "control-character", "a control character, or one that cannot be seen")

/* The codes of awork's error bodies. X(code, may pass when tried again, advice) */
#define AW_ERROR_CODES(X)                                                                                    \
    X("workspaceid-missing", false, "use a token that belongs to a workspace")                               \
    X("not-found", false, "check the ids; the object may be deleted or out of the token's sight")            \
    X("entity-archived", false, "take the object out of the archive first")                                  \
    X("duplication-violation", false, "the same object exists already")                                      \
    X("database-commit", true, "awork could not store the change; try again")                                \
    X("concurrency-violation", true, "someone else changed the object meanwhile; read it and try again")     \
    X("date-dependency", false, "a date contradicts another date")                                           \
    X("date-out-of-range", false, "a date is out of the allowed range")                                      \
    X("value-out-of-range", false, "a value is out of the allowed range")                                    \
    X("invalid-operation", false, "the operation is not allowed in the object's present state")              \
    X("invalid-model", false, "the request body is not what the endpoint expects")                           \
    X("validation-failed", false, "correct the fields named in validationErrors")                            \
    X("server-error", true, "an error inside awork; try again later")                                        \
    X("already-exist-error", false, "the same object exists already")                                        \
    X("invalid-filter-or-order", false, "correct filterby or orderby")                                       \
    X("illegal-property-transition", false, "the property can't change from its present value to this one")  \
    X("unauthorized", false, "check the token and its permissions")                                          \
    X("invalid-batch-operation", false, "a part of the batch is not allowed")                                \
    X("deactivated-user", false, "the user is deactivated")                                                  \
    X("request-body-too-large", false, "send less at once")                                                  \
    X("insufficient-subscription-level", false, "the workspace's plan does not include this")                \
    X("insufficient-seats", false, "the workspace has no free seat")

enum aw_owner_id {
#define X(id, name, plural) AW_OWNER_##id,
    AW_OWNERS(X)
#undef X
        AW_OWNER_COUNT
};

enum aw_field_id {
#define X(id, name, kind, max, doc) AW_FIELD_##id,
    AW_FIELDS(X)
#undef X
        AW_FIELD_COUNT
};

enum aw_rule_id {
#define X(id, name, doc) AW_RULE_##id,
    AW_VIOLATION_RULES(X) AW_WARNING_RULES(X)
#undef X
        AW_RULE_COUNT
};

/* The first rule that is a warning. */
#define AW_RULE_FIRST_WARNING AW_RULE_NO_VALUE

enum aw_field_kind { AW_FIELD_STRING, AW_FIELD_BOOLEAN };

enum aw_content {
    AW_CONTENT_PHONE,
    AW_CONTENT_EMAIL,
    AW_CONTENT_ADDRESS,
    AW_CONTENT_MESSENGER,
    AW_CONTENT_SOCIAL,
    AW_CONTENT_URL,
    AW_CONTENT_CUSTOM
};

/* ANY: every text of legal length; NONE: no subtype at all. */
enum aw_subtype_use { AW_SUBTYPE_OPTIONAL, AW_SUBTYPE_REQUIRED, AW_SUBTYPE_ANY, AW_SUBTYPE_NONE };

struct aw_type {
    struct aw_str name;
    enum aw_content content; /* what a value of this type is */
    enum aw_subtype_use use;
    const struct aw_str *subtypes;
    size_t subtype_count;
};

struct aw_owner {
    struct aw_str name;
    struct aw_str plural;
    const struct aw_type *types;
    size_t type_count;
};

struct aw_field {
    struct aw_str name;
    enum aw_field_kind kind;
    size_t max; /* in Unicode code points; 0 for a boolean */
    struct aw_str doc;
};

struct aw_rule {
    struct aw_str name;
    bool warning;
    struct aw_str doc;
};

struct aw_error_code {
    struct aw_str code;
    bool retryable;
    struct aw_str advice;
};

/* An assigned country. `names` are folded (aw_fold); each ends with a NUL, an empty one ends the list. */
struct aw_country {
    char code[3];
    char alpha3[4];
    struct aw_str name; /* English */
    const char *names;
};

extern const struct aw_owner aw_owners[AW_OWNER_COUNT];
extern const struct aw_field aw_fields[AW_FIELD_COUNT];
extern const struct aw_rule aw_rules[AW_RULE_COUNT];
extern const struct aw_error_code aw_error_codes[];
extern const size_t aw_error_code_count;
extern const struct aw_country aw_countries[]; /* sorted by code */
extern const size_t aw_country_count;

/* True if the two are the same bytes. */
bool aw_str_is(struct aw_str str, const char *s, size_t n);

/* The index of the owner, type or field of exactly that name, or -1. */
int aw_owner_find(const char *s, size_t n);
int aw_type_find(enum aw_owner_id owner, const char *s, size_t n);
int aw_field_find(const char *s, size_t n);

/* True if the type has exactly that subtype, or takes any. */
bool aw_type_has_subtype(const struct aw_type *type, const char *s, size_t n);

/* True if the two bytes are an officially assigned ISO 3166-1 alpha-2 code in upper case. */
bool aw_country_is_code(const char *s, size_t n);

/*
 * How many digits a postal code of this country has, if it is all digits and has fewer: a leading zero is lost. 0 if there
 * is nothing to say.
 */
size_t aw_zip_digits(struct aw_str zip, struct aw_str country);

/*
 * The country that a person may mean by this text: its code in any case, its alpha-3 or numeric code, its
 * English or German name with or without accents, or such a name with one wrong letter. NULL if there is
 * none.
 */
const struct aw_country *aw_country_guess(const char *s, size_t n);

#pragma GCC visibility pop

#endif
