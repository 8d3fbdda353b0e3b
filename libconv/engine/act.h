/* SPDX-License-Identifier: MIT */
/* How activations meet weights; between products they are f32. */
#ifndef PHI_ENGINE_ACT_H
#define PHI_ENGINE_ACT_H

enum phi_engine_act {
    PHI_ENGINE_REF, /* products and sums in double */
    /* Float weights in f32 from here on; quantized ones: */
    PHI_ENGINE_EXACT, /* two bytes: about 1e-5 of the reference */
    PHI_ENGINE_FAST,  /* one byte, as llama.cpp has it */
};

#endif
