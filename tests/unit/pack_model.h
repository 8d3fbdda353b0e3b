/* SPDX-License-Identifier: MIT */
/*
 * A small model and its packed file, for tests: a vector, matrices in rows
 * and in panels with a last one that is not full, blocks of 32 and of 256.
 */
#ifndef PHI_TESTS_PACK_MODEL_H
#define PHI_TESTS_PACK_MODEL_H

#include "formats/pack_sink.h"
#include "formats/pack_source.h"
#include "tests/unit/fixture.h"

enum { PACK_TENSORS = 6, PACK_LARGE = 5 };

/* Of each test: a folder, and the file in it. */
static char *dir;
static char *path;

static inline void setup(void)
{
    dir = fixture_folder();
    path = fixture_path(dir, "m.phipack");
}

static inline void teardown(void)
{
    free(path);
    fixture_remove(dir);
}

struct pack_model {
    struct phi_meta meta;
    struct phi_sink_tensor tensors[PACK_TENSORS];
    uint8_t *bytes[PACK_TENSORS];
    size_t n;
};

/* The last tensor is large, and of floats that have much in common. */
static inline void pack_model_make(struct pack_model *m, bool large)
{
    static const struct phi_sink_tensor tensors[PACK_TENSORS] = {
        {"token_embd.weight", PHI_F16, 2, {3, 32}, 0},
        {"output.weight", PHI_Q4_0, 2, {33, 64}, 0},
        {"output_norm.weight", PHI_F32, 1, {32}, 0},
        {"blk.0.attn_q.weight", PHI_Q6_K, 2, {5, 256}, 0},
        {"blk.0.ffn_up.weight", PHI_BF16, 2, {17, 5}, 0},
        {"blk.0.ffn_down.weight", PHI_F32, 2, {1030, 300}, 0},
    };
    uint32_t seed = 1;

    *m = (struct pack_model){.n = large ? PACK_TENSORS : PACK_LARGE};
    ck_ok(phi_meta_set_str(&m->meta, "general.architecture", "phi2", 4, &err));
    ck_ok(phi_meta_set_str(&m->meta, "phiconv.version", "000", 3, &err));
    for (size_t i = 0; i < m->n; i++) {
        struct phi_sink_tensor *t = &m->tensors[i];

        *t = tensors[i];
        ck_assert(phi_dtype_nbytes(
            t->dtype, phi_sink_tensor_rows(t) * phi_sink_tensor_cols(t),
            &t->nbytes));
        m->bytes[i] = malloc((size_t)t->nbytes);
        ck_assert_ptr_nonnull(m->bytes[i]);
        for (size_t k = 0; k < t->nbytes; k++) {
            seed = seed * 1664525u + 1013904223u;
            m->bytes[i][k] = i == PACK_LARGE && k % 4 > 1
                                 ? (uint8_t)(0x3e + k % 4)
                                 : (uint8_t)(seed >> 24);
        }
    }
}

static inline void pack_model_release(struct pack_model *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->bytes[i]);
    phi_meta_release(&m->meta);
}

/* Writes it in pieces of `piece` bytes, from both ends in turn. */
static inline void pack_model_write(const struct pack_model *m, const char *to,
                                    size_t piece,
                                    const struct phi_pack_options *opt)
{
    struct phi_sink *s = NULL;

    ck_ok(phi_pack_sink_open(&s, to, &m->meta, m->tensors, m->n, opt, &err));
    for (size_t i = m->n; i-- > 0;) {
        const size_t n = (size_t)m->tensors[i].nbytes;
        size_t lo = 0;
        size_t hi = n;

        while (lo < hi) {
            size_t now = hi - lo < piece ? hi - lo : piece;

            ck_ok(phi_sink_write(s, i, lo, m->bytes[i] + lo, now, &err));
            lo += now;
            now = hi - lo < piece ? hi - lo : piece;
            hi -= now;
            ck_ok(phi_sink_write(s, i, hi, m->bytes[i] + hi, now, &err));
        }
    }
    ck_ok(phi_sinks_commit(&s, 1, &err));
    phi_sink_close(s);
}

/* Byte `at` of a tensor's rows, in its panels, by the words of PACK.md. */
static inline size_t pack_model_place(const struct phi_sink_tensor *t,
                                      size_t rows, size_t at)
{
    const size_t s = phi_dtype_info(t->dtype)->bits / 8;
    const size_t w = (size_t)(t->nbytes / t->dim[0] / s);
    const size_t r = at / (w * s);
    const size_t b = at % (w * s) / s;
    const size_t p = r / rows;
    const size_t left = (size_t)t->dim[0] - p * rows;
    const size_t n = left < rows ? left : rows;

    return p * rows * w * s + (b * n + r % rows) * s + at % s;
}

#endif
