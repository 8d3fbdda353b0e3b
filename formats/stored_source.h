/* SPDX-License-Identifier: MIT */
/*
 * safetensors as a source that says what is stored and nothing else: names as
 * in the files, every tensor, in the order of files and data. For looking at
 * models, whether or not they are Phi; converters read hf_dir.h.
 */
#ifndef PHI_FORMATS_STORED_SOURCE_H
#define PHI_FORMATS_STORED_SOURCE_H

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/*
 * One file; its metadata are those of its header. Format "safetensors". The
 * caller owns *out.
 */
enum phi_status phi_stored_open_file(struct phi_source **out, const char *path,
                                     struct phi_err *err);

/*
 * A Hugging Face folder: its metadata are the values of config.json (which
 * may be missing) under "config.". Format "hf".
 */
enum phi_status phi_stored_open_model(struct phi_source **out, const char *dir,
                                      struct phi_err *err);

/*
 * A PEFT adapter: adapter_model.safetensors, with the values of
 * adapter_config.json under "adapter.". Format "adapter".
 */
enum phi_status phi_stored_open_adapter(struct phi_source **out,
                                        const char *dir, struct phi_err *err);

#endif
