/* src/contact/contract.c, validate.c and message.c, as a C program without Lua uses them. */
#include "../../src/contact/validate.h"
#include "check.h"
#include "guard.h"

#include <stdint.h>

static struct aw_value text_of(const char *s, size_t n)
{
    return (struct aw_value){.kind = AW_STRING, .as.string = {s, n}};
}

static struct aw_value text(const char *s)
{
    return text_of(s, strlen(s));
}

static struct aw_value boolean(bool b)
{
    return (struct aw_value){.kind = AW_BOOLEAN, .as.boolean = b};
}

#define FIELD(form, id) (*aw_form_put(&(form), AW_FIELD_##id))

/* The rules that a form breaks, as "property:rule property:rule". */
static const char *broken(const struct aw_form *form, enum aw_owner_id owner)
{
    static char result[2048];
    struct aw_line line = {result, sizeof result - 1, 0, false};
    struct aw_report report;
    size_t violations = 0;
    aw_validate(form, owner, &report);
    for (size_t i = 0; i < report.count; i++) {
        const struct aw_finding *finding = &report.findings[i];
        violations += !aw_rules[finding->rule].warning;
        aw_line_text(&line, i ? " " : "");
        aw_line_text(&line, aw_fields[finding->field].name.s);
        aw_line_text(&line, ":");
        aw_line_text(&line, aw_rules[finding->rule].name.s);
    }
    CHECK(report.violations == violations && report.warnings == report.count - violations);
    result[line.n] = 0;
    return result;
}

static void tables(void)
{
    for (int i = 0; i < AW_FIELD_COUNT; i++) {
        CHECK(aw_field_find(aw_fields[i].name.s, aw_fields[i].name.n) == i);
        CHECK(strlen(aw_fields[i].name.s) == aw_fields[i].name.n);
    }
    CHECK(aw_field_find("subtype", 7) == -1);
    CHECK(aw_field_find("", 0) == -1);
    CHECK(aw_field_find("value\0", 6) == -1);
    for (int o = 0; o < AW_OWNER_COUNT; o++) {
        CHECK(aw_owner_find(aw_owners[o].name.s, aw_owners[o].name.n) == o);
        for (size_t t = 0; t < aw_owners[o].type_count; t++) {
            const struct aw_type *type = &aw_owners[o].types[t];
            CHECK(aw_type_find((enum aw_owner_id)o, type->name.s, type->name.n) == (int)t);
            CHECK(type->name.n <= aw_fields[AW_FIELD_TYPE].max);
            for (size_t i = 0; i < type->subtype_count; i++) {
                CHECK(aw_type_has_subtype(type, type->subtypes[i].s, type->subtypes[i].n));
                CHECK(type->subtypes[i].n > 0 && type->subtypes[i].n <= aw_fields[AW_FIELD_SUBTYPE].max);
            }
            CHECK((type->subtype_count > 0) ==
                  (type->use == AW_SUBTYPE_OPTIONAL || type->use == AW_SUBTYPE_REQUIRED));
        }
    }
    CHECK(aw_owner_find("User", 4) == -1);
    CHECK(aw_type_find(AW_OWNER_USER, "url", 3) == -1);
    for (int i = 0; i < AW_RULE_COUNT; i++)
        CHECK(aw_rules[i].warning == (i >= AW_RULE_FIRST_WARNING));
    CHECK(aw_error_code_count == 22);
}

static void countries(void)
{
    size_t codes = 0;
    char code[2];
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            code[0] = (char)a, code[1] = (char)b;
            codes += aw_country_is_code(guarded(code, 2), 2);
        }
    CHECK(codes == aw_country_count && codes == 249);
    for (size_t i = 0; i < aw_country_count; i++)
        CHECK(aw_country_is_code(aw_countries[i].code, 2) &&
              (i == 0 || strcmp(aw_countries[i - 1].code, aw_countries[i].code) < 0));
    CHECK(!aw_country_is_code("D", 1));
    CHECK(!aw_country_is_code("DEU", 3));
    CHECK(!aw_country_is_code("", 0));
    static const char *const guesses[][2] = {{"Germany", "DE"},     {"Deutschland", "DE"},
                                             {"DEU", "DE"},         {"de", "DE"},
                                             {"276", "DE"},         {" d ", "DE"},
                                             {"Germny", "DE"},      {"\xC3\x96sterreich", "AT"},
                                             {"Oesterreich", "AT"}, {"USA", "US"},
                                             {"U.S.A.", "US"},      {"UK", "GB"},
                                             {"England", "GB"},     {"Schweiz", "CH"},
                                             {"Holland", "NL"},     {"TURKEY", "TR"},
                                             {"Ivory Coast", "CI"}, {"C\xC3\xB4te d'Ivoire", "CI"}};
    for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
        const struct aw_country *country = aw_country_guess(guesses[i][0], strlen(guesses[i][0]));
        CHECK_STR(country ? country->code : NULL, guesses[i][1]);
    }
    static const char *const none[] = {"",     "  ",   "XX",      "ZZZ", "Atlantis", "Virgin Islands",
                                       "\xFF", "Irxn", "Slovekia"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        CHECK(aw_country_guess(none[i], strlen(none[i])) == NULL);
}

static void rules(void)
{
    struct aw_form form = {0};
    CHECK_STR(broken(&form, AW_OWNER_USER), "value:no-value");
    CHECK_STR(broken(&form, AW_OWNER_COMPANY), "value:no-value type:required");

    FIELD(form, TYPE) = text("phone");
    FIELD(form, SUBTYPE) = text("work");
    FIELD(form, VALUE) = text("+49 30 1234567");
    CHECK_STR(broken(&form, AW_OWNER_USER), "");
    CHECK_STR(broken(&form, AW_OWNER_COMPANY), "subType:possible-values");
    FIELD(form, LABEL) = text("x");
    FIELD(form, CITY) = text("Berlin");
    FIELD(form, IS_ADDRESS) = boolean(true);
    CHECK_STR(broken(&form, AW_OWNER_USER), "addressLine1:required zipCode:required country:required "
                                            "isAddress:inconsistent");
    FIELD(form, IS_ADDRESS) = boolean(false);
    CHECK_STR(broken(&form, AW_OWNER_USER), "city:not-an-address");

    form = (struct aw_form){0};
    FIELD(form, TYPE) = text("address");
    FIELD(form, ADDRESS_LINE_1) = text("Torstrasse 140");
    FIELD(form, ZIP_CODE) = (struct aw_value){.kind = AW_INTEGER, .as.integer = 10119};
    FIELD(form, CITY) = text(" \xC2\xA0");
    FIELD(form, COUNTRY) = text("de");
    CHECK_STR(broken(&form, AW_OWNER_USER), "zipCode:type city:required country:country");
    FIELD(form, ZIP_CODE) = text("10119");
    FIELD(form, CITY) = text("Berlin");
    FIELD(form, COUNTRY) = text("DE");
    CHECK_STR(broken(&form, AW_OWNER_USER), "");
    FIELD(form, IS_ADDRESS) = boolean(false);
    CHECK_STR(broken(&form, AW_OWNER_USER), "isAddress:inconsistent");
}

/* Which findings about `form` still refuse it when `before` is what is there, as "property:rule". */
static const char *refusing(const struct aw_form *form, const struct aw_form *before, bool strict)
{
    static char result[2048];
    struct aw_line line = {result, sizeof result - 1, 0, false};
    struct aw_report report;
    size_t violations = 0, unchanged = 0;
    aw_validate_change(form, before, AW_OWNER_USER, &report);
    for (size_t i = 0; i < report.count; i++) {
        const struct aw_finding *finding = &report.findings[i];
        violations += aw_finding_refuses(finding, false);
        unchanged += finding->unchanged;
        if (!aw_finding_refuses(finding, strict))
            continue;
        aw_line_text(&line, line.n ? " " : "");
        aw_line_text(&line, aw_fields[finding->field].name.s);
        aw_line_text(&line, ":");
        aw_line_text(&line, aw_rules[finding->rule].name.s);
    }
    CHECK(report.violations == violations && report.unchanged == unchanged);
    CHECK(report.warnings == report.count - violations && unchanged <= report.warnings);
    CHECK(aw_report_passes(&report, strict) == (line.n == 0));
    result[line.n] = 0;
    return result;
}

/* A change is judged by what it changes, and by what that makes contradictory. */
static void changes(void)
{
    struct aw_form before = {0}, form;
    FIELD(before, TYPE) = text("phone");
    FIELD(before, SUBTYPE) = text("Work");
    FIELD(before, VALUE) = text(" 030 1");
    FIELD(before, LABEL) = text("Desk");
    form = before;
    CHECK_STR(refusing(&form, &before, false), "");
    CHECK_STR(refusing(&form, &before, true), "");
    FIELD(form, LABEL) = text(" Desk");
    CHECK_STR(refusing(&form, &before, false), "");
    CHECK_STR(refusing(&form, &before, true), "label:white-space");
    FIELD(form, SUBTYPE) = text("work");
    CHECK_STR(refusing(&form, &before, false), "");
    FIELD(form, SUBTYPE) = text("WORK");
    CHECK_STR(refusing(&form, &before, false), "subType:possible-values");

    /* Another type speaks of the subtype, too. */
    form = before;
    FIELD(form, TYPE) = text("email");
    CHECK_STR(refusing(&form, &before, false), "subType:possible-values");
    form.present &= ~(1u << AW_FIELD_TYPE);
    CHECK_STR(refusing(&form, &before, false), "subType:inconsistent");

    /* A value that is stored as a number goes as its digits; one that is no scalar can't go. */
    FIELD(before, VALUE) = (struct aw_value){.kind = AW_INTEGER, .as.integer = 4930123};
    form = before;
    FIELD(form, SUBTYPE) = text("home");
    CHECK_STR(refusing(&form, &before, false), "");
    FIELD(form, VALUE) = (struct aw_value){.kind = AW_INTEGER, .as.integer = 4930124};
    CHECK_STR(refusing(&form, &before, false), "value:type");
    FIELD(before, VALUE) = FIELD(form, VALUE) = (struct aw_value){.kind = AW_OTHER, .as.type = "table"};
    CHECK_STR(refusing(&form, &before, false), "value:type");

    /* An address without its country stays as it is; without its flag too. */
    before = (struct aw_form){0};
    FIELD(before, TYPE) = text("address");
    FIELD(before, ADDRESS_LINE_1) = text("Torstrasse 140");
    FIELD(before, CITY) = text("Berlin");
    FIELD(before, IS_ADDRESS) = boolean(false);
    form = before;
    FIELD(form, ZIP_CODE) = text("10119");
    CHECK_STR(refusing(&form, &before, false), "");
    form.present &= ~(1u << AW_FIELD_CITY);
    CHECK_STR(refusing(&form, &before, false), "city:required");
    form = before;
    FIELD(form, IS_ADDRESS) = boolean(true);
    CHECK_STR(refusing(&form, &before, false), "zipCode:required country:required");
}

static void lengths(void)
{
    static const char *const letters[] = {"a", "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    static char bytes[4 * 1001];
    for (int i = 0; i < AW_FIELD_COUNT; i++) {
        if (aw_fields[i].kind != AW_FIELD_STRING)
            continue;
        for (size_t l = 0; l < 4; l++)
            for (size_t n = aw_fields[i].max - 1; n <= aw_fields[i].max + 1; n++) {
                size_t width = strlen(letters[l]);
                for (size_t k = 0; k < n; k++)
                    memcpy(bytes + k * width, letters[l], width);
                struct aw_form form = {0};
                struct aw_report report;
                *aw_form_put(&form, (enum aw_field_id)i) = text_of(guarded(bytes, n * width), n * width);
                aw_validate(&form, AW_OWNER_USER, &report);
                size_t length = 0, units = 0;
                for (size_t f = 0; f < report.count; f++) {
                    const struct aw_finding *finding = &report.findings[f];
                    bool counts = (int)finding->field == i && finding->limit == aw_fields[i].max;
                    length += counts && finding->rule == AW_RULE_LENGTH && finding->got == n;
                    units += counts && finding->rule == AW_RULE_UTF16_LENGTH && finding->got == 2 * n;
                }
                CHECK(length == (n > aw_fields[i].max));
                CHECK(units == (l == 3 && n <= aw_fields[i].max));
            }
    }
}

static uint64_t seed = 42;

static unsigned roll(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static struct aw_value any_value(void)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "phone",
                                        "Phone",
                                        "email",
                                        "address",
                                        "url",
                                        "urls",
                                        "custom",
                                        "work",
                                        "work Fax",
                                        "workfax",
                                        "skype",
                                        "central",
                                        "primary",
                                        "DE",
                                        "de",
                                        "Germany",
                                        "a@b.de",
                                        "<a@b.de>",
                                        "mailto:a@b.de",
                                        "tel:+4930123",
                                        "tel:+49\n30123",
                                        "example.com",
                                        "https://example.com",
                                        " x\n",
                                        "\xFF",
                                        "a\xC3",
                                        "\xED\xA0\x80",
                                        "\xF0\x9F\x98\x80",
                                        "true",
                                        "a string that is longer than twenty-five characters"};
    switch (roll(8)) {
    case 0:
        return (struct aw_value){.kind = AW_ABSENT};
    case 1:
        return boolean(roll(2));
    case 2:
        return (struct aw_value){.kind = AW_INTEGER, .as.integer = (long long)roll(1000) - 1};
    case 3:
        return (struct aw_value){.kind = AW_NUMBER, .as.number = roll(2) ? 0.0 / 0.0 : roll(100) / 8.0};
    case 4:
        return (struct aw_value){.kind = AW_OTHER, .as.type = "table"};
    default:
        return text(texts[roll(sizeof texts / sizeof texts[0])]);
    }
}

static bool is_clean(const struct aw_line *line)
{
    struct aw_text scan;
    aw_text_scan(line->s, line->n, &scan);
    return scan.valid && !scan.control;
}

/* Whatever comes: the report holds it all, in the order of the fields, and its sentences are clean, however
 * short. */
static void anything(void)
{
    long wrong = 0, helped = 0;
    size_t most = 0;
    for (int round = 0; round < 200000; round++) {
        struct aw_form form = {0};
        struct aw_report report;
        for (int i = 0; i < AW_FIELD_COUNT; i++)
            if (roll(2))
                *aw_form_put(&form, (enum aw_field_id)i) = any_value();
        aw_validate(&form, roll(2) ? AW_OWNER_USER : AW_OWNER_COMPANY, &report);
        most = report.count > most ? report.count : most;
        wrong += report.count > AW_FINDINGS_MAX;
        for (size_t i = 0; i < report.count; i++) {
            const struct aw_finding *finding = &report.findings[i];
            char texts[3][512];
            struct aw_line message = {texts[0], roll(4) ? 512 : roll(40), 0, false};
            struct aw_line hint = {texts[1], roll(4) ? 512 : roll(40), 0, false};
            struct aw_line suggestion = {texts[2], 512, 0, false};
            wrong += i > 0 && finding->field < finding[-1].field;
            aw_finding_message(&form, &report, finding, &message);
            aw_finding_hint(&form, &report, finding, &hint, &suggestion);
            wrong += message.n == 0 && message.size > 0;
            wrong += !is_clean(&message) || !is_clean(&hint);
            wrong += message.full && message.size == 512;
            bool of_values = finding->rule == AW_RULE_POSSIBLE_VALUES || finding->rule == AW_RULE_COUNTRY;
            if (!of_values || suggestion.n == 0)
                continue;
            /* A suggestion is right: it never breaks the same rule again. */
            struct aw_form better = form;
            struct aw_report again;
            *aw_form_put(&better, finding->field) = text_of(texts[2], suggestion.n);
            aw_validate(&better, report.owner, &again);
            for (size_t k = 0; k < again.count; k++)
                wrong += again.findings[k].field == finding->field && again.findings[k].rule == finding->rule;
            helped++;
        }
    }
    CHECK(wrong == 0);
    CHECK(helped > 1000);
    CHECK(most >= 11);
}

/* The form with the most to say about each field fits the report. */
static void fullest(void)
{
    static char bytes[1001];
    struct aw_form form = {0};
    struct aw_report report;
    memset(bytes, '\n', sizeof bytes);
    bytes[500] = 'x';
    for (int i = 0; i < AW_FIELD_COUNT; i++)
        *aw_form_put(&form, (enum aw_field_id)i) = text_of(bytes, sizeof bytes);
    FIELD(form, TYPE) = text("phone");
    FIELD(form, IS_ADDRESS) = boolean(false);
    aw_validate(&form, AW_OWNER_USER, &report);
    CHECK(report.count > 20 && report.count <= AW_FINDINGS_MAX);
}

int main(void)
{
    tables();
    countries();
    rules();
    changes();
    lengths();
    anything();
    fullest();
    return check_report();
}
