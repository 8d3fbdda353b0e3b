/* SPDX-License-Identifier: MIT */
/* A model that is nowhere: Phi-2's shapes with few layers, for bench. */
#ifndef PHICONV_TOOLS_BENCH_SYNTHETIC_H
#define PHICONV_TOOLS_BENCH_SYNTHETIC_H

#include "libconv/tensor/source.h"

/* Layers, of Phi-2's 32. */
#define BENCH_LAYERS 4

/*
 * Matrices of Q4_0 whose blocks come round again every few megabytes, so that
 * reading them costs what it costs in memory, and no more is held. It has no
 * tokenizer.
 */
enum phi_status bench_synthetic_open(struct phi_source **out,
                                     struct phi_err *err);

#endif
