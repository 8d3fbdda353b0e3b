/* SPDX-License-Identifier: MIT */
/* A whole model in a bench: tokens a second of eval-ppl. */
#ifndef PHICONV_TOOLS_BENCH_MODEL_H
#define PHICONV_TOOLS_BENCH_MODEL_H

#include "libconv/base/monitor.h"
#include "libconv/engine/act.h"
#include "libconv/tensor/source.h"
#include "libconv/text/tokens.h"
#include "tools/bench.h"

struct bench_model {
    struct phi_source *source;
    struct phi_tokens tokens;
    size_t n_ctx;
    size_t windows; /* of a run */
    size_t nthreads;
    uint32_t features;
    const struct phi_monitor *monitor;
};

/* Row i: its name and how activations are quantized for it. */
struct bench_model_row {
    const char *name;
    enum phi_engine_act act;
};

/* The rows that are of use for a model, by its matrices, or for Phi-2's shapes
 * (NULL); *n of them. A model of floats has one, for it is computed the same
 * way in every mode. */
const struct bench_model_row *bench_model_rows(const struct phi_source *s,
                                               size_t *n);

/*
 * Opens path (NULL: Phi-2's shapes) and takes the tokens of `text` (NULL: any
 * that the vocabulary has), windows of n_ctx of them, which the model must be
 * made for. bench_model_release() must follow, also after an error.
 */
enum phi_status bench_model_open(struct bench_model *m, const char *path,
                                 const char *text, struct phi_err *err);
void bench_model_release(struct bench_model *m);

/* Tokens a second, of three runs on one thread and three on all. */
enum phi_status bench_model_time(const struct bench_model *m,
                                 enum phi_engine_act act,
                                 struct bench_result *out, struct phi_err *err);

#endif
