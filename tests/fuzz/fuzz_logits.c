/* SPDX-License-Identifier: MIT */
/* A logits file: what is accepted is a whole one, of finite numbers. */
#include <math.h>

#include "formats/logits_file.h"
#include "tests/fuzz/fuzz_input.h"

/* Of a row, and of a file: what takes no time. */
#define MAX_VOCAB   4096
#define MAX_WINDOWS 64

static void read_windows(const struct phi_source *s, size_t n)
{
    const struct phi_logits_head *h = phi_logits_head(s);
    const size_t last = h->n_vocab < MAX_VOCAB ? h->n_vocab : MAX_VOCAB;
    static float to[MAX_VOCAB];
    struct phi_err err = {0};

    for (size_t w = 0; w < n; w++) {
        for (size_t i = 0; i < phi_logits_per_window(h); i++) {
            PROMISE(phi_logits_read(s, w, i, h->n_vocab - last, last, to,
                                    &err) == PHI_OK);
            for (size_t k = 0; k < last; k++)
                PROMISE(isfinite(to[k]) && to[k] <= 0.01f);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_source *s = NULL;
    struct phi_err err = {0};
    const struct phi_logits_head *h;
    size_t nwindows;
    bool is;

    if (!fuzz_accepted(phi_logits_open(&s, fuzz_path(data, n), &err), &err))
        return 0;
    PROMISE(phi_logits_probe(s->path, &is, &err) == PHI_OK && is);
    PROMISE(s->files[0].nbytes == n);
    h = phi_logits_head(s);
    for (size_t i = 0; i < (size_t)h->nwindows * h->n_ctx; i++)
        PROMISE(phi_logits_tokens(s)[i] < h->n_vocab);
    nwindows = h->nwindows < MAX_WINDOWS ? h->nwindows : MAX_WINDOWS;
    if (fuzz_accepted(phi_logits_check(s, nwindows, &err), &err))
        read_windows(s, nwindows);
    phi_source_close(s);
    return 0;
}
