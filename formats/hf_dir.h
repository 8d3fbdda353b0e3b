/* SPDX-License-Identifier: MIT */
/* A Hugging Face model folder (PhiForCausalLM) as a source. */
#ifndef PHI_FORMATS_HF_DIR_H
#define PHI_FORMATS_HF_DIR_H

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/*
 * Reads config.json, the index or model.safetensors, and every shard's
 * header, and checks them against each other: each tensor that the model
 * needs is there once, with its shape, in floats, and nothing else is.
 * Tensors are presented in the order of llama.cpp's converter: shards by
 * name, in each the tensors by their names in the checkpoint. A tied
 * lm_head.weight that is not stored comes right after the embedding, whose
 * bytes it reads. Weights of the old naming keep query, key and value in one
 * tensor, attn_qkv. Nothing in the folder is ever run.
 *
 * On success the caller owns *out and ends it with phi_source_close().
 */
enum phi_status phi_hf_open(struct phi_source **out, const char *dir,
                            struct phi_err *err);

#endif
