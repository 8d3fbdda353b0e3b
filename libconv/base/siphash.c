/* SPDX-License-Identifier: MIT */
#include "libconv/base/siphash.h"

#include <sys/random.h>

#include "libconv/base/bytes.h"

static uint64_t rotate(uint64_t v, int by)
{
    return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void begin(uint64_t v[4], const uint64_t secret[2])
{
    v[0] = secret[0] ^ 0x736f6d6570736575u;
    v[1] = secret[1] ^ 0x646f72616e646f6du;
    v[2] = secret[0] ^ 0x6c7967656e657261u;
    v[3] = secret[1] ^ 0x7465646279746573u;
}

static void take(uint64_t v[4], uint64_t m)
{
    v[3] ^= m;
    sip_round(v);
    v[0] ^= m;
}

static uint64_t end(uint64_t v[4])
{
    v[2] ^= 0xff;
    for (int k = 0; k < 3; k++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t phi_siphash(const uint64_t secret[2], const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t last = (uint64_t)n << 56;
    uint64_t v[4];
    size_t i = 0;

    begin(v, secret);
    for (; n - i >= 8; i += 8)
        take(v, phi_load_u64(p + i));
    for (size_t k = 0; i < n; i++, k += 8)
        last |= (uint64_t)p[i] << k;
    take(v, last);
    return end(v);
}

void phi_siphash_secret(uint64_t secret[2], const void *one, const void *other)
{
    if (getrandom(secret, 2 * sizeof(*secret), GRND_NONBLOCK) ==
        (ssize_t)(2 * sizeof(*secret)))
        return;
    secret[0] = (uint64_t)(uintptr_t)one;
    secret[1] = (uint64_t)(uintptr_t)other;
}
