/* SPDX-License-Identifier: MIT */
/* Logits that outlive a run: a reference that was stored, and storing one. */
#include <stdlib.h>

#include "libconv/base/mem.h"
#include "libconv/engine/perplexity_parts.h"
#include "libconv/kernels/elementary.h"

/* Log-probabilities up to this are left out of the divergence, as what a file
 * has of them is only that they are small. */
#define LEAST (-16.0f)

/* From the best token of a row down to those that are stored as the last. */
#define DEPTH 16.0

/* That it is divided into there, with 16 bits a value. */
#define STEPS 65535.0

/* So small that sums do not see it. */
#define GONE (-1000.0f)

/* e^LEAST, rounded up; and how far from 1 sums of stored probabilities may be:
 * of 16 bits they are off by 0.00013 at most. */
#define LEAST_P 1.2e-7
#define SLACK   0.01

/* Logits of whole rows that are kept to be saved, but at least one row. */
#define SAVE_NBYTES ((size_t)64 << 20)

/* ---- a reference that was stored ----------------------------------------- */

enum phi_status phi_stored_slab(const struct phi_evaluation *e,
                                const struct phi_contender *c, size_t window,
                                size_t n, size_t row0, size_t nrows, size_t ld,
                                struct phi_err *err)
{
    const struct phi_eval_stored *stored = e->options->stored;
    const size_t per_window = e->out->per_window;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = stored->read(stored->ctx, window + i / per_window, i % per_window,
                          row0, nrows, c->logits + i * ld, err);
    return st;
}

void phi_stored_cut(float *logits, size_t n)
{
    for (size_t k = 0; k < n; k++)
        logits[k] = logits[k] > LEAST ? logits[k] : GONE;
}

/* Half a step is enough for the rounding of both. */
bool phi_stored_is_floor(const struct phi_lse *sum, double target)
{
    return sum->max - target > DEPTH - DEPTH / STEPS / 2;
}

/* sum of p (ln p - ln q), p not divided by its sum. */
double phi_stored_kld(const struct phi_kld *kld, double q_lse)
{
    return phi_exp_f64(kld->max) * (kld->diff + q_lse * kld->sum);
}

enum phi_status phi_stored_check(const struct phi_evaluation *e,
                                 const struct phi_lse *sum, size_t window,
                                 size_t position, struct phi_err *err)
{
    const double p = phi_exp_f64(sum->max) * sum->sum;

    /* What was less than e^-16 is stored as just that, or a little more. */
    if (p >= 1 - SLACK && p <= 1 + SLACK + LEAST_P * (double)e->n_vocab)
        return PHI_OK;
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: window %zu, position %zu: the probabilities make %g, "
                    "expected 1, give or take %g",
                    e->reference->source->path, window, position, p, SLACK);
}

/* ---- storing one --------------------------------------------------------- */

/*
 * A row is encoded by its largest and smallest logits, which are known when
 * all of the vocabulary has gone by. So it goes by once more, for a few
 * positions at a time: a small part of what the layers cost.
 */
enum phi_status phi_windows_save(struct phi_evaluation *e, size_t nwindows,
                                 const struct phi_monitor *m,
                                 struct phi_err *err)
{
    const struct phi_eval_save *save = e->options->save;
    const struct phi_contender *c = &e->all[0];
    const size_t n = nwindows * e->out->per_window;
    const size_t n_embd = phi_engine_hparams(c->engine)->n_embd;
    const size_t fit = SAVE_NBYTES / sizeof(float) / e->n_vocab;
    const size_t step = fit == 0 ? 1 : fit < n ? fit : n;
    float *logits = phi_alloc_aligned(step, e->n_vocab * sizeof(*logits), err);
    enum phi_status st = logits != NULL ? PHI_OK : PHI_E_NOMEM;

    for (size_t i0 = 0; st == PHI_OK && i0 < n; i0 += step) {
        const size_t nrows = n - i0 < step ? n - i0 : step;
        const struct phi_head_part part = {
            c->hidden + i0 * n_embd, nrows, 0, e->n_vocab, logits, e->n_vocab};

        st = phi_engine_head(c->engine, &e->space, &part, m, err);
        for (size_t i = 0; st == PHI_OK && i < nrows; i++)
            st = save->add(save->ctx, logits + i * e->n_vocab,
                           phi_log_f64(c->lse[i0 + i].sum), err);
    }
    free(logits);
    return st;
}
