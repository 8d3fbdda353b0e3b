/* SPDX-License-Identifier: MIT */
/* CRC-32 as zlib, gzip and PNG have it, by zlib. */
#ifndef PHI_BASE_CRC32_H
#define PHI_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/*
 * Of n more bytes after those that gave crc; of nothing it is 0. Whatever
 * computes it faster has this type, too.
 */
typedef uint32_t (*phi_crc32_fn)(uint32_t crc, const void *bytes, size_t n);

uint32_t phi_crc32(uint32_t crc, const void *bytes, size_t n);

/* Of a run of bytes with a, followed by n bytes with b. */
uint32_t phi_crc32_combine(uint32_t a, uint32_t b, uint64_t n);

#endif
