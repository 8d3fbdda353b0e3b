/* SPDX-License-Identifier: MIT */
/* The options about measuring models, which several commands have. */
#ifndef PHICONV_TOOLS_EVAL_OPTIONS_H
#define PHICONV_TOOLS_EVAL_OPTIONS_H

#include "tools/options.h"

/* Fewer tokens would leave nothing to score. */
#define EVAL_MIN_CTX 4
#define EVAL_MAX_CTX (1 << 20)

/* What a command line says of it: filled by the parser. */
struct eval_args {
    const char *text;
    uint64_t n_ctx;
    uint64_t stride;
    uint64_t chunks;
    const char *act;
    struct opt_float max_ratio;
    struct opt_float max_kld;
    struct opt_float min_top;
    const char *gate_on;
    bool early;
};

#define EVAL_OPTIONS(type, member)                                             \
    OPT_UINT(                                                                  \
        'c', "ctx-size", "N", type, member.n_ctx, EVAL_MIN_CTX, EVAL_MAX_CTX,  \
        "tokens of a window (512), at most the model's context; the text "     \
        "must have two windows"),                                              \
        OPT_UINT(0, "stride", "N", type, member.stride, 1, EVAL_MAX_CTX,       \
                 "begin a window every N tokens, and score its last N "        \
                 "predictions: more context for each, and slower"),            \
        OPT_UINT(0, "chunks", "N", type, member.chunks, 1, UINT32_MAX,         \
                 "evaluate the first N windows only"),                         \
        OPT_WORD(0, "act", "MODE", type, member.act, "exact fast ref",         \
                 "how activations meet quantized weights: exact, two bytes "   \
                 "each, which is the default; fast, one byte. Float weights "  \
                 "are multiplied in f32. ref: all products and sums in "       \
                 "double")

#define GATE_OPTIONS(type, member)                                             \
    OPT_FLOAT(0, "max-ppl-ratio", "X", type, member.max_ratio,                 \
              "fail if a perplexity is more than X times the reference's"),    \
        OPT_FLOAT(0, "max-kld", "X", type, member.max_kld,                     \
                  "fail if a mean KL divergence is more than X"),              \
        OPT_FLOAT(0, "min-same-top", "X", type, member.min_top,                \
                  "fail if the share of equal top tokens is less than X; no "  \
                  "text can show that it is 1"),                               \
        OPT_WORD(0, "gate-on", "WHAT", type, member.gate_on, "ci mean",        \
                 "judge gates by the worse end of a 95 % confidence interval " \
                 "(ci, the default), which is by how windows differ and "      \
                 "takes two, or by the value measured (mean)"),                \
        OPT_FLAG(                                                              \
            0, "early-stop", type, member.early,                               \
            "end as soon as a sequential test of the windows has decided "     \
            "the gates, with 99 % confidence over all of its looks")

#endif
