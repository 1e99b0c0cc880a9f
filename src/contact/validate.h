/*
 * Validation of a contact info. A form goes in, a report comes out; nothing is allocated, nothing is kept,
 * and the report's sentences are written only when asked for. The strings of the form must live as long as
 * the report is read.
 */
#ifndef AW_VALIDATE_H
#define AW_VALIDATE_H

#include "contract.h"
#include "text.h"

#pragma GCC visibility push(hidden)

enum aw_kind {
    AW_ABSENT, /* not there, or null: the same in a form */
    AW_STRING,
    AW_BOOLEAN,
    AW_INTEGER,
    AW_NUMBER,
    AW_OTHER /* anything else; `type` names it */
};

/* What a field holds, whether it may or not. */
struct aw_value {
    enum aw_kind kind;
    union {
        struct aw_str string;
        bool boolean;
        long long integer;
        double number;
        const char *type;
    } as;
};

/* All zeros is an empty form. */
struct aw_form {
    unsigned present; /* which fields have a value, as bits; what stands in the others is not looked at */
    struct aw_value fields[AW_FIELD_COUNT];
};

/* The field's place, to be given a value. */
static inline struct aw_value *aw_form_put(struct aw_form *form, enum aw_field_id field)
{
    form->present |= 1u << field;
    return &form->fields[field];
}

/* The field's value; of kind AW_ABSENT if it has none. */
static inline const struct aw_value *aw_form_get(const struct aw_form *form, enum aw_field_id field)
{
    static const struct aw_value absent = {.kind = AW_ABSENT};
    return form->present >> field & 1 ? &form->fields[field] : &absent;
}

/* What is wrong in detail, where a rule has more than one way to be broken. */
enum aw_detail {
    AW_DETAIL_NONE,
    AW_DETAIL_OWNER,         /* required: every contact info of this owner has it */
    AW_DETAIL_ADDRESS,       /* required: an address needs it */
    AW_DETAIL_CUSTOM,        /* required: the type custom needs it */
    AW_DETAIL_TYPE_ABSENT,   /* inconsistent: there is no type it could belong to */
    AW_DETAIL_NOT_ADDRESS,   /* inconsistent: isAddress is true, the type is another */
    AW_DETAIL_NOT_IS_ADDRESS /* inconsistent: the type is address, isAddress is false */
};

struct aw_finding {
    enum aw_field_id field;
    enum aw_rule_id rule;
    enum aw_detail detail;
    size_t limit;   /* of length and utf16-length */
    size_t got;     /* of the two; of utf8 the offset of the first bad byte */
    bool unchanged; /* about what was there before the change: at most a warning */
};

/* More than a form can have: per field at most four (length, one of its own, white space, control
 * characters). */
#define AW_FINDINGS_MAX (4 * AW_FIELD_COUNT)

struct aw_report {
    enum aw_owner_id owner;
    int type; /* which of the owner's types it is or clearly means; -1 if it has none or an unknown one */
    size_t violations; /* how many findings break a rule */
    size_t warnings;   /* how many are warnings */
    size_t unchanged;  /* how many of the warnings are about what was there before */
    size_t count;      /* both, in the order of the fields */
    struct aw_finding findings[AW_FINDINGS_MAX];
};

/* Checks the form against everything in the contract, and reports all that is wrong at once. */
void aw_validate(const struct aw_form *form, enum aw_owner_id owner, struct aw_report *report);

/*
 * Checks a change: `form` is what is to be there, `before` what is there now. awork stores contact infos that its
 * rules of today forbid; a change is judged by what it changes and by what that makes contradictory. What was
 * there before counts as a warning, whatever the rule. What can't be written as JSON stays a violation.
 */
void aw_validate_change(const struct aw_form *form, const struct aw_form *before, enum aw_owner_id owner,
                        struct aw_report *report);

/* True if the finding keeps the form from being sent; strict: warnings do so too, save about what was there. */
static inline bool aw_finding_refuses(const struct aw_finding *finding, bool strict)
{
    return !finding->unchanged && (strict || finding->rule < AW_RULE_FIRST_WARNING);
}

/* True if the form may be sent. */
static inline bool aw_report_passes(const struct aw_report *report, bool strict)
{
    return report->violations == 0 && !(strict && report->warnings > report->unchanged);
}

/* True if the type is (or clearly means) address, so that isAddress is to be set in what is sent. */
bool aw_report_is_address(const struct aw_report *report);

/* Writes what is wrong as one sentence that names the field. */
void aw_finding_message(const struct aw_form *form, const struct aw_report *report,
                        const struct aw_finding *finding, struct aw_line *line);

/*
 * Writes what to do about it, if there is something to say, and into `suggestion` the text that would be
 * right in the field, if there is one. Both lines stay empty otherwise.
 */
void aw_finding_hint(const struct aw_form *form, const struct aw_report *report,
                     const struct aw_finding *finding, struct aw_line *line, struct aw_line *suggestion);

/* The same two for a field that no contact info has. */
void aw_unknown_message(const char *name, size_t n, struct aw_line *line);
void aw_unknown_hint(const char *name, size_t n, struct aw_line *line, struct aw_line *suggestion);

#pragma GCC visibility pop

#endif
