/* CRC-32 as in zip, gzip and PNG (reflected, polynomial 0xEDB88320). */
#ifndef AW_CRC_H
#define AW_CRC_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* The checksum of `size` bytes that follow what `crc` is the checksum of; 0 at the start. */
uint32_t aw_crc32(uint32_t crc, const void *data, size_t size);

#pragma GCC visibility pop

#endif
