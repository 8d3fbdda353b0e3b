/* SPDX-License-Identifier: MIT */
#include "tools/inspect_value.h"

#include <stdio.h>
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/decimal.h"
#include "libconv/base/half.h"
#include "libconv/base/utf8.h"

/* A number of any type, out of an array or not. */
struct number {
    enum { UNSIGNED, SIGNED, REAL, TRUTH } kind;
    uint64_t u;
    int64_t i;
    double f;
    bool single; /* the REAL has the precision of f32 */
};

static struct number of_value(const struct phi_kv *kv)
{
    switch (kv->type) {
    case PHI_KV_I8:
    case PHI_KV_I16:
    case PHI_KV_I32:
    case PHI_KV_I64:
        return (struct number){.kind = SIGNED, .i = kv->v.i};
    case PHI_KV_F32:
    case PHI_KV_F64:
        return (struct number){
            .kind = REAL, .f = kv->v.f, .single = kv->type == PHI_KV_F32};
    case PHI_KV_BOOL:
        return (struct number){.kind = TRUTH, .u = kv->v.u};
    default:
        return (struct number){.kind = UNSIGNED, .u = kv->v.u};
    }
}

static struct number of_element(enum phi_kv_type type, const uint8_t *p)
{
    double f;
    uint64_t bits;

    switch (type) {
    case PHI_KV_U8:
        return (struct number){.kind = UNSIGNED, .u = p[0]};
    case PHI_KV_I8:
        return (struct number){.kind = SIGNED, .i = (int8_t)p[0]};
    case PHI_KV_U16:
        return (struct number){.kind = UNSIGNED, .u = phi_load_u16(p)};
    case PHI_KV_I16:
        return (struct number){.kind = SIGNED, .i = (int16_t)phi_load_u16(p)};
    case PHI_KV_U32:
        return (struct number){.kind = UNSIGNED, .u = phi_load_u32(p)};
    case PHI_KV_I32:
        return (struct number){.kind = SIGNED, .i = (int32_t)phi_load_u32(p)};
    case PHI_KV_F32:
        return (struct number){.kind = REAL,
                               .f = (double)phi_bits_f32(phi_load_u32(p)),
                               .single = true};
    case PHI_KV_BOOL:
        return (struct number){.kind = TRUTH, .u = p[0]};
    case PHI_KV_U64:
        return (struct number){.kind = UNSIGNED, .u = phi_load_u64(p)};
    case PHI_KV_I64:
        return (struct number){.kind = SIGNED, .i = (int64_t)phi_load_u64(p)};
    default:
        bits = phi_load_u64(p);
        memcpy(&f, &bits, sizeof(f));
        return (struct number){.kind = REAL, .f = f};
    }
}

static void put_real(struct phi_buf *b, double v, bool single)
{
    char text[PHI_DECIMAL_MAX];

    phi_buf_text(b, single ? phi_decimal_f32(text, (float)v)
                           : phi_decimal(text, v));
}

static void put_number(struct phi_buf *b, const struct number *n)
{
    if (n->kind == UNSIGNED)
        phi_buf_printf(b, "%llu", (unsigned long long)n->u);
    else if (n->kind == SIGNED)
        phi_buf_printf(b, "%lld", (long long)n->i);
    else if (n->kind == REAL)
        put_real(b, n->f, n->single);
    else
        phi_buf_text(b, n->u != 0 ? "true" : "false");
}

/* quote: '"' too gets a backslash. */
static void escape(struct phi_buf *b, const char *text, size_t n, bool quote)
{
    const uint8_t *p = (const uint8_t *)text;

    while (n > 0) {
        uint32_t c = 0;
        const size_t len = phi_utf8_decode(p, n, &c);

        if (len == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            const size_t m = len > 0 ? len : 1;

            for (size_t i = 0; i < m; i++)
                phi_buf_printf(b, c == '\n' && len > 0 ? "\\n" : "\\x%02x",
                               p[i]);
            p += m;
            n -= m;
            continue;
        }
        if (c == '\\' || (quote && c == '"'))
            phi_buf_u8(b, '\\');
        phi_buf_put(b, p, len);
        p += len;
        n -= len;
    }
}

void value_escape(struct phi_buf *b, const char *text, size_t n)
{
    escape(b, text, n, false);
}

/* A text of which about `room` bytes are shown, and how many there are. */
static void put_text(struct phi_buf *b, const struct phi_str *s, size_t room,
                     bool quote)
{
    size_t n = s->n;

    if (room > 0 && n > room) {
        n = room;
        while (n > 0 && ((unsigned char)s->p[n] & 0xc0) == 0x80)
            n--;
    }
    escape(b, s->p, n, quote);
    if (n < s->n)
        phi_buf_printf(b, "... (%zu bytes)", s->n);
}

char *value_type(char out[48], const struct phi_kv *kv)
{
    if (kv->type == PHI_KV_ARRAY)
        snprintf(out, 48, "array of %s", phi_kv_type_name(kv->v.arr.type));
    else
        snprintf(out, 48, "%s", phi_kv_type_name(kv->type));
    return out;
}

static void put_array(struct phi_buf *b, const struct phi_kv *kv, size_t room)
{
    const size_t n = kv->v.arr.n;
    const size_t size = phi_kv_type_size(kv->v.arr.type);
    const size_t from = b->n;
    size_t i = 0;

    phi_buf_u8(b, '[');
    for (; i < n && (room == 0 || b->n - from < room); i++) {
        phi_buf_text(b, i > 0 ? ", " : "");
        if (kv->v.arr.str != NULL) {
            phi_buf_u8(b, '"');
            put_text(b, &kv->v.arr.str[i], room, true);
            phi_buf_u8(b, '"');
        } else {
            const struct number v =
                of_element(kv->v.arr.type, kv->v.arr.num + i * size);

            put_number(b, &v);
        }
    }
    if (i < n)
        phi_buf_printf(b, ", ... (%zu)", n);
    phi_buf_u8(b, ']');
}

void value_text(struct phi_buf *b, const struct phi_kv *kv, size_t room)
{
    if (kv->type == PHI_KV_ARRAY) {
        put_array(b, kv, room);
    } else if (kv->type == PHI_KV_STRING) {
        put_text(b, &kv->v.str, room, false);
    } else {
        const struct number n = of_value(kv);

        put_number(b, &n);
    }
}

static void json_number(struct json_out *j, const char *key,
                        const struct number *n)
{
    if (n->kind == UNSIGNED)
        json_uint(j, key, n->u);
    else if (n->kind == SIGNED)
        json_int(j, key, n->i);
    else if (n->kind == REAL)
        json_num(j, key, n->f);
    else
        json_bool(j, key, n->u != 0);
}

void value_json(struct json_out *j, const char *key, const struct phi_kv *kv)
{
    struct number n;

    if (kv->type == PHI_KV_STRING) {
        json_str_n(j, key, kv->v.str.p, kv->v.str.n);
        return;
    }
    if (kv->type != PHI_KV_ARRAY) {
        n = of_value(kv);
        json_number(j, key, &n);
        return;
    }
    json_open(j, key, '[');
    for (size_t i = 0; i < kv->v.arr.n; i++) {
        if (kv->v.arr.str != NULL) {
            json_str_n(j, NULL, kv->v.arr.str[i].p, kv->v.arr.str[i].n);
            continue;
        }
        n = of_element(kv->v.arr.type,
                       kv->v.arr.num + i * phi_kv_type_size(kv->v.arr.type));
        json_number(j, NULL, &n);
    }
    json_close(j, ']');
}
