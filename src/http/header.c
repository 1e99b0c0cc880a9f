#include "header.h"

#include "../contact/text.h"

#include <string.h>

#define TEXT(id, text)   text,
#define ROW(name, owner) {name, owner},

const char *aw_header_message(enum aw_header_error error)
{
    static const char *const texts[] = {"", AW_HEADER_ERRORS(TEXT)};
    return texts[error];
}

bool aw_header_is(const char *name, size_t n, const char *lower)
{
    for (size_t i = 0; i < n; i++) {
        char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + ('a' - 'A')) : name[i];
        if (lower[i] == '\0' || c != lower[i])
            return false;
    }
    return lower[n] == '\0';
}

static bool is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            continue;
        if (c == '\0' || !strchr("!#$%&'*+.^_`|~", c))
            return false;
    }
    return n > 0;
}

enum aw_header_error aw_header_check(const char *name, size_t name_len, const char *value, size_t value_len,
                                     enum aw_header_owner by)
{
    static const struct {
        const char *name;
        enum aw_header_owner owner;
    } rows[] = {AW_HEADERS(ROW)};
    if (!is_name(name, name_len))
        return AW_HEADER_NAME;
    if (!aw_is_header_safe(value, value_len))
        return AW_HEADER_VALUE;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (by > rows[i].owner && aw_header_is(name, name_len, rows[i].name))
            return AW_HEADER_RESERVED;
    return AW_HEADER_GOOD;
}
