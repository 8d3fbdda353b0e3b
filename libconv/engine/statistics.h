/* SPDX-License-Identifier: MIT */
/* Means, their errors, and percentiles, as llama-perplexity defines them. */
#ifndef PHI_ENGINE_STATISTICS_H
#define PHI_ENGINE_STATISTICS_H

#include <stddef.h>

/* Sums of samples, in the order in which they were added. */
struct phi_sums {
    size_t n;
    double sum;
    double squares;
};

void phi_sums_add(struct phi_sums *s, double v);

double phi_sums_mean(const struct phi_sums *s);

/* Standard error of the mean: sqrt((E v^2 - mean^2) / (n - 1)), or 0. */
double phi_sums_error(const struct phi_sums *s);

/* Sorts v (n, no NaN) for the function below. */
void phi_sort(double *v, size_t n);

/*
 * The value below which `percent` of sorted[0..n-1] lie, between neighbours
 * by distance. n >= 1.
 */
double phi_percentile(const double *sorted, size_t n, double percent);

#endif
