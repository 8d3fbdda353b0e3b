/* SPDX-License-Identifier: MIT */
/* ref_phi.c - a whole Phi, forward, in double. */
#include "reference/ref_phi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/ref_math.h"

/* Working space of one forward pass over n tokens. */
struct space {
    double *x;         /* (n, n_embd) residual stream */
    double *h;         /* (n, n_embd) normalised */
    double *q;         /* (n, n_head, head_dim) */
    double *k;         /* (n, n_head_kv, head_dim) */
    double *v;         /* (n, n_head_kv, head_dim) */
    double *heads;     /* (n, n_embd) heads of the attention, side by side */
    double *attention; /* (n, n_embd) after dense */
    double *ff;        /* (n, n_ff) */
    double *mlp;       /* (n, n_embd) after fc2 */
    double *scores;    /* (n) */
};

static void linear(double *y, const double *x, const double *w, const double *b,
                   size_t n, size_t rows, size_t columns)
{
    ref_matmul(y, x, w, n, rows, columns);
    ref_add_bias(y, b, n, rows);
}

/* Norm, if there is one, then rotation, of every head of every token. */
static void place_heads(double *x, size_t n, size_t n_head, const double *gain,
                        const double *bias, const struct ref_phi_params *p)
{
    const size_t dim = p->n_embd / p->n_head;
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < n_head; h++) {
            double *const head = x + (i * n_head + h) * dim;
            if (gain != NULL) {
                ref_layer_norm(head, head, gain, bias, dim, p->norm_eps);
            }
            ref_rope_neox(head, p->n_rot, p->rope_theta, i);
        }
    }
}

static void forward_layer(const struct ref_phi_params *p,
                          const struct ref_phi_layer *l, size_t n,
                          const struct space *s)
{
    const size_t embd = p->n_embd;
    const size_t head_dim = embd / p->n_head;
    const size_t kv = p->n_head_kv * head_dim;

    for (size_t i = 0; i < n; i++) {
        ref_layer_norm(s->h + i * embd, s->x + i * embd, l->norm_w, l->norm_b,
                       embd, p->norm_eps);
    }

    linear(s->q, s->h, l->q_w, l->q_b, n, embd, embd);
    linear(s->k, s->h, l->k_w, l->k_b, n, kv, embd);
    linear(s->v, s->h, l->v_w, l->v_b, n, kv, embd);
    place_heads(s->q, n, p->n_head, l->q_norm_w, l->q_norm_b, p);
    place_heads(s->k, n, p->n_head_kv, l->k_norm_w, l->k_norm_b, p);
    const struct ref_attention_shape shape = {n, p->n_head, p->n_head_kv,
                                              head_dim};
    ref_attention(s->heads, s->q, s->k, s->v, &shape, s->scores);
    linear(s->attention, s->heads, l->dense_w, l->dense_b, n, embd, embd);

    linear(s->ff, s->h, l->fc1_w, l->fc1_b, n, p->n_ff, embd);
    for (size_t i = 0; i < n * p->n_ff; i++) {
        s->ff[i] = ref_gelu_new(s->ff[i]);
    }
    linear(s->mlp, s->ff, l->fc2_w, l->fc2_b, n, embd, p->n_ff);

    for (size_t i = 0; i < n * embd; i++) {
        s->x[i] += s->attention[i] + s->mlp[i];
    }
}

static void forward(const struct ref_phi_params *p,
                    const struct ref_phi_weights *w, const uint32_t *tokens,
                    size_t n, const struct space *s, double *logits)
{
    const size_t embd = p->n_embd;
    for (size_t i = 0; i < n; i++) {
        memcpy(s->x + i * embd, w->embd + tokens[i] * embd,
               embd * sizeof *s->x);
    }
    for (size_t l = 0; l < p->n_layer; l++) {
        forward_layer(p, &w->layers[l], n, s);
    }
    for (size_t i = 0; i < n; i++) {
        ref_layer_norm(s->h + i * embd, s->x + i * embd, w->norm_w, w->norm_b,
                       embd, p->norm_eps);
    }
    linear(logits, s->h, w->head_w, w->head_b, n, p->n_vocab, embd);
}

int ref_phi_forward(const struct ref_phi_params *p,
                    const struct ref_phi_weights *w, const uint32_t *tokens,
                    size_t n, double *logits)
{
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] >= p->n_vocab) {
            return -1;
        }
    }
    if (n == 0) {
        return 0;
    }

    /* One allocation, cut into the arrays of struct space. */
    const size_t embd = n * p->n_embd;
    const size_t kv = embd / p->n_head * p->n_head_kv;
    const size_t ff = n * p->n_ff;
    double *const memory =
        malloc((6 * embd + 2 * kv + ff + n) * sizeof *memory);
    if (memory == NULL) {
        return -1;
    }
    struct space s;
    s.x = memory;
    s.h = s.x + embd;
    s.q = s.h + embd;
    s.heads = s.q + embd;
    s.attention = s.heads + embd;
    s.mlp = s.attention + embd;
    s.k = s.mlp + embd;
    s.v = s.k + kv;
    s.ff = s.v + kv;
    s.scores = s.ff + ff;

    forward(p, w, tokens, n, &s, logits);
    free(memory);
    return 0;
}

int ref_phi_score_window(const struct ref_phi_params *p,
                         const struct ref_phi_weights *w,
                         const uint32_t *tokens, size_t n_ctx,
                         struct ref_ppl *sums)
{
    double *const logits = malloc(n_ctx * p->n_vocab * sizeof *logits);
    if (logits == NULL) {
        return -1;
    }
    const int status = ref_phi_forward(p, w, tokens, n_ctx, logits);
    if (status == 0) {
        for (size_t j = n_ctx / 2; j + 1 < n_ctx; j++) {
            const double nll =
                ref_nll(logits + j * p->n_vocab, p->n_vocab, tokens[j + 1]);
            sums->scored += 1;
            sums->nll += nll;
            sums->nll_squared += nll * nll;
        }
    }
    free(logits);
    return status;
}

double ref_ppl_value(const struct ref_ppl *sums)
{
    return exp(sums->nll / (double)sums->scored);
}

double ref_ppl_error(const struct ref_ppl *sums)
{
    if (sums->scored < 2) {
        return 0.0;
    }
    const double count = (double)sums->scored;
    const double mean = sums->nll / count;
    const double variance = sums->nll_squared / count - mean * mean;
    if (variance <= 0.0) {
        return 0.0;
    }
    return exp(mean) * sqrt(variance / (count - 1.0));
}
