/* SPDX-License-Identifier: MIT */
#include "libconv/engine/hparams.h"

#include <string.h>

#include "libconv/tensor/model_parts.h"

#define ARCH "phi2"

/* Far above every Phi; products of any two fit size_t with room. */
#define MAX_WIDTH UINT64_C(1 << 18)
#define MAX_LAYER UINT64_C(4096)
#define MAX_CTX   UINT64_C(1 << 24)

/* Keys below ARCH whose effect is known. */
static const char *const known[] = {
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "block_count",
    "vocab_size",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.layer_norm_epsilon",
    "attention.key_length",
    "attention.value_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.finetuned", /* says only how the model was trained */
    "use_parallel_residual",
};

static enum phi_status check_known(const struct phi_meta *m,
                                   struct phi_err *err)
{
    const size_t prefix = strlen(ARCH ".");

    for (size_t i = 0; i < m->n; i++) {
        const char *key = m->kv[i].key;
        bool found = strncmp(key, ARCH ".", prefix) != 0;

        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            found = found || strcmp(key + prefix, known[k]) == 0;
        if (!found)
            return phi_fail(err, PHI_E_UNSUPPORTED,
                            "key \"%.*s\" is not understood, and the result "
                            "may depend on it",
                            PHI_ERR_NAME, key);
    }
    return PHI_OK;
}

/* A required size in [1, max]. */
static enum phi_status get_size(const struct phi_meta *m, const char *key,
                                uint64_t max, size_t *out, struct phi_err *err)
{
    uint64_t v = 0;
    const enum phi_status st = phi_meta_get_size(m, key, max, &v, err);

    if (st == PHI_OK)
        *out = (size_t)v;
    return st;
}

static enum phi_status opt_size(const struct phi_meta *m, const char *key,
                                uint64_t max, size_t *out, struct phi_err *err)
{
    if (phi_meta_find(m, key) == NULL)
        return PHI_OK;
    return get_size(m, key, max, out, err);
}

static enum phi_status must_be(const struct phi_meta *m, const char *key,
                               size_t want, struct phi_err *err)
{
    size_t v = want;
    const enum phi_status st = opt_size(m, key, UINT32_MAX, &v, err);

    if (st == PHI_OK && v != want)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"%s\" is %zu, only %zu is supported", key, v,
                        want);
    return st;
}

static enum phi_status read_sizes(struct phi_hparams *h,
                                  const struct phi_source *s,
                                  struct phi_err *err)
{
    const struct phi_meta *m = &s->meta;
    enum phi_status st =
        get_size(m, ARCH ".context_length", MAX_CTX, &h->n_ctx, err);

    if (st == PHI_OK)
        st = phi_sizes_read(&h->sizes, s, MAX_WIDTH, MAX_LAYER, err);
    if (st != PHI_OK)
        return st;
    h->n_vocab = (size_t)h->sizes.vocab;
    h->n_embd = (size_t)h->sizes.embd;
    h->n_ff = (size_t)h->sizes.ff;
    h->n_layer = (size_t)h->sizes.layers;
    h->n_head = (size_t)h->sizes.heads;
    h->n_head_kv = (size_t)h->sizes.kv_heads;
    h->head_dim = (size_t)h->sizes.head_dim;
    st = must_be(m, ARCH ".vocab_size", h->n_vocab, err);
    if (st == PHI_OK)
        st = must_be(m, ARCH ".attention.key_length", h->head_dim, err);
    if (st == PHI_OK)
        st = must_be(m, ARCH ".attention.value_length", h->head_dim, err);
    return st;
}

static enum phi_status check_range(const char *key, double v, double low,
                                   double high, struct phi_err *err)
{
    if (v >= low && v <= high)
        return PHI_OK;
    return phi_fail(err, PHI_E_FORMAT,
                    "key \"%s\" is %g, expected a value from %g to %g", key, v,
                    low, high);
}

static enum phi_status read_rope(struct phi_hparams *h,
                                 const struct phi_meta *m, struct phi_err *err)
{
    const char *scaling = "linear";
    double factor = 0; /* none */
    enum phi_status st;

    h->n_rot = h->head_dim;
    st = opt_size(m, ARCH ".rope.dimension_count", MAX_WIDTH, &h->n_rot, err);
    if (st != PHI_OK)
        return st;
    if (h->n_rot % 2 != 0 || h->n_rot > h->head_dim)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"" ARCH ".rope.dimension_count\" is %zu, expected"
                        " an even number up to the head's %zu",
                        h->n_rot, h->head_dim);
    h->rope_base = 10000;
    st = phi_meta_opt_float(m, ARCH ".rope.freq_base", &h->rope_base, err);
    if (st == PHI_OK)
        st = check_range(ARCH ".rope.freq_base", h->rope_base, 1, 1e12, err);
    if (st == PHI_OK)
        st = phi_meta_opt_str(m, ARCH ".rope.scaling.type", &scaling, err);
    if (st == PHI_OK)
        st = phi_meta_opt_float(m, ARCH ".rope.scaling.factor", &factor, err);
    if (st != PHI_OK)
        return st;
    h->rope_factor = 1;
    if (strcmp(scaling, "linear") == 0 && factor != 0) {
        h->rope_factor = factor;
        return check_range(ARCH ".rope.scaling.factor", factor, 1e-3, 1e6, err);
    }
    if (strcmp(scaling, "linear") != 0 && strcmp(scaling, "none") != 0)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "rope scaling \"%.*s\" is not supported, only none and "
                        "linear",
                        PHI_ERR_NAME, scaling);
    return PHI_OK;
}

static enum phi_status read_all(struct phi_hparams *h,
                                const struct phi_source *s, struct phi_err *err)
{
    const struct phi_meta *m = &s->meta;
    const char *arch = NULL;
    bool parallel = true;
    enum phi_status st;

    st = phi_meta_get_str(m, "general.architecture", &arch, err);
    if (st != PHI_OK)
        return st;
    if (strcmp(arch, ARCH) != 0)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "architecture \"%.*s\" is not supported, only " ARCH,
                        PHI_ERR_NAME, arch);
    st = check_known(m, err);
    if (st == PHI_OK)
        st = read_sizes(h, s, err);
    if (st == PHI_OK)
        st = read_rope(h, m, err);
    if (st == PHI_OK)
        st = phi_meta_get_float(m, ARCH ".attention.layer_norm_epsilon",
                                &h->norm_eps, err);
    if (st == PHI_OK)
        st = check_range(ARCH ".attention.layer_norm_epsilon", h->norm_eps, 0,
                         1, err);
    if (st == PHI_OK)
        st =
            phi_meta_opt_bool(m, ARCH ".use_parallel_residual", &parallel, err);
    if (st != PHI_OK)
        return st;
    if (!parallel)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"" ARCH ".use_parallel_residual\" is false");
    return PHI_OK;
}

enum phi_status phi_hparams_read(struct phi_hparams *h,
                                 const struct phi_source *s,
                                 struct phi_err *err)
{
    enum phi_status st;

    *h = (struct phi_hparams){0};
    st = read_all(h, s, err);
    if (st != PHI_OK)
        phi_err_prefix(err, "%s", s->path);
    return st;
}
