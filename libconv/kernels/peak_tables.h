/* SPDX-License-Identifier: MIT */
/* The loops that each kernel file exports; for peak.c and those files. */
#ifndef PHI_KERNELS_PEAK_TABLES_H
#define PHI_KERNELS_PEAK_TABLES_H

#include "libconv/kernels/peak.h"

extern const struct phi_peak_kernels phi_peak_scalar;
extern const struct phi_peak_kernels phi_peak_avx2;
extern const struct phi_peak_kernels phi_peak_avxvnni;
extern const struct phi_peak_kernels phi_peak_avx512;
extern const struct phi_peak_kernels phi_peak_avx512vnni;
extern const struct phi_peak_kernels phi_peak_neon;
extern const struct phi_peak_kernels phi_peak_dotprod;
extern const struct phi_peak_kernels phi_peak_i8mm;

#endif
