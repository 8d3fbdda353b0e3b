/* SPDX-License-Identifier: MIT */
/* ref_math.c - the arithmetic of a transformer, in double. */
#include "reference/ref_math.h"

#include <math.h>

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

void ref_matmul(double *y, const double *a, const double *b, size_t m, size_t n,
                size_t k)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            y[i * n + j] = dot(a + i * k, b + j * k, k);
        }
    }
}

void ref_add_bias(double *y, const double *bias, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            y[i * n + j] += bias[j];
        }
    }
}

void ref_layer_norm(double *y, const double *x, const double *gain,
                    const double *bias, size_t n, double eps)
{
    double mean = 0.0;
    for (size_t i = 0; i < n; i++) {
        mean += x[i];
    }
    mean /= (double)n;

    double variance = 0.0;
    for (size_t i = 0; i < n; i++) {
        variance += (x[i] - mean) * (x[i] - mean);
    }
    variance /= (double)n;

    const double scale = 1.0 / sqrt(variance + eps);
    for (size_t i = 0; i < n; i++) {
        y[i] = (x[i] - mean) * scale * gain[i] + bias[i];
    }
}

double ref_gelu_new(double z)
{
    const double pi = 3.14159265358979323846;
    const double inner = sqrt(2.0 / pi) * (z + 0.044715 * z * z * z);
    return 0.5 * z * (1.0 + tanh(inner));
}

double ref_log_sum_exp(const double *x, size_t n)
{
    double max = x[0];
    for (size_t i = 1; i < n; i++) {
        max = x[i] > max ? x[i] : max;
    }
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += exp(x[i] - max);
    }
    return max + log(sum);
}

void ref_softmax(double *y, const double *x, size_t n)
{
    const double lse = ref_log_sum_exp(x, n);
    for (size_t i = 0; i < n; i++) {
        y[i] = exp(x[i] - lse);
    }
}

double ref_nll(const double *logits, size_t n, size_t target)
{
    return ref_log_sum_exp(logits, n) - logits[target];
}

double ref_kl_divergence(const double *p_logits, const double *q_logits,
                         size_t n)
{
    const double p_lse = ref_log_sum_exp(p_logits, n);
    const double q_lse = ref_log_sum_exp(q_logits, n);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double p = p_logits[i] - p_lse;
        const double q = q_logits[i] - q_lse;
        sum += exp(p) * (p - q);
    }
    return sum;
}

void ref_rope_neox(double *head, size_t n_rot, double theta, size_t pos)
{
    const size_t half = n_rot / 2;
    for (size_t i = 0; i < half; i++) {
        const double frequency = pow(theta, -2.0 * (double)i / (double)n_rot);
        const double angle = (double)pos * frequency;
        const double a = head[i];
        const double b = head[i + half];
        head[i] = a * cos(angle) - b * sin(angle);
        head[i + half] = a * sin(angle) + b * cos(angle);
    }
}

void ref_attention(double *out, const double *q, const double *k,
                   const double *v, const struct ref_attention_shape *shape,
                   double *scores)
{
    const size_t dim = shape->head_dim;
    const size_t group = shape->n_head / shape->n_head_kv;
    const double scale = 1.0 / sqrt((double)dim);

    for (size_t i = 0; i < shape->n_tokens; i++) {
        for (size_t h = 0; h < shape->n_head; h++) {
            const size_t h_kv = h / group;
            const double *const q_row = q + (i * shape->n_head + h) * dim;
            double *const out_row = out + (i * shape->n_head + h) * dim;

            for (size_t j = 0; j <= i; j++) {
                const double *const k_row =
                    k + (j * shape->n_head_kv + h_kv) * dim;
                scores[j] = dot(q_row, k_row, dim) * scale;
            }
            ref_softmax(scores, scores, i + 1);

            for (size_t d = 0; d < dim; d++) {
                double sum = 0.0;
                for (size_t j = 0; j <= i; j++) {
                    sum +=
                        scores[j] * v[(j * shape->n_head_kv + h_kv) * dim + d];
                }
                out_row[d] = sum;
            }
        }
    }
}
