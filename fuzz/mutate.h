/* Changes to JSON that leave it JSON; see mutate.c. */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Changes the `size` bytes at `data`, which has room for `max_size`; returns how many there are now. */
size_t mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
