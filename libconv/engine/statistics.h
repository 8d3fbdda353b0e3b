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

/*
 * Half the width of a confidence sequence for the mean: with a probability of
 * 1 - alpha the true mean lies within it at every n from 16 on at once, so
 * that a test may be made after each sample and end with the first that
 * decides. For independent samples that are not far from normal, such as means
 * of many; narrowest near n = 50. Waudby-Smith, Arbour, Sinha, Kennedy and
 * Ramdas, "Time-uniform central limit theory and asymptotic confidence
 * sequences" (arXiv:2103.06476), theorem 2.2, made wider for a small n, whose
 * variance is not known, by sqrt((n - 1) / (n - 5)). Infinite up to 5.
 */
double phi_sums_sequence(const struct phi_sums *s, double alpha);

/* Sorts v (n, no NaN) for the function below. */
void phi_sort(double *v, size_t n);

/*
 * The value below which `percent` of sorted[0..n-1] lie, between neighbours
 * by distance. n >= 1.
 */
double phi_percentile(const double *sorted, size_t n, double percent);

#endif
