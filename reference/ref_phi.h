/* SPDX-License-Identifier: MIT */
/* ref_phi.h - a whole Phi (phi-1, phi-1.5, phi-2), forward, in double.
 *
 *   x = embedding of the token
 *   each layer:  h = layer norm of x        (one norm feeds both branches)
 *                x = x + dense(attention(h)) + fc2(gelu_new(fc1(h)))
 *   logits = head(final layer norm of x)    (with a bias)
 *
 * Every linear layer has a bias.  Positions enter through the rotation of the
 * first n_rot values of each query and key head.
 *
 * Source: the published model code (PhiForCausalLM); Li et al., "Textbooks Are
 * All You Need II: phi-1.5", 2023; perplexity as llama-perplexity defines it.
 */
#ifndef REF_PHI_H
#define REF_PHI_H

#include <stddef.h>
#include <stdint.h>

struct ref_phi_params {
    size_t n_vocab; /* rows of the embedding and of the head */
    size_t n_embd;  /* n_head * head_dim */
    size_t n_ff;    /* rows of fc1 */
    size_t n_layer;
    size_t n_head;
    size_t n_head_kv; /* divides n_head */
    size_t n_rot;     /* even, at most head_dim */
    double rope_theta;
    double norm_eps; /* of every norm, also of those of q and k */
};

/* Weights of one layer; shapes as the Hugging Face names have them.  With
 * head_dim = n_embd / n_head and n_kv = n_head_kv * head_dim. */
struct ref_phi_layer {
    const double *norm_w;  /* (n_embd)           input_layernorm */
    const double *norm_b;  /* (n_embd) */
    const double *q_w;     /* (n_embd, n_embd)   self_attn.q_proj */
    const double *q_b;     /* (n_embd) */
    const double *k_w;     /* (n_kv, n_embd)     self_attn.k_proj */
    const double *k_b;     /* (n_kv) */
    const double *v_w;     /* (n_kv, n_embd)     self_attn.v_proj */
    const double *v_b;     /* (n_kv) */
    const double *dense_w; /* (n_embd, n_embd)  self_attn.dense */
    const double *dense_b; /* (n_embd) */
    const double *fc1_w;   /* (n_ff, n_embd)     mlp.fc1 */
    const double *fc1_b;   /* (n_ff) */
    const double *fc2_w;   /* (n_embd, n_ff)     mlp.fc2 */
    const double *fc2_b;   /* (n_embd) */

    /* Norms of each head of q and k before the rotation (qk_layernorm), all
     * four (head_dim), or all four NULL. */
    const double *q_norm_w;
    const double *q_norm_b;
    const double *k_norm_w;
    const double *k_norm_b;
};

struct ref_phi_weights {
    const double *embd;                 /* (n_vocab, n_embd) embed_tokens */
    const struct ref_phi_layer *layers; /* (n_layer) */
    const double *norm_w;               /* (n_embd) final_layernorm */
    const double *norm_b;               /* (n_embd) */
    const double *head_w;               /* (n_vocab, n_embd) lm_head */
    const double *head_b;               /* (n_vocab) */
};

/* Logits after each of n tokens at positions 0..n-1; logits (n, n_vocab) is
 * the caller's.  Returns 0, or -1 if memory ran out or a token is not below
 * n_vocab. */
int ref_phi_forward(const struct ref_phi_params *p,
                    const struct ref_phi_weights *w, const uint32_t *tokens,
                    size_t n, double *logits);

/* Sums over scored predictions; add windows by adding the members. */
struct ref_ppl {
    size_t scored;
    double nll;         /* sum of -ln p(token), natural logarithm */
    double nll_squared; /* sum of the squares */
};

/* Adds one window of n_ctx tokens to *sums.  The first n_ctx / 2 tokens are
 * context only: positions n_ctx/2 .. n_ctx-2 predict the token after them, so
 * n_ctx - 1 - n_ctx/2 predictions are scored.  n_ctx >= 2.  Returns as
 * ref_phi_forward(). */
int ref_phi_score_window(const struct ref_phi_params *p,
                         const struct ref_phi_weights *w,
                         const uint32_t *tokens, size_t n_ctx,
                         struct ref_ppl *sums);

/* exp(mean), and exp(mean) times the standard error of the mean.  The error
 * needs two scored predictions, and is 0 below that. */
double ref_ppl_value(const struct ref_ppl *sums);
double ref_ppl_error(const struct ref_ppl *sums);

#endif
