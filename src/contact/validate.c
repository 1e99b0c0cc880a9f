#include "validate.h"

#include <string.h>

#define BIT(id)        (1u << AW_FIELD_##id)
#define ADDRESS_NEEDS  (BIT(ADDRESS_LINE_1) | BIT(ZIP_CODE) | BIT(CITY) | BIT(COUNTRY))
#define ADDRESS_FIELDS (ADDRESS_NEEDS | BIT(ADDRESS_LINE_2) | BIT(STATE))

static struct aw_finding *add(struct aw_report *report, enum aw_field_id field, enum aw_rule_id rule,
                              enum aw_detail detail)
{
    struct aw_finding *finding = &report->findings[report->count++];
    finding->field = field;
    finding->rule = rule;
    finding->detail = detail;
    finding->limit = finding->got = 0;
    finding->unchanged = false;
    if (rule >= AW_RULE_FIRST_WARNING)
        report->warnings++;
    else
        report->violations++;
    return finding;
}

/* Case, spaces and accents do not matter. */
static bool alike(const char *a, size_t na, const char *b, size_t nb)
{
    char x[AW_FOLD_MAX], y[AW_FOLD_MAX];
    size_t nx = aw_fold(a, na, x, sizeof x), ny = aw_fold(b, nb, y, sizeof y);
    return nx > 0 && nx == ny && memcmp(x, y, nx) == 0;
}

/* A user's "url" and a company's "urls": the one mistake that is nobody's typo. */
static bool is_other_url(const struct aw_type *type, const char *s, size_t n)
{
    return type->content == AW_CONTENT_URL && (alike(s, n, "url", 3) || alike(s, n, "urls", 4));
}

/* Which type a misspelt one means beyond doubt, so that the rest can be checked all the same; or -1. */
static int meant_type(enum aw_owner_id owner, const char *s, size_t n)
{
    const struct aw_owner *o = &aw_owners[owner];
    for (size_t i = 0; i < o->type_count; i++)
        if (alike(s, n, o->types[i].name.s, o->types[i].name.n) || is_other_url(&o->types[i], s, n))
            return (int)i;
    return -1;
}

/* What is known about the form as a whole while its fields are looked at one by one. */
struct context {
    const struct aw_form *form;
    struct aw_report *report;
    const struct aw_type *type;   /* NULL if absent or unknown */
    bool type_absent, type_exact; /* exact: spelt as it is */
    bool address;                 /* by its type or by isAddress: needs what an address needs */
    unsigned needed;              /* the fields that are required, as bits */
    unsigned wanted;              /* those whose absence is a warning */
};

static bool is_true(const struct aw_value *value)
{
    return value->kind == AW_BOOLEAN && value->as.boolean;
}

static enum aw_detail why_needed(const struct context *c, enum aw_field_id field)
{
    if (field == AW_FIELD_TYPE || field == AW_FIELD_SUBTYPE)
        return AW_DETAIL_OWNER;
    return field == AW_FIELD_LABEL && c->type ? AW_DETAIL_CUSTOM : AW_DETAIL_ADDRESS;
}

static void check_absent(const struct context *c, enum aw_field_id field)
{
    if (c->needed & 1u << field)
        add(c->report, field, AW_RULE_REQUIRED, why_needed(c, field));
    else if (c->wanted & 1u << field)
        add(c->report, field, field == AW_FIELD_VALUE ? AW_RULE_NO_VALUE : AW_RULE_NO_LABEL, AW_DETAIL_NONE);
}

/* True if the value looks like what the type's values are. */
static bool has_format(const struct aw_type *type, const char *s, size_t n)
{
    switch (type->content) {
    case AW_CONTENT_EMAIL:
        return aw_is_email(s, n);
    case AW_CONTENT_PHONE:
        return aw_is_phone(s, n);
    case AW_CONTENT_URL:
        return aw_is_url(s, n);
    case AW_CONTENT_MESSENGER:
    case AW_CONTENT_SOCIAL:
        return !aw_url_runs_code(s, n); /* it may be the address of a profile */
    default:
        return true;
    }
}

static enum aw_rule_id format_rule(const struct aw_type *type)
{
    return type->content == AW_CONTENT_EMAIL   ? AW_RULE_EMAIL_FORMAT
           : type->content == AW_CONTENT_PHONE ? AW_RULE_PHONE_FORMAT
                                               : AW_RULE_URL_FORMAT;
}

/* True if the postal code has lost digits, going by the country beside it. */
static bool zip_is_short(const struct context *c, const char *s, size_t n)
{
    const struct aw_value *country = aw_form_get(c->form, AW_FIELD_COUNTRY);
    return c->address && country->kind == AW_STRING &&
           aw_zip_digits((struct aw_str){s, n}, country->as.string) > 0;
}

/* What a field of its own has to say beyond the rules for all strings. True if it said that its text is
 * wrong. */
static bool check_meaning(const struct context *c, enum aw_field_id field, const char *s, size_t n, bool edge,
                          bool blank)
{
    struct aw_report *report = c->report;
    switch (field) {
    case AW_FIELD_LABEL:
        /* Necessary for the type custom, allowed with any. */
        if (blank && c->wanted & BIT(LABEL))
            add(report, field, AW_RULE_NO_LABEL, AW_DETAIL_NONE);
        return false;
    case AW_FIELD_VALUE:
        /* A value beside an address is legal and means nothing; whoever wrote it may keep it. */
        if (blank) {
            if (c->wanted & BIT(VALUE))
                add(report, field, AW_RULE_NO_VALUE, AW_DETAIL_NONE);
        } else if (c->type) {
            const char *core = s; /* white space around it has a warning of its own */
            size_t length = n;
            if (edge)
                aw_trim(&core, &length);
            if (!has_format(c->type, core, length))
                add(report, field, format_rule(c->type), AW_DETAIL_NONE);
        }
        return false;
    case AW_FIELD_TYPE:
        add(report, field, AW_RULE_POSSIBLE_VALUES, AW_DETAIL_NONE);
        return true;
    case AW_FIELD_SUBTYPE:
        if (c->type_absent) {
            add(report, field, AW_RULE_INCONSISTENT, AW_DETAIL_TYPE_ABSENT);
            return true;
        }
        if (!c->type || aw_type_has_subtype(c->type, s, n))
            return false;
        add(report, field, AW_RULE_POSSIBLE_VALUES, AW_DETAIL_NONE);
        return true;
    case AW_FIELD_COUNTRY:
        if (!aw_country_is_code(s, n)) {
            add(report, field, AW_RULE_COUNTRY, AW_DETAIL_NONE);
            return true;
        }
        /* fall through */
    default:
        if (field == AW_FIELD_ZIP_CODE && zip_is_short(c, s, n))
            add(report, field, AW_RULE_ZIP_FORMAT, AW_DETAIL_NONE);
        /* Legal by the contract, but it is lost on a phone number; most likely the type is wrong. */
        if (!blank && !c->address && (c->type || c->type_absent))
            add(report, field, AW_RULE_NOT_AN_ADDRESS, AW_DETAIL_NONE);
        return false;
    }
}

/*
 * True if it is seen at once that there is nothing to say about the text, as it mostly is; check_string tells the
 * rest. Texts that the contract lists are plain, and shorter than their field's limit.
 */
static bool is_right(const struct context *c, enum aw_field_id field, const char *s, size_t n)
{
    switch (field) {
    case AW_FIELD_TYPE:
        return c->type_exact;
    case AW_FIELD_SUBTYPE:
        return c->type && c->type->use != AW_SUBTYPE_ANY && aw_type_has_subtype(c->type, s, n);
    case AW_FIELD_COUNTRY:
        return c->address && aw_country_is_code(s, n);
    default:
        break;
    }
    if (n == 0 || n > aw_fields[field].max || !aw_is_plain(s, n))
        return false;
    switch (field) {
    case AW_FIELD_LABEL:
        return true;
    case AW_FIELD_VALUE:
        return !c->type || has_format(c->type, s, n);
    case AW_FIELD_ZIP_CODE:
        return c->address && !zip_is_short(c, s, n);
    default:
        return c->address;
    }
}

static void check_string(const struct context *c, enum aw_field_id field, const char *s, size_t n)
{
    struct aw_report *report = c->report;
    struct aw_finding *finding;
    struct aw_text text;
    aw_text_scan(s, n, &text);
    if (!text.valid) {
        add(report, field, AW_RULE_UTF8, AW_DETAIL_NONE)->got = text.bad;
        return;
    }

    size_t max = aw_fields[field].max;
    if (text.units > max) {
        bool too_long = text.points > max;
        finding = add(report, field, too_long ? AW_RULE_LENGTH : AW_RULE_UTF16_LENGTH, AW_DETAIL_NONE);
        finding->limit = max;
        finding->got = too_long ? text.points : text.units;
    }

    /* What is required and empty, or only white space, is as good as absent. */
    bool blank = n == 0 || (text.edge && aw_is_blank(s, n));
    if (blank && c->needed & 1u << field) {
        add(report, field, AW_RULE_REQUIRED, why_needed(c, field));
        return;
    }
    if (check_meaning(c, field, s, n, text.edge, blank))
        return;
    if (text.edge)
        add(report, field, AW_RULE_WHITE_SPACE, AW_DETAIL_NONE);
    if (text.control)
        add(report, field, AW_RULE_CONTROL_CHARACTER, AW_DETAIL_NONE);
}

static void check_is_address(const struct context *c, bool is_address)
{
    bool address_type = c->type && c->type->content == AW_CONTENT_ADDRESS;
    if (is_address && !address_type && (c->type || c->type_absent))
        add(c->report, AW_FIELD_IS_ADDRESS, AW_RULE_INCONSISTENT, AW_DETAIL_NOT_ADDRESS);
    else if (!is_address && address_type)
        add(c->report, AW_FIELD_IS_ADDRESS, AW_RULE_INCONSISTENT, AW_DETAIL_NOT_IS_ADDRESS);
}

static void read_context(struct context *c)
{
    const struct aw_value *type = aw_form_get(c->form, AW_FIELD_TYPE);
    enum aw_owner_id owner = c->report->owner;
    c->type = NULL;
    c->type_absent = type->kind == AW_ABSENT;
    c->type_exact = false;
    c->report->type = -1;
    if (type->kind == AW_STRING) {
        const char *s = type->as.string.s;
        size_t n = type->as.string.n;
        int index = aw_type_find(owner, s, n);
        c->type_exact = index >= 0;
        if (!c->type_exact)
            index = meant_type(owner, s, n);
        if (index >= 0)
            c->type = &aw_owners[owner].types[index];
        c->report->type = index;
    }

    c->address = (c->type && c->type->content == AW_CONTENT_ADDRESS) ||
                 is_true(aw_form_get(c->form, AW_FIELD_IS_ADDRESS));
    c->needed = c->address ? ADDRESS_NEEDS : 0;
    if (owner == AW_OWNER_COMPANY) {
        c->needed |= BIT(TYPE);
        if (c->type && c->type->use == AW_SUBTYPE_REQUIRED)
            c->needed |= BIT(SUBTYPE);
    } else if (c->type && c->type->content == AW_CONTENT_CUSTOM) {
        c->needed |= BIT(LABEL);
    }
    c->wanted = !c->address && (c->type || c->type_absent) ? BIT(VALUE) : 0;
    if (c->type && c->type->content == AW_CONTENT_CUSTOM)
        c->wanted |= BIT(LABEL);
}

void aw_validate(const struct aw_form *form, enum aw_owner_id owner, struct aw_report *report)
{
    struct context c = {.form = form, .report = report};
    report->owner = owner;
    report->violations = report->warnings = report->unchanged = report->count = 0;
    read_context(&c);
    /* In order; of the others there is nothing to say. */
    for (unsigned left = form->present | c.needed | c.wanted; left != 0; left &= left - 1) {
        enum aw_field_id field = (enum aw_field_id)__builtin_ctz(left);
        const struct aw_value *value = aw_form_get(form, field);
        if (value->kind == AW_STRING && is_right(&c, field, value->as.string.s, value->as.string.n))
            continue;
        bool boolean = aw_fields[field].kind == AW_FIELD_BOOLEAN;
        if (value->kind == AW_ABSENT)
            check_absent(&c, field);
        else if (value->kind != (boolean ? AW_BOOLEAN : AW_STRING))
            add(report, field, AW_RULE_TYPE, AW_DETAIL_NONE);
        else if (boolean)
            check_is_address(&c, value->as.boolean);
        else
            check_string(&c, field, value->as.string.s, value->as.string.n);
    }
}

static bool same_value(const struct aw_value *a, const struct aw_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case AW_ABSENT:
        return true;
    case AW_STRING:
        return aw_str_is(a->as.string, b->as.string.s, b->as.string.n);
    case AW_BOOLEAN:
        return a->as.boolean == b->as.boolean;
    case AW_INTEGER:
        return a->as.integer == b->as.integer;
    default:
        return false; /* nothing that awork stores in a contact info's field */
    }
}

/* The fields on whose change a finding about this one depends, as bits. */
static unsigned depends_on(enum aw_field_id field)
{
    switch (field) {
    case AW_FIELD_LABEL:
    case AW_FIELD_VALUE:
    case AW_FIELD_SUBTYPE:
    case AW_FIELD_IS_ADDRESS:
        return 1u << field | BIT(TYPE);
    case AW_FIELD_TYPE:
        return BIT(TYPE);
    case AW_FIELD_ZIP_CODE:
        return BIT(ZIP_CODE) | BIT(COUNTRY) | BIT(TYPE) | BIT(IS_ADDRESS);
    default:
        return 1u << field | BIT(TYPE) | BIT(IS_ADDRESS);
    }
}

/* True if the field's value can be sent although a rule forbids it: a number goes as its digits. */
static bool can_be_sent(const struct aw_finding *finding, const struct aw_value *value)
{
    return finding->rule != AW_RULE_UTF8 &&
           (finding->rule != AW_RULE_TYPE ||
            (value->kind == AW_INTEGER && aw_fields[finding->field].kind == AW_FIELD_STRING));
}

void aw_validate_change(const struct aw_form *form, const struct aw_form *before, enum aw_owner_id owner,
                        struct aw_report *report)
{
    unsigned changed = 0;
    for (unsigned left = form->present | before->present; left != 0; left &= left - 1) {
        enum aw_field_id field = (enum aw_field_id)__builtin_ctz(left);
        if (!same_value(aw_form_get(form, field), aw_form_get(before, field)))
            changed |= 1u << field;
    }
    aw_validate(form, owner, report);
    for (size_t i = 0; i < report->count; i++) {
        struct aw_finding *finding = &report->findings[i];
        if (changed & depends_on(finding->field) || !can_be_sent(finding, aw_form_get(form, finding->field)))
            continue;
        finding->unchanged = true;
        report->unchanged++;
        if (!aw_rules[finding->rule].warning) {
            report->violations--;
            report->warnings++;
        }
    }
}

bool aw_report_is_address(const struct aw_report *report)
{
    return report->type >= 0 && aw_owners[report->owner].types[report->type].content == AW_CONTENT_ADDRESS;
}
