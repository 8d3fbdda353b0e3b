/* SPDX-License-Identifier: MIT */
/* The metadata of a Hugging Face folder, with GGUF's keys, in GGUF's order. */
#ifndef PHI_FORMATS_HF_META_H
#define PHI_FORMATS_HF_META_H

#include "formats/hf_config.h"
#include "formats/json.h"
#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/*
 * Fills s->meta (s->path and s->tensors are there). Keys and order are those
 * of llama.cpp's converter for phi2, with three differences: the true
 * feed_forward_length and head_count_kv, where it writes 4 * hidden_size and
 * head_count, and rope.freq_base always, which it leaves to the default.
 */
enum phi_status phi_hf_meta(struct phi_source *s, const struct phi_hf_config *c,
                            const struct phi_json *config, struct phi_err *err);

#endif
