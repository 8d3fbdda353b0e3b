/* SPDX-License-Identifier: MIT */
/*
 * A growing run of bytes, for headers and texts that are built in memory.
 * An allocation that fails is remembered: append freely, check once with
 * phi_buf_status(). Zero-initialised is empty.
 */
#ifndef PHI_BASE_BUF_H
#define PHI_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

struct phi_buf {
    uint8_t *p;
    size_t n;
    size_t cap;
    bool failed;
};

void phi_buf_put(struct phi_buf *b, const void *bytes, size_t n);
void phi_buf_zeros(struct phi_buf *b, size_t n);
void phi_buf_text(struct phi_buf *b, const char *text);
void phi_buf_printf(struct phi_buf *b, const char *fmt, ...) PHI_PRINTF(2, 3);

/* Little-endian integers and floats. */
void phi_buf_u8(struct phi_buf *b, uint8_t v);
void phi_buf_u16(struct phi_buf *b, uint16_t v);
void phi_buf_u32(struct phi_buf *b, uint32_t v);
void phi_buf_u64(struct phi_buf *b, uint64_t v);
void phi_buf_f32(struct phi_buf *b, float v);
void phi_buf_f64(struct phi_buf *b, double v);

/* PHI_E_NOMEM if any append failed, else PHI_OK. */
enum phi_status phi_buf_status(const struct phi_buf *b, struct phi_err *err);

/* Frees the bytes; the buffer is empty again. */
void phi_buf_release(struct phi_buf *b);

#endif
