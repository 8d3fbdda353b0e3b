/* SPDX-License-Identifier: MIT */
#include "formats/gguf_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"
#include "libconv/base/bytes.h"
#include "libconv/base/mem.h"

#define WINDOW (64u << 10)

enum phi_status phi_gguf_stream_init(struct phi_gguf_stream *s,
                                     const struct phi_file *f,
                                     struct phi_err *err)
{
    const uint64_t size = phi_file_size(f);

    *s = (struct phi_gguf_stream){0};
    s->f = f;
    s->size = size;
    s->end = size < PHI_GGUF_MAX_HEADER ? size : PHI_GGUF_MAX_HEADER;
    s->window = phi_alloc(WINDOW, 1, err);
    return s->window != NULL ? PHI_OK : PHI_E_NOMEM;
}

enum phi_status phi_gguf_stream_init_bytes(struct phi_gguf_stream *s,
                                           const uint8_t *bytes, size_t n,
                                           uint64_t size, struct phi_err *err)
{
    *s = (struct phi_gguf_stream){.bytes = bytes, .size = size, .end = n};
    s->window = phi_alloc(WINDOW, 1, err);
    return s->window != NULL ? PHI_OK : PHI_E_NOMEM;
}

void phi_gguf_stream_release(struct phi_gguf_stream *s)
{
    free(s->window);
    *s = (struct phi_gguf_stream){0};
}

/* What is left ends at the file's end or at the limit on headers. */
static const char *left_of(const struct phi_gguf_stream *s)
{
    if (s->bytes != NULL)
        return "are left of the head";
    return s->end < s->size ? "are left of the 268435456 that a header may have"
                            : "are left of the file";
}

/* Fills the window from `at`. */
static enum phi_status fill(struct phi_gguf_stream *s, struct phi_err *err)
{
    const uint64_t left = phi_gguf_stream_left(s);

    s->first = s->at;
    s->n = left < WINDOW ? (size_t)left : WINDOW;
    if (s->bytes != NULL) {
        memcpy(s->window, s->bytes + s->first, s->n);
        return PHI_OK;
    }
    return phi_file_read(s->f, s->first, s->window, s->n, err);
}

enum phi_status phi_gguf_stream_bytes(struct phi_gguf_stream *s, void *to,
                                      size_t n, const char *what,
                                      struct phi_err *err)
{
    uint8_t *p = to;

    if (n > phi_gguf_stream_left(s))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s at byte %" PRIu64
                        " needs %zu bytes but only %" PRIu64 " %s",
                        what, s->at, n, phi_gguf_stream_left(s), left_of(s));
    while (n > 0) {
        size_t have = (size_t)(s->first + s->n - s->at);
        enum phi_status st;

        if (have == 0) {
            if ((st = fill(s, err)) != PHI_OK)
                return st;
            have = s->n;
        }
        if (have > n)
            have = n;
        memcpy(p, s->window + (s->at - s->first), have);
        s->at += have;
        p += have;
        n -= have;
    }
    return PHI_OK;
}

enum phi_status phi_gguf_stream_u32(struct phi_gguf_stream *s, uint32_t *out,
                                    const char *what, struct phi_err *err)
{
    uint8_t b[4];
    const enum phi_status st =
        phi_gguf_stream_bytes(s, b, sizeof(b), what, err);

    if (st == PHI_OK)
        *out = phi_load_u32(b);
    return st;
}

enum phi_status phi_gguf_stream_u64(struct phi_gguf_stream *s, uint64_t *out,
                                    const char *what, struct phi_err *err)
{
    uint8_t b[8];
    const enum phi_status st =
        phi_gguf_stream_bytes(s, b, sizeof(b), what, err);

    if (st == PHI_OK)
        *out = phi_load_u64(b);
    return st;
}

enum phi_status phi_gguf_stream_str(struct phi_gguf_stream *s, uint64_t max,
                                    struct phi_str *out, const char *what,
                                    struct phi_err *err)
{
    const uint64_t at = s->at;
    uint64_t n = 0;
    enum phi_status st = phi_gguf_stream_u64(s, &n, what, err);
    char *p;

    if (st != PHI_OK)
        return st;
    if (n > phi_gguf_stream_left(s))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s at byte %" PRIu64 " is %" PRIu64
                        " bytes long but only %" PRIu64 " %s",
                        what, at, n, phi_gguf_stream_left(s), left_of(s));
    if (n > max)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s at byte %" PRIu64 " is %" PRIu64
                        " bytes long, expected at "
                        "most %" PRIu64,
                        what, at, n, max);
    p = phi_alloc((size_t)n + 1, 1, err);
    if (p == NULL)
        return PHI_E_NOMEM;
    st = phi_gguf_stream_bytes(s, p, (size_t)n, what, err);
    if (st != PHI_OK) {
        free(p);
        return st;
    }
    *out = (struct phi_str){p, (size_t)n};
    return PHI_OK;
}

enum phi_status phi_gguf_stream_count(struct phi_gguf_stream *s, uint64_t least,
                                      uint64_t *out, const char *what,
                                      struct phi_err *err)
{
    const uint64_t at = s->at;
    uint64_t n = 0;
    const enum phi_status st = phi_gguf_stream_u64(s, &n, what, err);

    if (st != PHI_OK)
        return st;
    if (n > phi_gguf_stream_left(s) / least)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s at byte %" PRIu64 " is %" PRIu64
                        ", too many for the %" PRIu64 " bytes "
                        "that %s",
                        what, at, n, phi_gguf_stream_left(s), left_of(s));
    *out = n;
    return PHI_OK;
}
