/* SPDX-License-Identifier: MIT */
/*
 * What a LoRA adapter's configuration says of its modules, whatever file it
 * came from: which are adapted, and with which rank, alpha and scale. The
 * rules are those of PEFT 0.21 (tuners_utils.py: check_target_module_exists;
 * utils/other.py: get_pattern_key; tuners/lora/layer.py: update_layer).
 *
 * A path is a module's name without "base_model.model.", for instance
 * "model.layers.0.self_attn.q_proj".
 */
#ifndef PHI_LORA_LORA_CONFIG_H
#define PHI_LORA_LORA_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/lora/module_pattern.h"

#define PHI_LORA_MAX_RANK 65536

enum phi_lora_bias {
    PHI_LORA_BIAS_NONE,
    PHI_LORA_BIAS_ALL,      /* every bias of the model was trained */
    PHI_LORA_BIAS_LORA_ONLY /* those of the adapted modules were */
};

/* Modules by name (the whole path or its last parts) or by pattern. */
struct phi_lora_modules {
    struct phi_module_pattern *pattern; /* PHI_MODULE_WHOLE, or NULL */
    char **names;                       /* (n) */
    size_t n;
    bool all_linear; /* all but the output layer; of target_modules only */
};

/* A pattern (PHI_MODULE_TAIL) of rank_pattern or alpha_pattern. */
struct phi_lora_override {
    char *text;
    struct phi_module_pattern *pattern;
    double value;
};

struct phi_lora_overrides {
    struct phi_lora_override *v; /* (n), the first that matches decides */
    size_t n;
};

/* Tokens whose rows were trained, of the modules whose path ends so. */
struct phi_lora_tokens {
    char *name;     /* NULL: the input embedding */
    uint64_t *rows; /* (n) in the order of the tensor */
    size_t n;
};

struct phi_lora_config {
    /* Nothing is said of modules: those with an A and a B are meant, the rank
     * is theirs and alpha = 0 stands for a scale of 1 (GGUF). */
    bool bare;
    char *made_for; /* the base's name in the adapter's files, or NULL */
    double r;
    double alpha;
    bool rslora; /* alpha / sqrt(r), not alpha / r */
    bool dora;
    bool fan_in_fan_out; /* weights are stored (in, out) */
    bool lora_bias;      /* B has a bias */
    enum phi_lora_bias bias;
    struct phi_lora_modules targets;
    struct phi_lora_modules excluded;
    struct phi_lora_overrides ranks;
    struct phi_lora_overrides alphas;
    uint64_t *layers; /* (nlayers) layers_to_transform; 0: all */
    size_t nlayers;
    struct phi_module_pattern **layer_patterns; /* (n) PHI_MODULE_LAYER */
    size_t nlayer_patterns;                     /* at least 1 with nlayers */
    /* (n) PHI_MODULE_WITHIN: modules stored whole, never adapted */
    struct phi_module_pattern **saved;
    size_t nsaved;
    struct phi_lora_tokens *tokens; /* (n) */
    size_t ntokens;
    size_t nsearched; /* patterns that are no plain names */
};

/* Accepts a zeroed and a half made one. */
void phi_lora_config_release(struct phi_lora_config *c);

/* What all-linear needs to know of a module. */
enum phi_lora_kind { PHI_LORA_LINEAR, PHI_LORA_OUTPUT, PHI_LORA_OTHER };

/* Below, work is what all questions about one configuration have taken, from 0
 * on: see phi_module_pattern_match(). */

/* Whether PEFT gives the module an A and a B. */
enum phi_status phi_lora_adapts(const struct phi_lora_config *c,
                                const char *path, enum phi_lora_kind kind,
                                uint64_t *work, bool *yes, struct phi_err *err);

/* Whether the module, or one that it is a part of, is stored whole. */
enum phi_status phi_lora_saves(const struct phi_lora_config *c,
                               const char *path, uint64_t *work, bool *yes,
                               struct phi_err *err);

/* The tokens that were trained of a module, or NULL. */
const struct phi_lora_tokens *phi_lora_tokens_of(
    const struct phi_lora_config *c, const char *path, bool embedding);

/* The factor of B A in a module, and where it comes from. */
struct phi_lora_scale {
    uint64_t rank;
    double alpha;
    double scale;
    const char *rank_from;  /* the pattern that decided, or NULL: r */
    const char *alpha_from; /* or NULL: lora_alpha */
};

/* PHI_E_FORMAT where the rank is no integer from 1 to PHI_LORA_MAX_RANK. */
enum phi_status phi_lora_scale_of(const struct phi_lora_config *c,
                                  const char *path, uint64_t *work,
                                  struct phi_lora_scale *out,
                                  struct phi_err *err);

#endif
