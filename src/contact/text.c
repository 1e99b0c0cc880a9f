#include "text.h"
#include "word.h"

#include <stdio.h>
#include <string.h>

size_t aw_utf8_next(const char *s, size_t n, uint32_t *cp)
{
    if (n == 0)
        return 0;
    unsigned char lead = (unsigned char)s[0];
    if (lead < 0x80) {
        *cp = lead;
        return 1;
    }
    size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                    : (lead & 0xF0) == 0xE0        ? 3
                    : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                   : 0;
    if (length == 0 || length > n)
        return 0;
    uint32_t c = lead & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)s[i];
        if ((next & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (next & 0x3F);
    }
    if (length == 3 && (c < 0x800 || (c >= 0xD800 && c <= 0xDFFF)))
        return 0;
    if (length == 4 && (c < 0x10000 || c > 0x10FFFF))
        return 0;
    *cp = c;
    return length;
}

bool aw_is_space(uint32_t cp)
{
    if (cp < 0x80)
        return cp == ' ' || (cp >= 0x09 && cp <= 0x0D);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200B) || cp == 0x2028 ||
           cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000 || cp == 0xFEFF;
}

bool aw_is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) || (cp >= 0x202A && cp <= 0x202E) ||
           (cp >= 0x2066 && cp <= 0x2069);
}

bool aw_is_unseen(uint32_t cp)
{
    if (cp < 0x2000) /* before all that is rare: a soft hyphen, the Arabic letter mark, a vowel separator */
        return aw_is_control(cp) || cp == 0xAD || cp == 0x061C || cp == 0x180E;
    return cp == 0x200B || cp == 0x200E || cp == 0x200F || (cp >= 0x2028 && cp <= 0x202E) ||
           (cp >= 0x2060 && cp <= 0x206F) || cp == 0xFEFF || (cp >= 0xFFF9 && cp <= 0xFFFB) ||
           (cp >= 0xE0000 && cp <= 0xE007F);
}

/* The same as aw_is_space; decides about ordinary text at once. */
static inline bool is_space(uint32_t cp)
{
    return (cp <= ' ' || cp >= 0x80) && aw_is_space(cp);
}

bool aw_is_plain(const char *s, size_t n)
{
    if (n == 0)
        return true;
    uint64_t w = aw_word(s, n), odd = w | aw_word_controls(w);
    for (size_t i = 8; i < n; i += 8) {
        w = aw_word_load8(s + (i + 8 <= n ? i : n - 8));
        odd |= w | aw_word_controls(w);
    }
    return (odd & AW_TOPS) == 0 && s[0] != ' ' && s[n - 1] != ' ';
}

void aw_text_scan(const char *s, size_t n, struct aw_text *text)
{
    size_t i = 0, following = 0, pairs = 0; /* bytes behind a lead byte; code points of two UTF-16 units */
    uint32_t first = 'x', last = 'x';
    bool control = false;

    text->valid = true;
    if (n > 0)
        aw_utf8_step(s, n, &first);
    while (i < n) {
        uint64_t w = aw_word(s + i, n - i), high = w & AW_TOPS, odd = aw_word_controls(w);
        if ((high | odd) == 0) {
            i += 8;
            continue;
        }
        uint64_t ascii = (high - 1) & ~high; /* the bits of what comes before the first byte that is not */
        control |= (odd & ascii) != 0;
        i += aw_word_count(ascii & AW_TOPS);
        while (i < n && (unsigned char)s[i] >= 0x80) {
            size_t length = aw_utf8_next(s + i, n - i, &last);
            if (length == 0) {
                text->valid = false;
                text->bad = i;
                return;
            }
            control |= aw_is_unseen(last);
            i += length;
            following += length - 1;
            pairs += length == 4;
        }
    }
    if (n > 0 && (unsigned char)s[n - 1] < 0x80)
        last = (unsigned char)s[n - 1];
    text->points = n - following;
    text->units = text->points + pairs;
    text->bad = n;
    text->control = control;
    text->edge = is_space(first) || is_space(last);
}

size_t aw_json_run(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t w = aw_word(s + i, n - i), low = w & ~AW_TOPS;
        uint64_t odd = (aw_word_controls(low) | aw_word_is(low, '"') | aw_word_is(low, '\\')) & ~w & AW_TOPS;
        if (odd)
            return i + aw_word_first(odd);
    }
    return n;
}

/* The code point that ends at s[n - 1], as aw_utf8_next. */
static size_t utf8_previous(const char *s, size_t n, uint32_t *cp)
{
    size_t length = 1;
    while (length < 4 && length < n && ((unsigned char)s[n - length] & 0xC0) == 0x80)
        length++;
    return n > 0 && aw_utf8_next(s + n - length, length, cp) == length ? length : 0;
}

void aw_trim(const char **s, size_t *n)
{
    uint32_t cp;
    size_t length;
    while ((length = aw_utf8_next(*s, *n, &cp)) > 0 && aw_is_space(cp)) {
        *s += length;
        *n -= length;
    }
    while ((length = utf8_previous(*s, *n, &cp)) > 0 && aw_is_space(cp))
        *n -= length;
}

bool aw_is_blank(const char *s, size_t n)
{
    aw_trim(&s, &n);
    return n == 0;
}

size_t aw_cut(const char *s, size_t n, size_t points)
{
    size_t i = 0;
    uint32_t cp;
    for (; i < n && points > 0; points--) {
        i += aw_utf8_step(s + i, n - i, &cp);
    }
    return i;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The value of a hexadecimal digit, negative for what is none. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool aw_guid_bytes(const char *s, size_t n, unsigned char bytes[16])
{
    if (n != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-')
        return false;
    int all = 0;
    for (size_t i = 0; i < 16; i++) {
        s += i == 4 || i == 6 || i == 8 || i == 10;
        int byte = hex_value(s[0]) * 16 | hex_value(s[1]);
        all |= byte;
        bytes[i] = (unsigned char)byte;
        s += 2;
    }
    return all >= 0;
}

bool aw_is_guid(const char *s, size_t n)
{
    unsigned char bytes[16];
    return aw_guid_bytes(s, n, bytes);
}

bool aw_is_header_safe(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

bool aw_is_unreserved(unsigned char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* Quotation marks beyond ASCII: Latin-1, general punctuation, full width. */
static bool is_quote(uint32_t cp)
{
    return cp == 0xAB || cp == 0xBB || (cp >= 0x2018 && cp <= 0x201F) || cp == 0x2039 || cp == 0x203A ||
           cp == 0xFF02 || cp == 0xFF07;
}

/* Punctuation that no address has outside of quotes; `host`: behind the @. */
static bool is_odd_ascii(uint32_t cp, bool host)
{
    if (cp <= ' ' || cp == 0x7F)
        return true;
    if (host)
        return !(is_letter((unsigned char)cp) || is_digit((unsigned char)cp) || cp == '-' || cp == '.' ||
                 cp == '_' || cp == '@');
    return strchr("\"(),:;<>[]\\", (int)cp) != NULL;
}

uint32_t aw_email_oddity(const char *s, size_t n)
{
    const char *at = NULL;
    for (size_t i = n; i > 0 && !at; i--)
        if (s[i - 1] == '@')
            at = s + i - 1;
    bool quoted = at && at - s > 2 && s[0] == '"' && at[-1] == '"';
    if (n > 0 && s[0] == '\'') /* legal, and in truth a spreadsheet's mark, or half of a pair */
        return '\'';
    bool literal = at && s + n - at > 2 && at[1] == '[' && s[n - 1] == ']';
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        bool host = at && s + i > at;
        size_t length = aw_utf8_step(s + i, n - i, &cp);
        i += length;
        if (cp >= 0x80 ? aw_is_space(cp) || aw_is_unseen(cp) || is_quote(cp) || cp == 0x200C || cp == 0x200D
                       : is_odd_ascii(cp, host) && !(host && literal) && !(!host && quoted && cp >= ' '))
            return cp;
    }
    return 0;
}

/* Any address, one character after the other. */
static bool is_any_email(const char *s, size_t n)
{
    const char *at = memchr(s, '@', n);
    if (!at || at == s || at - s > 64 || aw_email_oddity(s, n) != 0)
        return false;
    if (s[0] == '.' || at[-1] == '.')
        return false;
    const char *host = at + 1;
    size_t length = n - (size_t)(host - s), dots = 0;
    if (length == 0 || length > 255 || memchr(host, '@', length))
        return false;
    if (host[0] == '[')
        return length > 2 && host[length - 1] == ']';
    for (size_t i = 0; i < length; i++) {
        if (host[i] != '.')
            continue;
        dots++;
        if (i == 0 || i == length - 1 || host[i - 1] == '.')
            return false;
    }
    return dots > 0;
}

bool aw_is_email(const char *s, size_t n)
{
    uint64_t at = 0, dots = 0; /* where they are: the string's bytes as bits */
    if (n == 0 || n > 64)
        return is_any_email(s, n);
    for (size_t i = 0; i < n; i += 8) {
        uint64_t w = aw_word(s + i, n - i);
        /* What is neither letter, digit, "-._" nor @: addresses seldom have it. */
        if ((w | aw_word_controls(w) | aw_word_range(w, ' ', ',') | aw_word_is(w, '/') |
             aw_word_range(w, ':', '?') | aw_word_range(w, '[', '^') | aw_word_is(w, '`') |
             aw_word_range(w, '{', '~')) &
            AW_TOPS)
            return is_any_email(s, n);
        at |= aw_word_bits(aw_word_is(w, '@')) << i;
        dots |= aw_word_bits(aw_word_is(w, '.')) << i;
    }
    uint64_t ends = UINT64_C(1) << (n - 1) | 1, host_dots = dots & ~(at - 1);
    if (at == 0 || at & ends || at & (at - 1)) /* there is one, with something before and behind it, */
        return false;
    if (dots & (ends | at >> 1 | at << 1)) /* which neither begins nor ends with a dot, */
        return false;
    return host_dots != 0 && !(host_dots & host_dots << 1); /* and behind it labels that are not empty */
}

/* Where other digits begin that people type into phone numbers: Arabic, Persian, Devanagari, full width. */
static const uint32_t digit_zero[] = {0x660, 0x6F0, 0x966, 0xFF10};

static bool is_decimal(uint32_t cp)
{
    if (cp < 0x80)
        return cp - '0' < 10;
    for (size_t i = 0; i < sizeof digit_zero / sizeof digit_zero[0]; i++)
        if (cp - digit_zero[i] < 10)
            return true;
    return false;
}

/* Punctuation, as far as it can stand in a phone number: ASCII, Latin-1, general, full width. */
static bool is_mark(uint32_t cp)
{
    if (cp < 0x80)
        return cp == '|' || !(cp >= '<' || cp == '!' || cp == '"' || cp == '$' || cp == '%' || cp == '\'');
    if (is_quote(cp))
        return false;
    return (cp < 0xC0 && cp != 0xAA && cp != 0xB5 && cp != 0xBA) || (cp >= 0x2000 && cp <= 0x206F) ||
           cp == 0x2212 || cp == 0x3000 || cp == 0xFEFF || (cp >= 0xFF01 && cp <= 0xFF0F);
}

/*
 * How many digits must stand on either side of the separator for these to be two numbers; 0 for what separates none.
 * A slash and a comma stand within numbers too, behind an area code or before an extension.
 */
static size_t separates(uint32_t cp)
{
    switch (cp) {
    case ';':
    case '|':
    case '\n':
    case '\r':
    case 0xFF1B:
        return 3;
    case ',':
    case '/':
    case 0xFF0C:
    case 0xFF0F:
        return 7;
    default:
        return 0;
    }
}

/* ITU-T E.164: a number has fifteen digits at most; the international prefix 00 and a zero in brackets are none. */
#define NUMBER_MAX 15

bool aw_phone_is_several(const char *s, size_t n)
{
    size_t digits = 0, part = 0, left = 0, need = 0, pluses = 0, spare = 0;
    uint32_t cp, before = 0, last = 0;
    for (size_t i = 0; i < n;) {
        i += aw_utf8_step(s + i, n - i, &cp);
        size_t least = separates(cp);
        if (is_decimal(cp)) {
            digits++;
            part++;
            spare += digits == 2 && cp == '0' && last == '0' ? 2 : 0;
        } else if (cp == '+' || cp == 0xFF0B) {
            pluses++;
        } else if (cp == ')' && last == '0' && before == '(') {
            spare++;
        } else if (least > 0) {
            if (need > 0 && left >= need && part >= need)
                return true;
            if (part > 0) { /* two separators in a row are one, the stricter of the two */
                left = part;
                need = least;
                part = 0;
            } else if (least < need) {
                need = least;
            }
        }
        before = last;
        last = cp;
    }
    return (need > 0 && left >= need && part >= need) || pluses > 1 || digits > NUMBER_MAX + spare;
}

/* The number that two digits at s make. */
static unsigned two_digits(const char *s)
{
    return (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
}

/* "01.02.2024", "1/2/2024", "2024-02-01": eight digits or fewer in the three groups of a date of our time. */
static bool is_date(const char *s, size_t n)
{
    char digits[3][4] = {{0}};
    size_t lengths[3] = {0}, group = 0;
    char mark = '\0';
    for (size_t i = 0; i < n; i++) {
        if (is_digit((unsigned char)s[i])) {
            if (lengths[group] == 4)
                return false;
            digits[group][lengths[group]++] = s[i];
        } else if (group < 2 && (mark ? s[i] == mark : s[i] == '.' || s[i] == '-' || s[i] == '/')) {
            mark = s[i];
            group++;
        } else {
            return false;
        }
    }
    size_t year = lengths[0] == 4 ? 0 : 2;
    if (group != 2 || lengths[year] != 4)
        return false;
    unsigned century = two_digits(digits[year]), least = 99, most = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i == year)
            continue;
        if (lengths[i] == 0 || lengths[i] > 2)
            return false;
        unsigned number = lengths[i] == 2 ? two_digits(digits[i]) : (unsigned)(digits[i][0] - '0');
        least = number < least ? number : least;
        most = number > most ? number : most;
    }
    return (century == 19 || century == 20) && least >= 1 && least <= 12 && most <= 31;
}

/* "491707654321.0", "4930123456,00": so many digits, a point or comma, and nothing but zeros. */
#define FLOAT_MIN 7

bool aw_phone_is_reckoned(const char *s, size_t n)
{
    if (n <= 10 && is_date(s, n))
        return true;
    size_t first = n > 0 && s[0] == '+', i = first;
    while (i < n && is_digit((unsigned char)s[i]))
        i++;
    if (i - first < FLOAT_MIN || i == n || (s[i] != '.' && s[i] != ','))
        return false;
    size_t mark = i++;
    while (i < n && s[i] == '0')
        i++;
    return i == n && i - mark > 1;
}

/* A phone number that is not all ASCII. */
static bool is_foreign_phone(const char *s, size_t n)
{
    size_t digits = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        i += aw_utf8_step(s + i, n - i, &cp);
        if (is_decimal(cp))
            digits++;
        else if (!is_mark(cp))
            return false;
    }
    return digits >= 3 && !aw_phone_is_several(s, n);
}

bool aw_is_phone(const char *s, size_t n)
{
    size_t digits = 0;
    uint64_t odd = 0; /* what may stand between two numbers */
    for (size_t i = 0; i < n; i += 8) {
        uint64_t w = aw_word(s + i, n - i);
        if (w & AW_TOPS)
            return is_foreign_phone(s, n);
        /* From "<" on there are letters, and marks that a spreadsheet or a program leaves: "=", quotes, brackets. */
        if ((aw_word_range(w, '<', '{') | aw_word_range(w, '}', '~') | aw_word_range(w, '!', '"') |
             aw_word_range(w, '$', '%') | aw_word_is(w, '\'')) &
            AW_TOPS)
            return false;
        digits += aw_word_count(aw_word_range(w, '0', '9'));
        odd |= aw_word_is(w, ';') | aw_word_is(w, ',') | aw_word_is(w, '/') | aw_word_is(w, '|') |
               aw_word_controls(w);
        /* A plus that is not the first byte. */
        odd |= aw_word_is(w, '+') & (i > 0 ? ~UINT64_C(0) : ~UINT64_C(0xFF));
    }
    return digits >= 3 && !((odd != 0 || digits > NUMBER_MAX) && aw_phone_is_several(s, n)) &&
           !aw_phone_is_reckoned(s, n);
}

bool aw_url_runs_code(const char *s, size_t n)
{
    static const char *const schemes[] = {"javascript", "vbscript", "livescript", "mocha",      "data",
                                          "blob",       "jar",      "filesystem", "view-source"};
    const char *colon = memchr(s, ':', n);
    for (size_t i = 0; colon && i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]), same = 0;
        while (same < length && same < n && lower(s[same]) == schemes[i][same])
            same++;
        if (same == length && s + length == colon)
            return true;
    }
    return false;
}

/*
 * True if nothing stands between "://" and the path that no URL has there: a bracket, a quotation mark, an empty label, a
 * colon without a port, as in "http://http://example.com".
 */
static bool is_host(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((s[i] && strchr("\"<>\\^`{|}", s[i])) || (s[i] == '.' && i + 1 < n && s[i + 1] == '.'))
            return false;
    return s[n - 1] != ':';
}

bool aw_is_url(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && (aw_is_unreserved((unsigned char)s[i]) || s[i] == '+') && s[i] != '_' && s[i] != '~')
        i++;
    if (i == 0 || !((s[0] | 0x20) >= 'a' && (s[0] | 0x20) <= 'z') || n - i < 4 ||
        memcmp(s + i, "://", 3) != 0)
        return false;
    if (aw_url_runs_code(s, n))
        return false;
    size_t from = i + 3, host = from, end = from;
    while (end < n && s[end] != '/' && s[end] != '?' && s[end] != '#') {
        if (s[end] == '@')
            host = end + 1;
        end++;
    }
    if (host == end || s[host] == ':' || s[host] == '.' || !is_host(s + from, end - from))
        return false;
    for (i = 0; i < n;) {
        uint32_t cp;
        i += aw_utf8_step(s + i, n - i, &cp);
        if (!(cp > ' ' && cp < 0x7F) && (aw_is_space(cp) || aw_is_unseen(cp)))
            return false;
    }
    return true;
}

/* U+00C0 to U+00FF without accents; a space is left out. */
static const char latin1[] = "aaaaaaaceeeeiiiidnooooo ouuuuypsaaaaaaaceeeeiiiidnooooo ouuuuypy";

size_t aw_fold(const char *s, size_t n, char *to, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t step = aw_utf8_next(s + i, n - i, &cp);
        char word[4];
        size_t count = 1;
        if (step == 0)
            return 0;
        if (cp < 0x80) {
            unsigned char c = (unsigned char)cp;
            word[0] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
            count = is_letter(c) || is_digit(c);
        } else if (cp == 0xDF || cp == 0x1E9E) {
            word[0] = word[1] = 's';
            count = 2;
        } else if (cp >= 0xC0 && cp <= 0xFF) {
            word[0] = latin1[cp - 0xC0];
            count = word[0] != ' ';
        } else if (aw_is_space(cp) || aw_is_control(cp) || cp < 0xC0 || (cp >= 0x2010 && cp <= 0x201F)) {
            count = 0; /* spaces, dashes, quotation marks */
        } else {
            memcpy(word, s + i, step);
            count = step;
        }
        if (count > size - length)
            return 0;
        memcpy(to + length, word, count);
        length += count;
        i += step;
    }
    return length;
}

size_t aw_distance(const char *a, size_t na, const char *b, size_t nb, size_t limit)
{
    size_t rows[3][AW_FOLD_MAX + 1];
    if (na > AW_FOLD_MAX || nb > AW_FOLD_MAX || (na > nb ? na - nb : nb - na) > limit)
        return limit + 1;
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        size_t least = row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
            if (best < least)
                least = best;
        }
        if (least > limit)
            return limit + 1;
    }
    return rows[na % 3][nb];
}

void aw_line_bytes(struct aw_line *line, const char *s, size_t n)
{
    size_t room = line->size - line->n;
    if (line->full)
        return;
    if (n > room) {
        line->full = true;
        n = room;
        while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80)
            n--;
    }
    memcpy(line->s + line->n, s, n);
    line->n += n;
}

void aw_line_text(struct aw_line *line, const char *s)
{
    aw_line_bytes(line, s, strlen(s));
}

void aw_line_number(struct aw_line *line, size_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", number);
    aw_line_text(line, digits);
}

size_t aw_escape(const char *s, size_t n, char escape[AW_ESCAPE_MAX])
{
    uint32_t cp;
    size_t step = aw_utf8_next(s, n, &cp);
    escape[0] = '\0';
    if (step == 0 || (cp < 0x80 && aw_is_unseen(cp))) {
        char letter = s[0] == '\n' ? 'n' : s[0] == '\r' ? 'r' : s[0] == '\t' ? 't' : '\0';
        if (letter)
            snprintf(escape, AW_ESCAPE_MAX, "\\%c", letter);
        else
            snprintf(escape, AW_ESCAPE_MAX, "\\x%02X", (unsigned)(unsigned char)s[0]);
        return 1;
    }
    if (aw_is_unseen(cp))
        snprintf(escape, AW_ESCAPE_MAX, "\\u{%X}", (unsigned)cp);
    return step;
}

void aw_line_escaped(struct aw_line *line, const char *s, size_t n, size_t points)
{
    size_t end = aw_cut(s, n, points);
    for (size_t i = 0; i < end;) {
        char escape[AW_ESCAPE_MAX];
        size_t step = aw_escape(s + i, n - i, escape);
        if (escape[0])
            aw_line_text(line, escape);
        else
            aw_line_bytes(line, s + i, step);
        i += step;
    }
    if (end < n)
        aw_line_text(line, "…");
}

void aw_line_quoted(struct aw_line *line, const char *s, size_t n)
{
    aw_line_text(line, "\"");
    aw_line_escaped(line, s, n, 40);
    aw_line_text(line, "\"");
}
