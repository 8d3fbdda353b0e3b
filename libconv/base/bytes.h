/* SPDX-License-Identifier: MIT */
/*
 * Little-endian loads and stores at any alignment. Every format that phiconv
 * reads or writes is little-endian; compilers make one instruction of each.
 */
#ifndef PHI_BASE_BYTES_H
#define PHI_BASE_BYTES_H

#include <stdint.h>

static inline uint16_t phi_load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t phi_load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static inline uint64_t phi_load_u64(const uint8_t *p)
{
    return phi_load_u32(p) | (uint64_t)phi_load_u32(p + 4) << 32;
}

static inline void phi_store_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void phi_store_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void phi_store_u64(uint8_t *p, uint64_t v)
{
    phi_store_u32(p, (uint32_t)v);
    phi_store_u32(p + 4, (uint32_t)(v >> 32));
}

#endif
