/*
 * The validator without Lua: a form from bytes. Per field: how it is there, and for text a length and the bytes.
 * What comes back must hold together, and every sentence about it must fit and be UTF-8.
 */
#include "../src/contact/validate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* A suggestion is the caller's text put right, control characters that it had are in it. */
static void check_line(const struct aw_line *line, bool suggestion)
{
    struct aw_text text;
    must(line->n <= line->size);
    aw_text_scan(line->s, line->n, &text);
    must(text.valid && (suggestion || !text.control));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const whole[] = {"phone",  "email", "address",  "urls",   "url",     "custom",
                                        "social", "work",  "other",    "mobile", "primary", "central",
                                        "DE",     "AT",    "linkedIn", "gitHub"};
    struct aw_form form = {0};
    struct aw_report report, again;
    char *copies[AW_FIELD_COUNT] = {0};
    if (size == 0)
        return 0;
    enum aw_owner_id owner = data[0] % 2 ? AW_OWNER_COMPANY : AW_OWNER_USER;
    size_t at = 1;
    for (int f = 0; f < AW_FIELD_COUNT && at < size; f++) {
        struct aw_value *v = aw_form_put(&form, (enum aw_field_id)f);
        unsigned how = data[at++];
        size_t n = at < size ? data[at] : 0;
        switch (how % 8) {
        case 0:
            break;
        case 1:
            v->kind = AW_BOOLEAN;
            v->as.boolean = n % 2;
            break;
        case 2:
            v->kind = AW_INTEGER;
            v->as.integer = (long long)n << (how / 8);
            break;
        case 3:
            v->kind = how & 8 ? AW_NUMBER : AW_OTHER;
            if (how & 8)
                v->as.number = (double)n / 3;
            else
                v->as.type = "function";
            break;
        case 4:
            v->kind = AW_STRING;
            v->as.string.s = whole[n % 16];
            v->as.string.n = strlen(whole[n % 16]);
            at += at < size;
            break;
        default: { /* a copy of just that size: reading past its end is seen */
            at += at < size;
            size_t times = how & 64 ? 40 : 1;
            n = n < size - at ? n : size - at;
            copies[f] = malloc(n * times + (n == 0));
            must(copies[f]);
            for (size_t i = 0; i < times; i++)
                memcpy(copies[f] + i * n, data + at, n);
            v->kind = AW_STRING;
            v->as.string.s = copies[f];
            v->as.string.n = n * times;
            at += n;
        }
        }
    }
    aw_validate(&form, owner, &report);
    must(report.count == report.violations + report.warnings && report.count <= AW_FINDINGS_MAX);
    must(report.owner == owner);
    int last = 0;
    for (size_t i = 0; i < report.count; i++) {
        const struct aw_finding *finding = &report.findings[i];
        char message[512], hint[512], better[512];
        struct aw_line m = {message, sizeof message, 0, false}, h = {hint, sizeof hint, 0, false},
                       b = {better, sizeof better, 0, false};
        must((int)finding->field >= last);
        last = (int)finding->field;
        aw_finding_message(&form, &report, finding, &m);
        aw_finding_hint(&form, &report, finding, &h, &b);
        must(m.n > 0);
        check_line(&m, false);
        check_line(&h, false);
        check_line(&b, true);
    }
    aw_validate(&form, owner, &again);
    must(report.count == again.count && report.violations == again.violations && report.type == again.type);
    if (size > 1) {
        char message[512], better[512];
        struct aw_line m = {message, sizeof message, 0, false}, b = {better, sizeof better, 0, false};
        aw_unknown_message((const char *)data + 1, size - 1, &m);
        check_line(&m, false);
        m.n = 0;
        aw_unknown_hint((const char *)data + 1, size - 1, &m, &b);
        check_line(&m, false);
        check_line(&b, true);
    }
    for (int f = 0; f < AW_FIELD_COUNT; f++)
        free(copies[f]);
    return 0;
}
