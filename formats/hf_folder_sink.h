/* SPDX-License-Identifier: MIT */
/*
 * A Hugging Face folder as a sink: safetensors in the layout of transformers'
 * save_pretrained(), their index, config.json and what else the base model
 * has beside its weights. It appears as a whole (base/output_folder.h).
 *
 *   config.json                    the base's, byte for byte but for
 *                                  torch_dtype or dtype, vocab_size and
 *                                  tie_word_embeddings, where they change
 *   model*.safetensors             the base's files, or cut anew (hf_cut.h);
 *                                  metadata {"format":"pt"}
 *   model.safetensors.index.json   with several files
 *   all others                     copied (hf_side_files.h), or the caller's
 *
 * The bytes depend on base, tensors and options only. Buffers that
 * checkpoints carry though they can be computed are no tensors of a source
 * and are left out.
 */
#ifndef PHI_FORMATS_HF_FOLDER_SINK_H
#define PHI_FORMATS_HF_FOLDER_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/hf_side_files.h"
#include "libconv/base/err.h"
#include "libconv/base/file.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

struct phi_hf_folder_options {
    bool replace;          /* a model's folder may be replaced, as a whole */
    bool untie;            /* output.weight stops being the embedding */
    uint64_t max_shard;    /* bytes of tensors a file, where the base's files do
                              not fit; 0: 50 GB, as transformers 5 */
    const char *tokenizer; /* a folder whose tokenizer replaces the base's, as
                              a whole; or NULL */
    /* (nside) added to those files, in the place of those of their name,
     * or taking them away */
    const struct phi_hf_side_file *side;
    size_t nside;
    /* (ninputs) further files that must not go with a folder that is
     * replaced; the base's need not be named */
    const struct phi_file_id *inputs;
    size_t ninputs;
};

/*
 * Begins the folder and reserves the exact sizes of its files. The tensors
 * are those of the base, by canonical names in any order, with the shapes of
 * the output (rows first, as in a checkpoint: (rows, columns)); types are
 * floats. A tied output.weight that the base does not store is not among them,
 * unless `untie` is set. Where the base is no folder, names are those of
 * current transformers, rows of a fused attn_qkv become three tensors, and
 * config.json must be one of the side files.
 *
 * PHI_E_ARG for a target that may not be replaced or holds an input, and for
 * tensors that are not what the base needs; nothing is created then. Nothing
 * is needed after the call but the files to be read from. phi_sink_set_meta()
 * is refused: a folder has no metadata of that kind. On success the caller
 * owns *out.
 */
enum phi_status phi_hf_folder_sink_open(struct phi_sink **out, const char *path,
                                        const struct phi_source *base,
                                        const struct phi_sink_tensor *tensors,
                                        size_t n,
                                        const struct phi_hf_folder_options *opt,
                                        struct phi_err *err);

/*
 * Bytes of all files that the sink would write, with its checks of anything
 * but the target; path is only for messages.
 */
enum phi_status phi_hf_folder_sink_size(uint64_t *out, const char *path,
                                        const struct phi_source *base,
                                        const struct phi_sink_tensor *tensors,
                                        size_t n,
                                        const struct phi_hf_folder_options *opt,
                                        struct phi_err *err);

#endif
