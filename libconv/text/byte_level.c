/* SPDX-License-Identifier: MIT */
#include "libconv/text/byte_level.h"

#include <string.h>

#include "libconv/base/utf8.h"

uint32_t phi_byte_to_char(uint8_t b)
{
    if (b <= 0x20)
        return 0x100u + b;
    if (b >= 0x7f && b <= 0xa0)
        return 0x121u + (b - 0x7fu);
    return b == 0xad ? 0x143u : b;
}

bool phi_byte_from_char(uint32_t c, uint8_t *b)
{
    if (c >= 0x100 && c <= 0x120)
        *b = (uint8_t)(c - 0x100);
    else if (c >= 0x121 && c <= 0x142)
        *b = (uint8_t)(c - 0x121 + 0x7f);
    else if (c == 0x143)
        *b = 0xad;
    else
        *b = (uint8_t)c;
    return phi_byte_to_char(*b) == c;
}

size_t phi_byte_text(uint8_t *out, const uint8_t *text, size_t n)
{
    size_t nout = 0;

    for (size_t at = 0; at < n;) {
        uint32_t c;
        const size_t step = phi_utf8_decode(text + at, n - at, &c);

        if (step == 0 || !phi_byte_from_char(c, &out[nout])) {
            memcpy(out, text, n);
            return n;
        }
        nout++;
        at += step;
    }
    return nout;
}
