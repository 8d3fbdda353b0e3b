/* SPDX-License-Identifier: MIT */
/* How activations meet quantized weights; floats are always f32. */
#ifndef PHI_ENGINE_ACT_H
#define PHI_ENGINE_ACT_H

enum phi_engine_act {
    PHI_ENGINE_REF,   /* f32 with sums in double, as for float weights */
    PHI_ENGINE_EXACT, /* two bytes: about 1e-5 of the reference */
    PHI_ENGINE_FAST,  /* one byte, as llama.cpp has it */
};

#endif
