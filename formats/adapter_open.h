/* SPDX-License-Identifier: MIT */
/*
 * Opens a LoRA adapter: a folder as PEFT's save_pretrained() writes it, or a
 * GGUF file as llama.cpp's convert_lora_to_gguf.py makes it.
 */
#ifndef PHI_FORMATS_ADAPTER_OPEN_H
#define PHI_FORMATS_ADAPTER_OPEN_H

#include "libconv/base/err.h"
#include "libconv/lora/adapter.h"

/*
 * Opens a folder, with adapter_config.json and adapter_model.safetensors, or
 * a GGUF file. Type and rank of every tensor that is known by its key are
 * checked, and the values of all that are held. A folder with only
 * adapter_model.bin is refused, unread, with a hint how to convert it. On
 * success the caller owns *out and ends it with phi_adapter_close().
 */
enum phi_status phi_adapter_open(struct phi_adapter **out, const char *path,
                                 struct phi_err *err);

/* The same of a folder, but no value is read or held: for checks that need
 * none. */
enum phi_status phi_adapter_describe(struct phi_adapter **out, const char *path,
                                     struct phi_err *err);

#endif
