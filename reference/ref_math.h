/* SPDX-License-Identifier: MIT */
/* ref_math.h - the arithmetic of a transformer, in double, in plain loops.
 *
 * Matrices are row-major.  Pure functions; nothing allocates; an output may be
 * the same array as an input only where it is said.
 */
#ifndef REF_MATH_H
#define REF_MATH_H

#include <stddef.h>

/* y[i][j] = sum over t of a[i][t] * b[j][t]: rows of activations times rows of
 * weights, as a linear layer keeps them.
 * y (m, n), a (m, k), b (n, k). */
void ref_matmul(double *y, const double *a, const double *b, size_t m, size_t n,
                size_t k);

/* y[i][j] += bias[j].  y (m, n), bias (n). */
void ref_add_bias(double *y, const double *bias, size_t m, size_t n);

/* y = (x - mean) / sqrt(variance + eps) * gain + bias, variance of the
 * population.  All (n).  y may be x.
 * Source: Ba, Kiros, Hinton, "Layer Normalization", 2016, section 3. */
void ref_layer_norm(double *y, const double *x, const double *gain,
                    const double *bias, size_t n, double eps);

/* z/2 * (1 + tanh(sqrt(2/pi) * (z + 0.044715 z^3))).
 * Source: Hendrycks, Gimpel, "Gaussian Error Linear Units", 2016, section 2. */
double ref_gelu_new(double z);

/* ln(sum of exp(x)), without overflow.  n >= 1. */
double ref_log_sum_exp(const double *x, size_t n);

/* y = exp(x) / sum of exp(x).  y may be x.  n >= 1. */
void ref_softmax(double *y, const double *x, size_t n);

/* -ln of the probability that softmax(logits) gives to `target`. */
double ref_nll(const double *logits, size_t n, size_t target);

/* Sum over i of p_i * (ln p_i - ln q_i) with p, q the softmaxes of two rows of
 * logits: how far q is from p.  n >= 1. */
double ref_kl_divergence(const double *p_logits, const double *q_logits,
                         size_t n);

/* Turns the first n_rot values of one head, n_rot even, by its position.  The
 * pairs are (i, i + n_rot / 2), the angle of pair i is
 * pos * theta^(-2i / n_rot): the "NeoX" or "half" order.
 * Source: Su et al., "RoFormer", 2021, section 3.2.2. */
void ref_rope_neox(double *head, size_t n_rot, double theta, size_t pos);

/* Shapes of one attention: n_head is a multiple of n_head_kv. */
struct ref_attention_shape {
    size_t n_tokens;
    size_t n_head;
    size_t n_head_kv;
    size_t head_dim;
};

/* Causal attention: token i of head h sees tokens 0..i of key and value head
 * h / (n_head / n_head_kv), with scores q.k / sqrt(head_dim).
 * out, q (n_tokens, n_head, head_dim); k, v (n_tokens, n_head_kv, head_dim);
 * scores (n_tokens) is working space. */
void ref_attention(double *out, const double *q, const double *k,
                   const double *v, const struct ref_attention_shape *shape,
                   double *scores);

#endif
