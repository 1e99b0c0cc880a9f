/*
 * Text, eight bytes at once. A word's lowest byte is the string's first, whatever the machine's order. The tests below
 * give a word with the top bit of each byte set that passes. They are exact up to the first byte that is no ASCII,
 * whose own top bit is set.
 */
#ifndef AW_WORD_H
#define AW_WORD_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

#define AW_EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))
#define AW_TOPS        AW_EVERY(0x80)
#define AW_FILLER      '-' /* behind the string's end */

static inline uint64_t aw_word_load4(const char *s)
{
    const unsigned char *b = (const unsigned char *)s;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t aw_word_load8(const char *s)
{
    return aw_word_load4(s) | aw_word_load4(s + 4) << 32;
}

/* The first eight bytes of a string that is not empty, or all of it and fillers. Reads no byte behind it. */
static inline uint64_t aw_word(const char *s, size_t n)
{
    if (n >= 8)
        return aw_word_load8(s);
    uint64_t fillers = AW_EVERY(AW_FILLER) << 8 * n;
    if (n >= 4)
        return aw_word_load4(s) | aw_word_load4(s + n - 4) << 8 * (n - 4) |
               fillers; /* what overlaps is the same */
    const unsigned char *b = (const unsigned char *)s;
    return b[0] | (uint64_t)b[n / 2] << 8 * (n / 2) | (uint64_t)b[n - 1] << 8 * (n - 1) | fillers;
}

static inline uint64_t aw_word_range(uint64_t w, unsigned char first, unsigned char last)
{
    return (w + AW_EVERY(0x80u - first)) & ~(w + AW_EVERY(0x7Fu - last)) & AW_TOPS;
}

static inline uint64_t aw_word_below(uint64_t w, unsigned char c)
{
    return ~(w + AW_EVERY(0x80u - c)) & AW_TOPS;
}

/* Control characters: below 0x20, and DEL. */
static inline uint64_t aw_word_controls(uint64_t w)
{
    return aw_word_below(w, 0x20) | ((w + AW_EVERY(0x01)) & AW_TOPS);
}

static inline uint64_t aw_word_is(uint64_t w, unsigned char c)
{
    return ~((w ^ AW_EVERY(c)) + AW_EVERY(0x7F)) & AW_TOPS;
}

/* How many bytes have their top bit set, of those that a test gave. */
static inline size_t aw_word_count(uint64_t tops)
{
    return (size_t)((tops >> 7) * AW_EVERY(0x01) >> 56);
}

/* How many come before the first of them; 8 if there is none. */
static inline size_t aw_word_first(uint64_t tops)
{
    return tops ? (size_t)__builtin_ctzll(tops) / 8 : 8;
}

/* Which ones: the first byte is the lowest bit. */
static inline uint64_t aw_word_bits(uint64_t tops)
{
    return (tops >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

#pragma GCC visibility pop

#endif
