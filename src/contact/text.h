/* Text: UTF-8 and what a string is made of, GUIDs, header values, and how alike two words are. */
#ifndef AW_TEXT_H
#define AW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* What one pass over a string finds out. */
struct aw_text {
    size_t points; /* Unicode code points */
    size_t units;  /* UTF-16 code units */
    size_t bad;    /* where the first malformed sequence begins; the length if there is none */
    bool valid; /* well-formed UTF-8: nothing overlong, no surrogates, nothing above U+10FFFF, nothing cut off
                 */
    bool control; /* has what aw_is_unseen says: a control character, or one that shows nothing */
    bool edge;    /* begins or ends with white space (Unicode White_Space, U+200B, U+FEFF) */
};

/* If the string is not valid, only `valid` and `bad` count. */
void aw_text_scan(const char *s, size_t n, struct aw_text *text);

/*
 * True if there is nothing to find out: ASCII that can be printed, without a space at the ends. Then the string has as
 * many code points and UTF-16 units as bytes.
 */
bool aw_is_plain(const char *s, size_t n);

/* How many bytes from the beginning stand for themselves in a JSON string: no quote, backslash or control character. */
size_t aw_json_run(const char *s, size_t n);

/* The length of the well-formed sequence at the beginning, its code point in *cp; 0 if there is none. */
size_t aw_utf8_next(const char *s, size_t n, uint32_t *cp);

/* The same for a string that is not empty; a bad byte is U+FFFD, so that a loop always goes on. */
static inline size_t aw_utf8_step(const char *s, size_t n, uint32_t *cp)
{
    if ((unsigned char)s[0] < 0x80) {
        *cp = (unsigned char)s[0];
        return 1;
    }
    size_t length = aw_utf8_next(s, n, cp);
    if (length > 0)
        return length;
    *cp = 0xFFFD;
    return 1;
}

/* True if the code point is white space, or a space that nobody sees. */
bool aw_is_space(uint32_t cp);

/* True if the code point is a control character or overrides the direction of text. */
bool aw_is_control(uint32_t cp);

/*
 * True if a terminal would obey the code point, or show nothing for it: control characters, separators of lines and
 * paragraphs, marks and overrides of direction, what has no width. The joiners (U+200C, U+200D) are not of these: Persian
 * and pictures of families need them.
 */
bool aw_is_unseen(uint32_t cp);

/* True if the string is empty or all white space. */
bool aw_is_blank(const char *s, size_t n);

/* Narrows the string to what is between the white space at its ends. */
void aw_trim(const char **s, size_t *n);

/* The length in bytes of the first `points` code points, or of all. A bad byte counts as one. */
size_t aw_cut(const char *s, size_t n, size_t points);

/* True for 8-4-4-4-12 hexadecimal digits. */
bool aw_is_guid(const char *s, size_t n);

/* The sixteen bytes that a GUID's digits say, in their order; false for what is none. */
bool aw_guid_bytes(const char *s, size_t n, unsigned char bytes[16]);

/* True if the string can be a header's value: no control character but the tab, so neither CR, LF nor NUL. */
bool aw_is_header_safe(const char *s, size_t n);

/* True for a letter, a digit and "-._~": what stands for itself anywhere in a URL (RFC 3986, 2.3). */
bool aw_is_unreserved(unsigned char c);

/*
 * What a value should look like.
 * An email address: something before one @, behind it a host name with a dot or an address in brackets, and nothing
 * that aw_email_oddity finds. A phone number: three digits or more, punctuation, no letters; no more digits than a
 * number has (E.164), neither two numbers nor what aw_phone_is_reckoned finds. A URL: scheme://host, whatever comes
 * behind (RFC 3986), no white space, and no scheme that runs code.
 */
bool aw_is_email(const char *s, size_t n);
bool aw_is_phone(const char *s, size_t n);
bool aw_is_url(const char *s, size_t n);

/* True for what a spreadsheet has made of a phone number: a float ("491707654321.0"), a date ("01.02.2024"). */
bool aw_phone_is_reckoned(const char *s, size_t n);

/*
 * The first character that no email address has: white space, what shows nothing, quotation marks, brackets, separators,
 * and in the host all punctuation but hyphen and dot. 0 if there is none. A local part in quotes (RFC 5322) may have
 * more.
 */
uint32_t aw_email_oddity(const char *s, size_t n);

/* True if the digits are too many for one number, or are two numbers with something between them. */
bool aw_phone_is_several(const char *s, size_t n);

/* True if opening the URL would run code: `javascript:` and the like, whatever comes behind. */
bool aw_url_runs_code(const char *s, size_t n);

/* Longest result of aw_fold. */
#define AW_FOLD_MAX 96

/*
 * Reduces a word to what matters to a lenient reader: letters and digits, in lower case, without the accents
 * of Latin-1 (ß is ss). Returns the length; 0 if nothing is left, it doesn't fit or is not UTF-8.
 */
size_t aw_fold(const char *s, size_t n, char *to, size_t size);

/*
 * How many letters must be put in, left out, replaced or swapped with their neighbour to get from a to b;
 * some number greater than `limit` if it is more than that.
 */
size_t aw_distance(const char *a, size_t na, const char *b, size_t nb, size_t limit);

/* A line being written into a buffer of fixed size: what doesn't fit is dropped, at a character's border. */
struct aw_line {
    char *s;
    size_t size;
    size_t n;
    bool full;
};

void aw_line_bytes(struct aw_line *line, const char *s, size_t n);
void aw_line_text(struct aw_line *line, const char *s);
void aw_line_number(struct aw_line *line, size_t number);

/* Room for what aw_escape writes. */
#define AW_ESCAPE_MAX 16

/*
 * The rule for what others wrote and people get to see: the length of the first character of a string that is not
 * empty, and how to write it if it is not to be seen as it is, else "": "\n", "\x1B", "\u{202E}"; a byte that is no
 * UTF-8 as "\x9B".
 */
size_t aw_escape(const char *s, size_t n, char escape[AW_ESCAPE_MAX]);

/* The first `points` code points, "…" if there are more; what can't be printed is escaped. */
void aw_line_escaped(struct aw_line *line, const char *s, size_t n, size_t points);

/* The same in quotes. */
void aw_line_quoted(struct aw_line *line, const char *s, size_t n);

#pragma GCC visibility pop

#endif
