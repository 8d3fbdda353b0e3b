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

/* Standard error of the mean: sqrt((E v^2 - mean^2) / (n - 1)). NaN of fewer
 * than two samples: one says nothing of its error. */
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

/*
 * The 95th percentile of Student's t distribution; NaN of no degree of freedom.
 * Above 10 degrees by four terms of Fisher's expansion (Abramowitz and Stegun,
 * "Handbook of Mathematical Functions", 26.7.5), to 1.4e-6; no library's bits
 * are in it.
 */
double phi_student_95(size_t freedom);

/*
 * How far from the mean a one-sided interval of 95 % ends, on either side, by
 * Student's t. For a number of independent samples that is fixed before and
 * may be small; they should not be far from normal. Divergences lean to
 * the right: of the sample model's windows, 2 to 16 drawn at random, 90 to 93 %
 * of the upper ends are above the mean. NaN of fewer than two.
 */
double phi_sums_reach_95(const struct phi_sums *s);

/*
 * The lower end of a one-sided interval for a share, of which `share` was found
 * among n; z: the percentile for the confidence, the normal distribution's. The
 * score interval (Wilson, "Probable inference, the law of succession, and
 * statistical inference", 1927): unlike the mean less z standard errors it is
 * no point where all of a few were the same. Brown, Cai and DasGupta,
 * "Interval estimation for a binomial proportion", 2001, recommend it.
 */
double phi_share_low(double share, double n, double z);

/*
 * The same with 95 % for predictions that are not independent of those of the
 * same group, of which s has the shares of all that are whole; groups are equal
 * in number: n is then the number of independent ones with the error that the
 * shares have, and Student's t stands for z (Korn and Graubard, "Confidence
 * intervals for proportions with small expected number of positive counts
 * estimated from survey data", 1998; with Wilson's interval, which Franco,
 * Little, Louis and Slud recommend: "Comparative study of confidence intervals
 * for proportions in complex sample surveys", 2019). Shares can be alike by
 * chance: the end is no higher than that of n independent predictions. NaN of
 * fewer than two shares.
 */
double phi_sums_share_95(const struct phi_sums *s, double share, size_t n);

/*
 * A confidence sequence for the mean of values in [0, 1], from below: with a
 * probability of 1 - alpha the true mean is at no n less than its end. It
 * promises that of any such values whose mean, given those before, is the
 * same, however few, and all alike. Zero-initialise; one alpha for all calls.
 */
struct phi_low {
    size_t n;
    double sum;
    double squares; /* of distances from the guess of the mean */
    double gain;
    double weight;
};

void phi_low_add(struct phi_low *s, double v, double alpha);
double phi_low_end(const struct phi_low *s, double alpha);

/* Sorts v (n, no NaN) for the function below. */
void phi_sort(double *v, size_t n);

/*
 * The value below which `percent` of sorted[0..n-1] lie, between neighbours
 * by distance. n >= 1.
 */
double phi_percentile(const double *sorted, size_t n, double percent);

#endif
