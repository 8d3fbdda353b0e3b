/* SPDX-License-Identifier: MIT */
/* What the bodies of kernels are declared with. */
#ifndef PHI_KERNELS_BODY_H
#define PHI_KERNELS_BODY_H

/*
 * A body whose constant arguments make the kernels: each of them must be a
 * copy of its own, however long, for sums to stay in registers.
 */
#if defined(__GNUC__)
#define PHI_BODY static inline __attribute__((always_inline))
#else
#define PHI_BODY static inline
#endif

#endif
