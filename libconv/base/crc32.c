/* SPDX-License-Identifier: MIT */
#include "libconv/base/crc32.h"

#include <zlib.h>

uint32_t phi_crc32(uint32_t crc, const void *bytes, size_t n)
{
    return (uint32_t)crc32_z(crc, bytes, n);
}

uint32_t phi_crc32_combine(uint32_t a, uint32_t b, uint64_t n)
{
    /* A file has less than 2^63 bytes; long may have 32 bits only. */
    const uint64_t piece = UINT64_C(1) << 30;

    while (n > piece) {
        a = (uint32_t)crc32_combine(a, 0, (z_off_t)piece);
        n -= piece;
    }
    return (uint32_t)crc32_combine(a, b, (z_off_t)n);
}
