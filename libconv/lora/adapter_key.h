/* SPDX-License-Identifier: MIT */
/*
 * What a tensor of an adapter is, by its key in PEFT's files (PEFT 0.21,
 * utils/save_and_load.py, and what older and other writers leave in):
 *
 *   base_model.model. PATH .lora_A[.NAME].weight            A (rank, in)
 *                          .lora_B[.NAME].weight            B (out, rank)
 *                          .lora_B[.NAME].bias              of B (out)
 *                          .lora_embedding_A[.NAME]         (rank, rows)
 *                          .lora_embedding_B[.NAME]         (width, rank)
 *                          .lora_magnitude_vector[.NAME][.weight]
 *                          .token_adapter.trainable_tokens_delta[.NAME]
 *                          [.modules_to_save[.NAME]].weight a whole weight
 *                          [.modules_to_save[.NAME]].bias   a whole bias
 *                          .original_module.weight, .bias   what they replaced
 *                          [.token_adapter].base_layer.weight, .bias
 *
 * NAME is the adapter's, which has no dots; PATH is the module's.
 */
#ifndef PHI_LORA_ADAPTER_KEY_H
#define PHI_LORA_ADAPTER_KEY_H

#include <stdbool.h>

#define PHI_ADAPTER_KEY_MAX 1024 /* bytes of a key */

enum phi_adapter_role {
    PHI_ADAPTER_A,
    PHI_ADAPTER_B,
    PHI_ADAPTER_B_BIAS,
    PHI_ADAPTER_EMBEDDING_A,
    PHI_ADAPTER_EMBEDDING_B,
    PHI_ADAPTER_MAGNITUDE,   /* of DoRA */
    PHI_ADAPTER_TOKENS,      /* rows of single tokens */
    PHI_ADAPTER_WEIGHT,      /* takes the place of the base's */
    PHI_ADAPTER_BIAS,        /* likewise */
    PHI_ADAPTER_BASE_WEIGHT, /* likewise; of a module that is adapted */
    PHI_ADAPTER_BASE_BIAS,
    PHI_ADAPTER_ORIGINAL_WEIGHT, /* what a trained one took the place of */
    PHI_ADAPTER_ORIGINAL_BIAS,
    PHI_ADAPTER_UNKNOWN, /* none of these */
    PHI_ADAPTER_NROLES = PHI_ADAPTER_UNKNOWN
};

struct phi_adapter_key {
    char path[PHI_ADAPTER_KEY_MAX + 1];
    char name[PHI_ADAPTER_KEY_MAX + 1]; /* the adapter's, or empty */
    enum phi_adapter_role role;
};

/* False for a key that is none of these, or too long. */
bool phi_adapter_key_parse(struct phi_adapter_key *out, const char *key);

#endif
