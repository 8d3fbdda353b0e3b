/* SPDX-License-Identifier: MIT */
/* Stored blocks to panels of bytes, for every machine. */
#include "libconv/kernels/unpack_panel_body.h"

static inline void nibbles(uint8_t q[32], const uint8_t p[16])
{
    for (int j = 0; j < 16; j++) {
        q[j] = p[j] & 15;
        q[j + 16] = p[j] >> 4;
    }
}

static inline void fifth_bits(uint8_t q[32], uint32_t h)
{
    for (int i = 0; i < 4; i++) {
        const uint8_t byte = (uint8_t)(h >> 8 * i);

        for (int j = 0; j < 8; j++)
            q[8 * i + j] |= (uint8_t)((byte & 1 << j) != 0 ? 16 : 0);
    }
}

static inline void iq4_levels(uint8_t q[32])
{
    /* The sixteen levels, -127 to 113, and 128. */
    static const uint8_t levels[16] = {1,   24,  45,  63,  79,  93,  106, 118,
                                       129, 141, 153, 166, 181, 197, 217, 241};

    for (int j = 0; j < 32; j++)
        q[j] = levels[q[j] & 15];
}

const phi_unpack_fn phi_unpack_panel_scalar[PHI_NDTYPES] = UNPACK_TABLE;
