/* What the validator found, in words: messages, hints and suggestions. */
#include "validate.h"

#include <stdio.h>
#include <string.h>

/* What people call a type or subtype. X(their word, folded; ours) */
#define VALUE_ALIASES(X)                                                                                     \
    X("tel", "phone")                                                                                        \
    X("telefon", "phone")                                                                                    \
    X("telephone", "phone")                                                                                  \
    X("phonenumber", "phone")                                                                                \
    X("mail", "email")                                                                                       \
    X("adresse", "address")                                                                                  \
    X("postal", "address")                                                                                   \
    X("chat", "messenger")                                                                                   \
    X("im", "messenger")                                                                                     \
    X("socialmedia", "social")                                                                               \
    X("web", "urls")                                                                                         \
    X("web", "url")                                                                                          \
    X("website", "urls")                                                                                     \
    X("website", "url")                                                                                      \
    X("homepage", "urls")                                                                                    \
    X("homepage", "url")                                                                                     \
    X("link", "urls")                                                                                        \
    X("link", "url")                                                                                         \
    X("business", "work")                                                                                    \
    X("office", "work")                                                                                      \
    X("geschaftlich", "work")                                                                                \
    X("arbeit", "work")                                                                                      \
    X("cell", "mobile")                                                                                      \
    X("cellphone", "mobile")                                                                                 \
    X("handy", "mobile")                                                                                     \
    X("mobil", "mobile")                                                                                     \
    X("officefax", "work Fax")                                                                               \
    X("faxwork", "work Fax")                                                                                 \
    X("telefax", "fax")                                                                                      \
    X("private", "home")                                                                                     \
    X("privat", "home")                                                                                      \
    X("personal", "home")                                                                                    \
    X("home", "private")                                                                                     \
    X("privat", "private")                                                                                   \
    X("personal", "private")                                                                                 \
    X("x", "twitter")                                                                                        \
    X("fb", "facebook")                                                                                      \
    X("ig", "instagram")                                                                                     \
    X("sonstige", "other")                                                                                   \
    X("main", "central")                                                                                     \
    X("zentrale", "central")                                                                                 \
    X("headquarters", "central")                                                                             \
    X("billing", "invoice")                                                                                  \
    X("rechnung", "invoice")                                                                                 \
    X("main", "primary")

/* What people call a field. X(their word, folded; ours) */
#define FIELD_ALIASES(X)                                                                                     \
    X("name", LABEL)                                                                                         \
    X("title", LABEL)                                                                                        \
    X("description", LABEL)                                                                                  \
    X("bezeichnung", LABEL)                                                                                  \
    X("content", VALUE)                                                                                      \
    X("data", VALUE)                                                                                         \
    X("wert", VALUE)                                                                                         \
    X("number", VALUE)                                                                                       \
    X("phone", VALUE)                                                                                        \
    X("tel", VALUE)                                                                                          \
    X("telephone", VALUE)                                                                                    \
    X("telefon", VALUE)                                                                                      \
    X("mobile", VALUE)                                                                                       \
    X("fax", VALUE)                                                                                          \
    X("email", VALUE)                                                                                        \
    X("mail", VALUE)                                                                                         \
    X("url", VALUE)                                                                                          \
    X("urls", VALUE)                                                                                         \
    X("website", VALUE)                                                                                      \
    X("handle", VALUE)                                                                                       \
    X("kind", TYPE)                                                                                          \
    X("typ", TYPE)                                                                                           \
    X("category", TYPE)                                                                                      \
    X("contacttype", TYPE)                                                                                   \
    X("subkind", SUBTYPE)                                                                                    \
    X("subcategory", SUBTYPE)                                                                                \
    X("address", ADDRESS_LINE_1)                                                                             \
    X("address1", ADDRESS_LINE_1)                                                                            \
    X("addressline", ADDRESS_LINE_1)                                                                         \
    X("adresse", ADDRESS_LINE_1)                                                                             \
    X("line1", ADDRESS_LINE_1)                                                                               \
    X("street", ADDRESS_LINE_1)                                                                              \
    X("street1", ADDRESS_LINE_1)                                                                             \
    X("streetaddress", ADDRESS_LINE_1)                                                                       \
    X("strasse", ADDRESS_LINE_1)                                                                             \
    X("address2", ADDRESS_LINE_2)                                                                            \
    X("line2", ADDRESS_LINE_2)                                                                               \
    X("street2", ADDRESS_LINE_2)                                                                             \
    X("adresszusatz", ADDRESS_LINE_2)                                                                        \
    X("zip", ZIP_CODE)                                                                                       \
    X("plz", ZIP_CODE)                                                                                       \
    X("postleitzahl", ZIP_CODE)                                                                              \
    X("postcode", ZIP_CODE)                                                                                  \
    X("postal", ZIP_CODE)                                                                                    \
    X("postalcode", ZIP_CODE)                                                                                \
    X("town", CITY)                                                                                          \
    X("locality", CITY)                                                                                      \
    X("ort", CITY)                                                                                           \
    X("stadt", CITY)                                                                                         \
    X("region", STATE)                                                                                       \
    X("province", STATE)                                                                                     \
    X("county", STATE)                                                                                       \
    X("bundesland", STATE)                                                                                   \
    X("countrycode", COUNTRY)                                                                                \
    X("countryiso", COUNTRY)                                                                                 \
    X("nation", COUNTRY)                                                                                     \
    X("land", COUNTRY)

/* What awork adds to a contact info by itself, and a form must not contain. */
#define SERVER_FIELDS(X) X("id") X("createdOn") X("createdBy") X("updatedOn") X("updatedBy") X("isDeleted")

/*
 * The nearest of several names
 */

struct nearest {
    const char *key; /* folded */
    size_t n;
    size_t best; /* the smallest distance so far; 0: the same but for case, spaces and accents */
    int index;   /* whose it is; -1 if nothing is near, or two are equally near */
};

/* A short word may have one letter wrong, a longer one two, the shortest none. */
static size_t tolerance(size_t n)
{
    return n < 4 ? 0 : n < 6 ? 1 : 2;
}

static void nearest_try(struct nearest *search, int index, struct aw_str name)
{
    char key[AW_FOLD_MAX];
    size_t n = aw_fold(name.s, name.n, key, sizeof key);
    size_t limit = tolerance(search->n);
    size_t distance = aw_distance(search->key, search->n, key, n, limit);
    if (distance > limit && search->n >= 3 && search->n < n && memcmp(search->key, key, search->n) == 0)
        distance = limit; /* its beginning: "insta", "addr" */
    if (distance > limit || distance > search->best)
        return;
    search->index = distance == search->best && search->index >= 0 ? -1 : index;
    search->best = distance;
}

static int nearest_name(const char *s, size_t n, const struct aw_str *names, size_t count)
{
    char key[AW_FOLD_MAX];
    struct nearest search = {key, aw_fold(s, n, key, sizeof key), AW_FOLD_MAX, -1};
    if (search.n == 0)
        return -1;
    static const struct {
        struct aw_str theirs, ours;
    } aliases[] = {
#define X(theirs, ours) {AW_STR(theirs), AW_STR(ours)},
        VALUE_ALIASES(X)
#undef X
    };
    for (size_t i = 0; i < count; i++)
        nearest_try(&search, (int)i, names[i]);
    if (search.best == 0)
        return search.index;
    for (size_t a = 0; a < sizeof aliases / sizeof aliases[0]; a++)
        for (size_t i = 0; aw_str_is(aliases[a].theirs, key, search.n) && i < count; i++)
            if (aw_str_is(names[i], aliases[a].ours.s, aliases[a].ours.n))
                return (int)i;
    return search.index;
}

/*
 * Messages
 */

static void line_str(struct aw_line *line, struct aw_str str)
{
    aw_line_bytes(line, str.s, str.n);
}

static void line_names(struct aw_line *line, const struct aw_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            aw_line_text(line, ", ");
        line_str(line, names[i]);
    }
}

/* "a user's", "a company's" */
static void line_owner(struct aw_line *line, const struct aw_owner *owner)
{
    aw_line_text(line, "a ");
    line_str(line, owner->name);
    aw_line_text(line, "'s");
}

static size_t type_names(const struct aw_owner *owner, struct aw_str *names, size_t size)
{
    size_t n = 0;
    for (; n < owner->type_count && n < size; n++)
        names[n] = owner->types[n].name;
    return n;
}

static const char *kind_name(const struct aw_value *value)
{
    switch (value->kind) {
    case AW_STRING:
        return "string";
    case AW_BOOLEAN:
        return "boolean";
    case AW_INTEGER:
    case AW_NUMBER:
        return "number";
    case AW_OTHER:
        return value->as.type;
    case AW_ABSENT:
        break;
    }
    return "nil";
}

/* The first character of a string that `is` says something of; 0 if there is none. */
static uint32_t first_that(bool (*is)(uint32_t), struct aw_str text)
{
    for (size_t i = 0; i < text.n;) {
        uint32_t cp;
        i += aw_utf8_step(text.s + i, text.n - i, &cp);
        if (is(cp))
            return cp;
    }
    return 0;
}

/* Names a character: U+201E, and itself where it can be seen. */
static void line_character(struct aw_line *line, uint32_t cp)
{
    char text[16];
    snprintf(text, sizeof text, "U+%04X", (unsigned)cp);
    aw_line_text(line, text);
    if (cp > ' ' && cp < 0x7F) {
        aw_line_text(line, " ");
        aw_line_bytes(line, &(char){(char)cp}, 1);
    }
}

/* What no email address has, if that is what is wrong with one. */
static void message_email(struct aw_str text, struct aw_line *line)
{
    aw_trim(&text.s, &text.n); /* white space around it has a warning of its own */
    uint32_t odd = aw_email_oddity(text.s, text.n);
    aw_line_text(line, "does not look like an email address");
    if (odd != 0) {
        aw_line_text(line, ", for it has ");
        line_character(line, odd);
    }
    aw_line_text(line, ": ");
}

/* White space at an end that is no plain space is named. */
static void message_white_space(struct aw_str text, struct aw_line *line)
{
    aw_line_text(line, "begins or ends with white space");
    struct aw_str inner = text;
    aw_trim(&inner.s, &inner.n);
    struct aw_str ends[] = {{text.s, (size_t)(inner.s - text.s)},
                            {inner.s + inner.n, (size_t)(text.s + text.n - inner.s) - inner.n}};
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; at < ends[i].n;) {
            uint32_t cp;
            at += aw_utf8_step(ends[i].s + at, ends[i].n - at, &cp);
            if (cp != ' ') {
                aw_line_text(line, ", ");
                line_character(line, cp);
                i = 2;
                break;
            }
        }
    aw_line_text(line, ": ");
}

/* Of a type if `type` is NULL, of a subtype of that type otherwise. */
static void message_possible_values(const struct aw_value *value, const struct aw_owner *owner,
                                    const struct aw_type *type, struct aw_line *line)
{
    struct aw_str names[16];
    if (type && type->use == AW_SUBTYPE_NONE) {
        aw_line_text(line, "must be left out: ");
        line_owner(line, owner);
        aw_line_text(line, " \"");
        line_str(line, type->name);
        aw_line_text(line, "\" has no subtype");
        return;
    }
    aw_line_text(line, "can't be ");
    aw_line_quoted(line, value->as.string.s, value->as.string.n);
    aw_line_text(line, " for ");
    if (!type) {
        aw_line_text(line, "a ");
        line_str(line, owner->name);
        aw_line_text(line, "; possible: ");
        line_names(line, names, type_names(owner, names, sizeof names / sizeof names[0]));
    } else {
        line_owner(line, owner);
        aw_line_text(line, " \"");
        line_str(line, type->name);
        aw_line_text(line, "\"; possible: ");
        line_names(line, type->subtypes, type->subtype_count);
    }
}

static void message_required(const struct aw_value *value, const struct aw_finding *finding,
                             const struct aw_owner *owner, const struct aw_type *type, struct aw_line *line)
{
    aw_line_text(line, "is required for ");
    if (finding->detail == AW_DETAIL_ADDRESS) {
        aw_line_text(line, "an address");
    } else if (finding->field == AW_FIELD_TYPE || !type) {
        aw_line_text(line, "a ");
        line_str(line, owner->name);
    } else {
        line_owner(line, owner);
        aw_line_text(line, " \"");
        line_str(line, type->name);
        aw_line_text(line, "\"");
    }
    if (value->kind != AW_ABSENT)
        aw_line_text(line, value->as.string.n == 0 ? ", and is empty" : ", and is only white space");
}

void aw_finding_message(const struct aw_form *form, const struct aw_report *report,
                        const struct aw_finding *finding, struct aw_line *line)
{
    const struct aw_owner *owner = &aw_owners[report->owner];
    const struct aw_type *type = report->type >= 0 ? &owner->types[report->type] : NULL;
    const struct aw_field *field = &aw_fields[finding->field];
    const struct aw_value *value = aw_form_get(form, finding->field);
    char text[32];
    uint32_t odd;

    aw_line_text(line, "'");
    line_str(line, field->name);
    aw_line_text(line, "' ");
    switch (finding->rule) {
    case AW_RULE_TYPE:
        aw_line_text(line, "must be a ");
        aw_line_text(line, field->kind == AW_FIELD_BOOLEAN ? "boolean" : "string");
        aw_line_text(line, ", not a ");
        aw_line_text(line, kind_name(value));
        break;
    case AW_RULE_UTF8:
        snprintf(text, sizeof text, "%zu (0x%02X)", finding->got + 1,
                 (unsigned char)value->as.string.s[finding->got]);
        aw_line_text(line, "is not valid UTF-8 at byte ");
        aw_line_text(line, text);
        break;
    case AW_RULE_LENGTH:
    case AW_RULE_UTF16_LENGTH:
        aw_line_text(line, "has ");
        aw_line_number(line, finding->got);
        aw_line_text(line, finding->rule == AW_RULE_LENGTH
                               ? " characters; at most "
                               : " UTF-16 units, which the server may count; at most ");
        aw_line_number(line, finding->limit);
        aw_line_text(line, " are allowed");
        break;
    case AW_RULE_REQUIRED:
        message_required(value, finding, owner, type, line);
        break;
    case AW_RULE_POSSIBLE_VALUES:
        message_possible_values(value, owner, finding->field == AW_FIELD_TYPE ? NULL : type, line);
        break;
    case AW_RULE_COUNTRY:
        aw_line_text(line, "must be a two-letter ISO 3166-1 code in upper case, not ");
        aw_line_quoted(line, value->as.string.s, value->as.string.n);
        break;
    case AW_RULE_INCONSISTENT:
        switch (finding->detail) {
        case AW_DETAIL_TYPE_ABSENT:
            aw_line_text(line, "is there and 'type' is not");
            break;
        case AW_DETAIL_NOT_IS_ADDRESS:
            aw_line_text(line, "is false and 'type' is \"address\"");
            break;
        default:
            aw_line_text(line, "is true and 'type' is ");
            if (type) {
                aw_line_quoted(line, type->name.s, type->name.n);
            } else {
                aw_line_text(line, "absent");
            }
        }
        break;
    case AW_RULE_NO_VALUE:
        aw_line_text(line, value->kind == AW_ABSENT ? "is absent" : "is blank");
        aw_line_text(line, ", and this is no address");
        break;
    case AW_RULE_NO_LABEL:
        aw_line_text(line, value->kind == AW_ABSENT ? "is absent" : "is blank");
        aw_line_text(line, ", and \"custom\" alone says nothing");
        break;
    case AW_RULE_EMAIL_FORMAT:
        message_email(value->as.string, line);
        aw_line_quoted(line, value->as.string.s, value->as.string.n);
        break;
    case AW_RULE_PHONE_FORMAT:
        aw_line_text(line, aw_phone_is_several(value->as.string.s, value->as.string.n)
                               ? "looks like more than one phone number: "
                               : "does not look like a phone number: ");
        aw_line_quoted(line, value->as.string.s, value->as.string.n);
        break;
    case AW_RULE_URL_FORMAT:
        aw_line_text(line, aw_url_runs_code(value->as.string.s, value->as.string.n)
                               ? "has a scheme that runs code when it is opened: "
                               : "does not look like a URL with a scheme and a host: ");
        aw_line_quoted(line, value->as.string.s, value->as.string.n);
        break;
    case AW_RULE_ZIP_FORMAT:
        aw_line_text(line, "has fewer digits than the ");
        aw_line_number(line, aw_zip_digits(value->as.string, aw_form_get(form, AW_FIELD_COUNTRY)->as.string));
        aw_line_text(line, " of a postal code of that country: ");
        aw_line_quoted(line, value->as.string.s, value->as.string.n);
        break;
    case AW_RULE_NOT_AN_ADDRESS:
        aw_line_text(line, "is part of an address, and this is none");
        break;
    case AW_RULE_WHITE_SPACE:
        message_white_space(value->as.string, line);
        aw_line_quoted(line, value->as.string.s, value->as.string.n);
        break;
    case AW_RULE_CONTROL_CHARACTER:
        odd = first_that(aw_is_unseen, value->as.string);
        aw_line_text(line, aw_is_control(odd) ? "has a control character (" : "has an invisible character (");
        line_character(line, odd);
        aw_line_text(line, ")");
        break;
    case AW_RULE_UNKNOWN_FIELD: /* never in a report: aw_unknown_message */
    case AW_RULE_COUNT:
        break;
    }
}

/*
 * Hints
 */

static void did_you_mean(struct aw_str right, struct aw_line *line, struct aw_line *suggestion)
{
    aw_line_text(line, "did you mean ");
    aw_line_quoted(line, right.s, right.n);
    aw_line_text(line, "?");
    line_str(suggestion, right);
}

/* A suggestion that doesn't fit is none. */
static void suggest_text(struct aw_line *suggestion, const char *before, const char *s, size_t n)
{
    aw_line_text(suggestion, before);
    aw_line_bytes(suggestion, s, n);
    if (suggestion->full)
        suggestion->n = 0;
}

static void hint_wrong_type(const struct aw_value *value, const struct aw_finding *finding,
                            struct aw_line *line, struct aw_line *suggestion)
{
    char text[40] = "";
    if (finding->field == AW_FIELD_TYPE || finding->field == AW_FIELD_SUBTYPE ||
        finding->field == AW_FIELD_COUNTRY)
        return; /* no number could be right there */
    if (aw_fields[finding->field].kind == AW_FIELD_BOOLEAN) {
        bool yes = (value->kind == AW_STRING && aw_str_is(value->as.string, "true", 4)) ||
                   (value->kind == AW_INTEGER && value->as.integer == 1);
        bool no = (value->kind == AW_STRING && aw_str_is(value->as.string, "false", 5)) ||
                  (value->kind == AW_INTEGER && value->as.integer == 0);
        if (yes || no)
            aw_line_text(line, yes ? "write true, without quotes" : "write false, without quotes");
        return;
    }
    if (value->kind == AW_INTEGER)
        snprintf(text, sizeof text, "%lld", value->as.integer);
    else if (value->kind == AW_NUMBER && value->as.number > -1e15 && value->as.number < 1e15 &&
             (double)(long long)value->as.number == value->as.number)
        snprintf(text, sizeof text, "%lld", (long long)value->as.number);
    else if (value->kind != AW_NUMBER)
        return;
    aw_line_text(line, "quote it, with any leading zero or plus");
    if (text[0]) {
        aw_line_text(line, ": ");
        aw_line_quoted(line, text, strlen(text));
        aw_line_text(suggestion, text);
    }
}

static void hint_utf8(struct aw_str text, size_t bad, struct aw_line *line)
{
    unsigned char c = (unsigned char)text.s[bad];
    size_t rest = text.n - bad, length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    bool continued = c >= 0xC2 && c <= 0xF4;
    for (size_t i = 1; i < rest && continued; i++)
        continued = ((unsigned char)text.s[bad + i] & 0xC0) == 0x80;
    if (continued && rest < length && rest > 1)
        aw_line_text(line, "the text is cut in the middle of a character");
    else if (c == 0xED && rest > 1 && (unsigned char)text.s[bad + 1] >= 0xA0)
        aw_line_text(line, "half of a UTF-16 surrogate pair; convert the text to UTF-8");
    else
        aw_line_text(line, c >= 0xA0 ? "it may be Latin-1 or Windows-1252; convert the text to UTF-8"
                                     : "convert the text to UTF-8");
}

/* The owner's only type that has this subtype, or NULL. */
static const struct aw_type *type_of_subtype(const struct aw_owner *owner, const char *s, size_t n,
                                             struct aw_str *subtype)
{
    const struct aw_type *found = NULL;
    char key[AW_FOLD_MAX], other[AW_FOLD_MAX];
    size_t length = aw_fold(s, n, key, sizeof key);
    for (size_t t = 0; length > 0 && t < owner->type_count; t++)
        for (size_t i = 0; i < owner->types[t].subtype_count; i++) {
            const struct aw_str *name = &owner->types[t].subtypes[i];
            if (aw_fold(name->s, name->n, other, sizeof other) != length || memcmp(key, other, length) != 0)
                continue;
            if (found)
                return NULL;
            found = &owner->types[t];
            *subtype = *name;
        }
    return found;
}

static void hint_subtype_of(const struct aw_type *type, struct aw_str subtype, struct aw_line *line)
{
    aw_line_quoted(line, subtype.s, subtype.n);
    aw_line_text(line, " is a subtype of ");
    aw_line_quoted(line, type->name.s, type->name.n);
}

static void hint_type(struct aw_str wrong, const struct aw_report *report, struct aw_line *line,
                      struct aw_line *suggestion)
{
    const struct aw_owner *owner = &aw_owners[report->owner];
    const struct aw_owner *other =
        &aw_owners[report->owner == AW_OWNER_USER ? AW_OWNER_COMPANY : AW_OWNER_USER];
    struct aw_str names[16], subtype;
    size_t count = type_names(owner, names, sizeof names / sizeof names[0]);
    int theirs = aw_type_find((enum aw_owner_id)(other - aw_owners), wrong.s, wrong.n);
    if (theirs >= 0) {
        const struct aw_str *name = &other->types[theirs].name;
        line_str(line, owner->plural);
        if (report->type >= 0) {
            aw_line_text(line, " have '");
            line_str(line, names[report->type]);
            aw_line_text(line, "'; '");
            line_str(suggestion, names[report->type]);
        } else {
            aw_line_text(line, " have none; '");
        }
        line_str(line, *name);
        aw_line_text(line, "' is ");
        line_owner(line, other);
        return;
    }
    int near = report->type >= 0 ? report->type : nearest_name(wrong.s, wrong.n, names, count);
    const struct aw_type *type = near < 0 ? type_of_subtype(owner, wrong.s, wrong.n, &subtype) : NULL;
    if (near >= 0) {
        did_you_mean(names[near], line, suggestion);
    } else if (type) {
        hint_subtype_of(type, subtype, line);
        line_str(suggestion, type->name);
    }
}

static void hint_subtype(struct aw_str wrong, const struct aw_report *report, struct aw_line *line,
                         struct aw_line *suggestion)
{
    const struct aw_owner *owner = &aw_owners[report->owner];
    const struct aw_type *type = &owner->types[report->type];
    struct aw_str subtype;
    if (type->use == AW_SUBTYPE_NONE)
        return;
    int near = nearest_name(wrong.s, wrong.n, type->subtypes, type->subtype_count);
    if (near >= 0) {
        did_you_mean(type->subtypes[near], line, suggestion);
        return;
    }
    const struct aw_type *elsewhere = type_of_subtype(owner, wrong.s, wrong.n, &subtype);
    if (elsewhere) {
        hint_subtype_of(elsewhere, subtype, line);
        return;
    }
    const struct aw_owner *other =
        &aw_owners[report->owner == AW_OWNER_USER ? AW_OWNER_COMPANY : AW_OWNER_USER];
    for (size_t i = 0; i < other->type_count; i++)
        if (other->types[i].content == type->content &&
            aw_type_has_subtype(&other->types[i], wrong.s, wrong.n)) {
            aw_line_quoted(line, wrong.s, wrong.n);
            aw_line_text(line, " is ");
            line_owner(line, other);
        }
}

static void hint_value(struct aw_str text, enum aw_rule_id rule, struct aw_line *line,
                       struct aw_line *suggestion)
{
    aw_trim(&text.s, &text.n);
    const char *s = text.s, *open = memchr(s, '<', text.n);
    size_t n = text.n;
    if (rule == AW_RULE_URL_FORMAT) {
        char url[128];
        int length = snprintf(url, sizeof url, "https://%.*s", (int)(n < sizeof url ? n : sizeof url), s);
        if (n == 0 || length >= (int)sizeof url || !memchr(s, '.', n) || memchr(s, ':', n) ||
            memchr(s, '@', n) || !aw_is_url(url, (size_t)length))
            return;
        suggest_text(suggestion, "https://", s, n);
    } else if (rule == AW_RULE_EMAIL_FORMAT) {
        if (open) {
            s = open + 1;
            n = text.n - (size_t)(s - text.s);
            const char *close = memchr(s, '>', n);
            n = close ? (size_t)(close - s) : 0;
        } else if (n > 7 && memcmp(s, "mailto:", 7) == 0) {
            s += 7;
            n -= 7;
        }
        if (n == 0 || !aw_is_email(s, n))
            return;
        suggest_text(suggestion, "", s, n);
    } else {
        if (n <= 4 || memcmp(s, "tel:", 4) != 0 || !aw_is_phone(s + 4, n - 4))
            return;
        suggest_text(suggestion, "", s + 4, n - 4);
    }
    if (suggestion->n > 0)
        did_you_mean((struct aw_str){suggestion->s, suggestion->n}, line,
                     &(struct aw_line){.s = NULL, .full = true});
}

static void hint_inconsistent(const struct aw_form *form, const struct aw_report *report,
                              const struct aw_finding *finding, struct aw_line *line)
{
    const struct aw_str *text = &aw_form_get(form, finding->field)->as.string;
    const struct aw_type *type;
    struct aw_str subtype;
    switch (finding->detail) {
    case AW_DETAIL_TYPE_ABSENT:
        type = type_of_subtype(&aw_owners[report->owner], text->s, text->n, &subtype);
        if (type) {
            hint_subtype_of(type, subtype, line);
            aw_line_text(line, ": set it as type");
        } else {
            aw_line_text(line, "set type as well");
        }
        break;
    case AW_DETAIL_NOT_IS_ADDRESS:
        aw_line_text(line, "leave isAddress out, or make it true");
        break;
    default:
        aw_line_text(line, "set type = \"address\", or leave isAddress out");
    }
}

void aw_finding_hint(const struct aw_form *form, const struct aw_report *report,
                     const struct aw_finding *finding, struct aw_line *line, struct aw_line *suggestion)
{
    const struct aw_owner *owner = &aw_owners[report->owner];
    const struct aw_value *value = aw_form_get(form, finding->field);
    struct aw_str names[16], text = value->kind == AW_STRING ? value->as.string : (struct aw_str)AW_STR("");
    const struct aw_country *country;
    switch (finding->rule) {
    case AW_RULE_TYPE:
        hint_wrong_type(value, finding, line, suggestion);
        break;
    case AW_RULE_UTF8:
        hint_utf8(text, finding->got, line);
        break;
    case AW_RULE_REQUIRED:
        if (finding->field == AW_FIELD_TYPE) {
            aw_line_text(line, "one of ");
            line_names(line, names, type_names(owner, names, sizeof names / sizeof names[0]));
        } else if (finding->field == AW_FIELD_SUBTYPE) {
            aw_line_text(line, "one of ");
            line_names(line, owner->types[report->type].subtypes, owner->types[report->type].subtype_count);
        } else if (finding->field == AW_FIELD_COUNTRY) {
            aw_line_text(line, "a two-letter code such as \"DE\"");
        }
        break;
    case AW_RULE_POSSIBLE_VALUES:
        if (finding->field == AW_FIELD_TYPE)
            hint_type(text, report, line, suggestion);
        else
            hint_subtype(text, report, line, suggestion);
        break;
    case AW_RULE_COUNTRY:
        country = aw_country_guess(text.s, text.n);
        if (country) {
            aw_line_text(line, "did you mean \"");
            aw_line_text(line, country->code);
            aw_line_text(line, "\" (");
            line_str(line, country->name);
            aw_line_text(line, ")?");
            aw_line_text(suggestion, country->code);
        }
        break;
    case AW_RULE_INCONSISTENT:
        hint_inconsistent(form, report, finding, line);
        break;
    case AW_RULE_EMAIL_FORMAT:
    case AW_RULE_PHONE_FORMAT:
    case AW_RULE_URL_FORMAT:
        hint_value(text, finding->rule, line, suggestion);
        break;
    case AW_RULE_ZIP_FORMAT:
        if (aw_zip_digits(text, aw_form_get(form, AW_FIELD_COUNTRY)->as.string) == text.n + 1) {
            suggest_text(suggestion, "0", text.s, text.n);
            did_you_mean((struct aw_str){suggestion->s, suggestion->n}, line,
                         &(struct aw_line){.s = NULL, .full = true});
        } else {
            aw_line_text(line, "is a leading zero lost?");
        }
        break;
    case AW_RULE_NOT_AN_ADDRESS:
        aw_line_text(line, "set type = \"address\", or leave it out");
        break;
    case AW_RULE_WHITE_SPACE:
        aw_trim(&text.s, &text.n);
        suggest_text(suggestion, "", text.s, text.n);
        aw_line_text(line, "remove it");
        break;
    case AW_RULE_LENGTH:
    case AW_RULE_UTF16_LENGTH:
    case AW_RULE_NO_VALUE:
    case AW_RULE_NO_LABEL:
    case AW_RULE_CONTROL_CHARACTER:
    case AW_RULE_UNKNOWN_FIELD:
    case AW_RULE_COUNT:
        break;
    }
}

void aw_unknown_message(const char *name, size_t n, struct aw_line *line)
{
    aw_line_text(line, "'");
    aw_line_escaped(line, name, n, 40);
    aw_line_text(line, "' is no field of a contact info");
}

void aw_unknown_hint(const char *name, size_t n, struct aw_line *line, struct aw_line *suggestion)
{
    static const struct {
        struct aw_str theirs;
        enum aw_field_id field;
    } aliases[] = {
#define X(theirs, id) {AW_STR(theirs), AW_FIELD_##id},
        FIELD_ALIASES(X)
#undef X
    };
    static const struct aw_str server[] = {
#define X(name) AW_STR(name),
        SERVER_FIELDS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof server / sizeof server[0]; i++)
        if (aw_str_is(server[i], name, n)) {
            aw_line_text(line, "awork sets it; leave it out");
            return;
        }
    char key[AW_FOLD_MAX];
    struct nearest search = {key, aw_fold(name, n, key, sizeof key), AW_FOLD_MAX, -1};
    if (search.n == 0)
        return;
    for (int i = 0; i < AW_FIELD_COUNT; i++)
        nearest_try(&search, i, aw_fields[i].name);
    for (size_t i = 0; search.best > 0 && i < sizeof aliases / sizeof aliases[0]; i++)
        if (aw_str_is(aliases[i].theirs, key, search.n)) {
            search.index = (int)aliases[i].field;
            search.best = 0;
        }
    if (search.index < 0)
        return;
    aw_line_text(line, "did you mean ");
    line_str(line, aw_fields[search.index].name);
    aw_line_text(line, "?");
    line_str(suggestion, aw_fields[search.index].name);
}
