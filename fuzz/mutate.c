/*
 * Changes to a JSON document that leave it one: so that what lies behind the reader is reached. Values are replaced,
 * copied, left out, doubled; strings are changed within. The document begins at the first bracket (before it, the
 * response target has a head), and may be several, one a line. Half of the changes are libFuzzer's own, to bytes.
 */
#include "mutate.h"

#include <stdbool.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { SPANS = 512, DEPTH = 64, TEXT = 4096 };

struct span {
    size_t member, from, to; /* a value, and where its member begins: at its key, or at the value itself */
};

static const char *const values[] = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2",
    "1.5",
    "1e300",
    "9007199254740993",
    "-0",
    "[]",
    "{}",
    "[{}]",
    "\"\"",
    "\"work\"",
    "\"private\"",
    "\"phone\"",
    "\"email\"",
    "\"address\"",
    "\"custom\"",
    "\"url\"",
    "\"DE\"",
    "\"user\"",
    "\"company\"",
    "\"create\"",
    "\"update\"",
    "\"delete\"",
    "\"undo\"",
    "\"replaced\"",
    "\"missing\"",
    "\"done\"",
    "\"not-done\"",
    "\"unknown\"",
    "\"a@example.org\"",
    "\"tel:+49-30-1\"",
    "\"+49 30 1\"",
    "\"123e4567-e89b-12d3-a456-426614174000\"",
    "\"123e4567-e89b-12d3-a456-426614174001\"",
    "\"2024-01-15T09:30:00Z\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\n\"",
    "\"\xEF\xBB\xBF\"",
    "\"'\"",
    "\" \"",
};

/* xorshift: what libFuzzer gives as seed decides all */
static unsigned below(unsigned *seed, size_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return (unsigned)(*seed % n);
}

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Where the scalar at `at` ends. */
static size_t scalar_end(const uint8_t *s, size_t size, size_t at)
{
    if (s[at] == '"') {
        for (at++; at < size && s[at] != '"'; at++)
            at += s[at] == '\\';
        return at < size ? at + 1 : size;
    }
    while (at < size && !blank(s[at]) && !strchr(",:]}[{\"", s[at]))
        at++;
    return at;
}

/* All values of the text, however broken it is; keys are not among them. */
static size_t find_spans(const uint8_t *s, size_t size, struct span *spans)
{
    size_t n = 0, open[DEPTH], depth = 0, at = 0;
    size_t member = SIZE_MAX; /* where the key before the value began */
    while (at < size && s[at] != '[' && s[at] != '{')
        at++;
    while (at < size && n < SPANS) {
        uint8_t c = s[at];
        if (blank(c) || c == ',' || c == ':' || c == 0) {
            if (c == ',')
                member = SIZE_MAX;
            at++;
        } else if (c == ']' || c == '}') {
            at++;
            member = SIZE_MAX;
            if (depth > 0)
                spans[open[--depth]].to = at;
        } else if (c == '[' || c == '{') {
            spans[n] = (struct span){member == SIZE_MAX ? at : member, at, size};
            member = SIZE_MAX;
            if (depth < DEPTH)
                open[depth++] = n;
            n++;
            at++;
        } else {
            size_t end = scalar_end(s, size, at), next = end;
            while (next < size && blank(s[next]))
                next++;
            if (next < size && s[next] == ':' && member == SIZE_MAX) {
                member = at;
            } else {
                spans[n++] = (struct span){member == SIZE_MAX ? at : member, at, end};
                member = SIZE_MAX;
            }
            at = end;
        }
    }
    return n;
}

/* Puts n bytes in the place of those from `from` to `to`; returns the new size, or the old one if it is too long. */
static size_t splice(uint8_t *s, size_t size, size_t max, size_t from, size_t to, const void *with, size_t n)
{
    if (size - (to - from) + n > max)
        return size;
    memmove(s + from + n, s + to, size - to);
    memcpy(s + from, with, n);
    return size - (to - from) + n;
}

/* A string's text changed by libFuzzer, what would end it or is no JSON taken out. */
static size_t change_string(uint8_t *s, size_t size, size_t max, const struct span *v)
{
    uint8_t text[TEXT];
    size_t n = v->to - v->from - 2, kept = 0;
    if (n > TEXT / 2)
        return size;
    memcpy(text, s + v->from + 1, n);
    n = LLVMFuzzerMutate(text, n, TEXT);
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0x20 || text[i] == '"')
            continue;
        if (text[i] == '\\' && (i + 1 == n || !strchr("\\\"/bfnrtu", text[i + 1])))
            continue;
        text[kept++] = text[i];
        if (text[i] == '\\')
            text[kept++] = text[++i];
    }
    return splice(s, size, max, v->from + 1, v->to - 1, text, kept);
}

size_t mutate_json(uint8_t *s, size_t size, size_t max, unsigned seed)
{
    static struct span spans[SPANS];
    uint8_t text[TEXT];
    seed = seed * 2654435761u | 1;
    below(&seed, 2);
    if (below(&seed, 2) == 0)
        return LLVMFuzzerMutate(s, size, max);
    size_t n = find_spans(s, size, spans), before = size;
    for (unsigned tries = 0; n > 0 && tries < 4 && size == before; tries++) {
        struct span v = spans[below(&seed, n)], other = spans[below(&seed, n)];
        size_t length = other.to - other.from, at = v.to;
        switch (below(&seed, 6)) {
        case 0: { /* another value */
            const char *value = values[below(&seed, sizeof values / sizeof *values)];
            return splice(s, size, max, v.from, v.to, value, strlen(value));
        }
        case 1: /* a value of the document's own */
            if (length > TEXT)
                break;
            memcpy(text, s + other.from, length);
            return splice(s, size, max, v.from, v.to, text, length);
        case 2: /* gone, with the comma before or after it */
            while (at < size && blank(s[at]))
                at++;
            if (at < size && s[at] == ',') {
                at++;
            } else {
                at = v.to;
                while (v.member > 0 && blank(s[v.member - 1]))
                    v.member--;
                if (v.member > 0 && s[v.member - 1] == ',')
                    v.member--;
            }
            size = splice(s, size, max, v.member, at, "", 0);
            break;
        case 3: /* an element or a member from elsewhere, after this one */
            length = other.to - other.member;
            if (length + 1 > TEXT)
                break;
            text[0] = ',';
            memcpy(text + 1, s + other.member, length);
            size = splice(s, size, max, v.to, v.to, text, length + 1);
            break;
        default:
            if (s[v.from] == '"' && v.to - v.from >= 2 && s[v.to - 1] == '"')
                return change_string(s, size, max, &v);
        }
    }
    return size == before ? LLVMFuzzerMutate(s, size, max) : size;
}
