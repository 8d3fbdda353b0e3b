/* SPDX-License-Identifier: MIT */
/*
 * GGUF files for tests, written by hand: a line of words becomes bytes.
 *
 *   'GGUF   these characters        $name   a string: u64 length, characters
 *   b1      u8                      h1      u16
 *   i1      u32 (i-1 too)           q1      u64
 *   z16     sixteen zeros           p32     zeros up to a multiple of 32
 *   x6f     the byte 6f
 */
#ifndef PHI_TESTS_GGUF_BYTES_H
#define PHI_TESTS_GGUF_BYTES_H

#include "libconv/base/buf.h"
#include "tests/unit/unit.h"

static inline void gguf_word(struct phi_buf *b, const char *w, size_t n)
{
    const char *text = w + 1;
    const bool minus = *text == '-';
    uint64_t v = strtoull(minus ? text + 1 : text, NULL, *w == 'x' ? 16 : 10);

    v = minus ? 0 - v : v;
    switch (*w) {
    case '\'':
        phi_buf_put(b, text, n - 1);
        return;
    case '$':
        phi_buf_u64(b, n - 1);
        phi_buf_put(b, text, n - 1);
        return;
    case 'b':
    case 'x':
        phi_buf_u8(b, (uint8_t)v);
        return;
    case 'h':
        phi_buf_u16(b, (uint16_t)v);
        return;
    case 'i':
        phi_buf_u32(b, (uint32_t)v);
        return;
    case 'q':
        phi_buf_u64(b, v);
        return;
    case 'z':
        phi_buf_zeros(b, (size_t)v);
        return;
    case 'p':
        while (b->n % v != 0)
            phi_buf_u8(b, 0);
        return;
    default:
        ck_abort_msg("unknown word %s", w);
    }
}

/* The bytes of a line, to be released with phi_buf_release(). */
static inline struct phi_buf gguf_bytes(const char *line)
{
    struct phi_buf b = {0};

    while (*line != '\0') {
        const size_t n = strcspn(line, " ");

        if (n > 0)
            gguf_word(&b, line, n);
        line += n + (line[n] == ' ');
    }
    ck_assert(!b.failed);
    return b;
}

#endif
