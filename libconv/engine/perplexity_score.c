/* SPDX-License-Identifier: MIT */
/* From sums over the vocabulary to numbers of positions, and to statistics. */
#include <math.h>

#include "libconv/engine/perplexity_parts.h"
#include "libconv/kernels/elementary.h"

const double phi_eval_percentiles[PHI_EVAL_NPERCENTILES] = {
    0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9};

size_t phi_window_numbers(const struct phi_evaluation *e)
{
    const size_t lists = e->n + (e->reference != NULL ? 2 * (e->n - 1) : 0) +
                         (e->options->stored != NULL);

    return lists * e->out->per_window;
}

static enum phi_status score(const struct phi_evaluation *e,
                             const struct phi_contender *c, size_t window,
                             size_t i0, double *nll, struct phi_err *err)
{
    for (size_t i = 0; i < e->out->per_window; i++) {
        const struct phi_lse *lse = &c->lse[i0 + i];

        nll[i] = lse->max + phi_log_f64(lse->sum) - c->target[i0 + i];
        if (!isfinite(nll[i]))
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: the logits of window %zu, position %zu are "
                            "not finite numbers",
                            c->source->path, window, e->first + i);
    }
    return PHI_OK;
}

/* Of a reference that was stored. */
static enum phi_status score_stored(const struct phi_evaluation *e,
                                    size_t window, size_t i0, double *nll,
                                    double *floored, struct phi_err *err)
{
    const struct phi_contender *c = e->reference;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < e->out->per_window; i++) {
        const struct phi_lse *lse = &c->lse[i0 + i];

        st = phi_stored_check(e, lse, window, e->first + i, err);
        nll[i] = -c->target[i0 + i];
        floored[i] = phi_stored_is_floor(lse, c->target[i0 + i]);
    }
    return st;
}

static enum phi_status compare(const struct phi_evaluation *e,
                               const struct phi_contender *c, size_t window,
                               size_t i0, double *klds, double *same,
                               struct phi_err *err)
{
    const struct phi_contender *ref = e->reference;

    for (size_t i = 0; i < e->out->per_window; i++) {
        const struct phi_lse *r = &ref->lse[i0 + i];
        const struct phi_lse *own = &c->lse[i0 + i];
        const struct phi_kld *kld = &c->kld[i0 + i];
        const double p = r->max + phi_log_f64(r->sum);
        const double q = own->max + phi_log_f64(own->sum);
        const bool stored = ref->engine == NULL;
        const double v =
            stored ? phi_stored_kld(kld, q) : kld->diff / kld->sum - p + q;

        if (!isfinite(v))
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: the divergence at window %zu, position %zu is "
                            "not a finite number",
                            c->source->path, window, e->first + i);
        /* It cannot be negative; a rounding of the difference can. */
        klds[i] = v < 0 && !stored ? 0 : v;
        same[i] = own->top == r->top;
    }
    return PHI_OK;
}

/* The numbers of a window whose rows begin at i0 of the batch. */
static enum phi_status score_window(const struct phi_evaluation *e,
                                    size_t window, size_t i0, double *numbers,
                                    struct phi_err *err)
{
    const size_t n = e->out->per_window;
    double *const klds = numbers + e->n * n;
    double *const same = klds + (e->n - 1) * n;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < e->nengines; i++)
        st = score(e, &e->all[i], window, i0, numbers + i * n, err);
    if (st == PHI_OK && e->nengines < e->n)
        st = score_stored(e, window, i0, numbers + e->nengines * n,
                          same + (e->n - 1) * n, err);
    for (size_t i = 0; st == PHI_OK && e->reference != NULL && i + 1 < e->n;
         i++)
        st =
            compare(e, &e->all[i], window, i0, klds + i * n, same + i * n, err);
    return st;
}

/* Adds what a window gives of a model beside the reference. */
static void tally_against(struct phi_evaluation *e, size_t k,
                          const double *numbers)
{
    const size_t n = e->out->per_window;
    const double *const nll = numbers + k * n;
    const double *const ref = numbers + (e->n - 1) * n;
    const double *const kld = numbers + (e->n + k) * n;
    const double *const same = kld + (e->n - 1) * n;
    struct phi_eval_result *r = &e->out->results[k];
    struct phi_contender *c = &e->all[k];
    double sum = 0;
    size_t nsame = 0;

    for (size_t i = 0; i < n; i++) {
        const double dp = phi_exp_f64(-nll[i]) - phi_exp_f64(-ref[i]);

        c->klds[c->kld_sums.n] = kld[i];
        c->dps[c->kld_sums.n] = dp;
        sum += kld[i];
        nsame += same[i] != 0;
        phi_sums_add(&c->kld_sums, kld[i]);
        phi_sums_add(&c->ratio_sums, nll[i] - ref[i]);
        phi_sums_add(&c->dp_sums, dp);
        phi_sums_add(&c->dp2_sums, dp * dp);
    }
    c->same_top += nsame;
    r->window_kld[e->out->nwindows] = sum / (double)n;
    r->window_same[e->out->nwindows] = (double)nsame / (double)n;
}

static void means_against(const struct phi_contender *c,
                          struct phi_eval_against *to)
{
    const size_t n = c->kld_sums.n;

    to->mean_kld = phi_sums_mean(&c->kld_sums);
    to->kld_error = phi_sums_error(&c->kld_sums);
    to->mean_dp = phi_sums_mean(&c->dp_sums);
    to->dp_error = phi_sums_error(&c->dp_sums);
    to->rms_dp = sqrt(phi_sums_mean(&c->dp2_sums));
    to->rms_dp_error = phi_sums_error(&c->dp2_sums);
    if (to->rms_dp > 0)
        to->rms_dp_error /= 2 * to->rms_dp;
    to->same_top = (double)c->same_top / (double)n;
    to->same_top_error =
        n < 2 ? NAN : sqrt(to->same_top * (1 - to->same_top) / (double)(n - 1));
    to->ln_ratio = phi_sums_mean(&c->ratio_sums);
    to->ln_ratio_error = phi_sums_error(&c->ratio_sums);
}

/* Means and errors of what was added so far. */
static void find_means(struct phi_evaluation *e)
{
    for (size_t i = 0; i < e->n; i++) {
        struct phi_eval_result *r = &e->out->results[i];
        const struct phi_contender *c = &e->all[i];

        r->mean_nll = phi_sums_mean(&c->sums);
        r->mean_nll_error = phi_sums_error(&c->sums);
        r->ppl = phi_exp_any_f64(r->mean_nll);
        r->ppl_error = r->ppl * r->mean_nll_error;
        if (c->klds != NULL)
            means_against(c, &r->against);
    }
}

/* Adds the numbers of the next window; true if that is enough. */
static bool tally(struct phi_evaluation *e, const double *numbers)
{
    const struct phi_eval_stop *stop = e->options->stop;
    const size_t n = e->out->per_window;

    for (size_t k = 0; k < e->n; k++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++) {
            sum += numbers[k * n + i];
            phi_sums_add(&e->all[k].sums, numbers[k * n + i]);
        }
        e->out->results[k].window_nll[e->out->nwindows] = sum;
        if (e->all[k].klds != NULL)
            tally_against(e, k, numbers);
    }
    for (size_t i = 0; e->nengines < e->n && i < n; i++)
        e->out->nfloored += numbers[phi_window_numbers(e) - n + i] != 0;
    e->out->nwindows++;
    e->out->scored += n;
    if (stop == NULL)
        return false;
    find_means(e);
    return stop->enough(stop->ctx, e->out);
}

enum phi_status phi_windows_score(struct phi_evaluation *e, size_t nwindows,
                                  bool *enough, struct phi_err *err)
{
    const struct phi_eval_journal *j = e->options->journal;
    enum phi_status st = PHI_OK;

    for (size_t w = 0; st == PHI_OK && !*enough && w < nwindows; w++) {
        const size_t window = e->out->nwindows;

        st = score_window(e, window, w * e->out->per_window, e->numbers, err);
        if (st == PHI_OK && j != NULL)
            st =
                j->save(j->ctx, window, e->numbers, phi_window_numbers(e), err);
        if (st == PHI_OK)
            *enough = tally(e, e->numbers);
    }
    return st;
}

enum phi_status phi_windows_resume(struct phi_evaluation *e, bool *enough,
                                   struct phi_err *err)
{
    const struct phi_eval_journal *j = e->options->journal;
    bool found = j != NULL;
    enum phi_status st = PHI_OK;

    while (found && !*enough && e->out->nwindows < e->out->nplanned) {
        st = j->load(j->ctx, e->out->nwindows, e->numbers,
                     phi_window_numbers(e), &found, err);
        if (st != PHI_OK || !found)
            return st;
        *enough = tally(e, e->numbers);
        e->out->nloaded++;
    }
    return st;
}

/* ---- statistics ---------------------------------------------------------- */

/* Sorted divergences into bins. */
static void fill_bins(size_t bins[PHI_EVAL_NBINS], const double *klds, size_t n)
{
    size_t bin = 0;

    for (size_t i = 0; i < n; i++) {
        while (bin + 1 < PHI_EVAL_NBINS &&
               klds[i] >= phi_exp10_f64((double)bin / 4 - 6))
            bin++;
        bins[bin]++;
    }
}

void phi_windows_finish(struct phi_evaluation *e)
{
    find_means(e);
    for (size_t i = 0; i < e->n; i++) {
        struct phi_eval_against *to = &e->out->results[i].against;
        struct phi_contender *c = &e->all[i];
        const size_t n = c->kld_sums.n;

        if (c->klds == NULL)
            continue;
        phi_sort(c->klds, n);
        phi_sort(c->dps, n);
        fill_bins(to->bins, c->klds, n);
        to->min_kld = c->klds[0];
        to->max_kld = c->klds[n - 1];
        for (size_t p = 0; p < PHI_EVAL_NPERCENTILES; p++) {
            to->percentiles[p] =
                phi_percentile(c->klds, n, phi_eval_percentiles[p]);
            to->dp_percentiles[p] =
                phi_percentile(c->dps, n, phi_eval_percentiles[p]);
        }
    }
}
