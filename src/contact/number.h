/* Numbers from and to text, with a point whatever the host's locale says. */
#ifndef AW_NUMBER_H
#define AW_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

struct aw_number {
    bool whole; /* it is `integer`, exactly; else `real` */
    int64_t integer;
    double real;
};

/* A number's text is shorter than that: nothing that a double can hold is written longer for a reason. */
#define AW_NUMBER_MAX 400

enum aw_number_fault { AW_NUMBER_FINE, AW_NUMBER_SYNTAX, AW_NUMBER_MEMORY };

/*
 * Reads a JSON number (RFC 8259, 6) at *at and moves *at behind it, or to where it goes wrong. One without a fraction
 * and exponent is an integer if it fits 64 bits; so is one with them whose value is whole and below 2^53.
 */
enum aw_number_fault aw_number_read(const char **at, const char *end, struct aw_number *number);

/* Bytes that are enough for aw_number_write. */
#define AW_NUMBER_SIZE 40

/*
 * Writes a finite double with the fewest digits, of at least 14, that are read as the same one. Returns the length; 0 if
 * there is no memory for it.
 */
size_t aw_number_write(double d, char text[AW_NUMBER_SIZE]);

#pragma GCC visibility pop

#endif
