/* SPDX-License-Identifier: MIT */
/*
 * How a model is cut into safetensors files: which tensor is in which file
 * under which name, and in which order.
 *
 *   every tensor has the type and  --> the base's files: names, boundaries,
 *   the shape of the base's            order inside
 *   otherwise                      --> as transformers' save_pretrained()
 *                                      does it: in the order of the state
 *                                      dict, a new file where the next tensor
 *                                      does not fit any more; in each file
 *                                      the reference's order
 *
 * (transformers 5 takes models that it has read from files itself in the
 * order of their names; made models, and all of transformers 4, are in the
 * order of the state dict. One file is the same either way.)
 */
#ifndef PHI_FORMATS_HF_CUT_H
#define PHI_FORMATS_HF_CUT_H

#include <stddef.h>
#include <stdint.h>

#include "formats/hf_names.h"
#include "formats/safetensors.h"
#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/base/folder.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

/* Where transformers 5 begins a new file. */
#define PHI_HF_MAX_SHARD UINT64_C(50000000000)

/* A tensor in a file: a tensor of the sink, or some rows of a fused one. */
struct phi_hf_stored {
    struct phi_st_entry entry; /* first; its name is `origin` */
    char origin[PHI_HF_ORIGIN_ROOM];
    size_t tensor; /* of the sink */
    uint64_t nbytes;
    uint64_t order; /* within the model or the file, ascending */
    size_t file;
};

struct phi_hf_cut {
    struct phi_hf_stored *stored;      /* (n), in the sink's order */
    const struct phi_st_entry **order; /* (n) the same, file after file, as
                                          they lie there */
    size_t n;
    size_t *end; /* (names.n) behind each file's last in `order` */
    struct phi_names names;
    bool same;        /* types and shapes are the base's */
    uint64_t nbytes;  /* of all tensors */
    uint64_t weights; /* elements; those of tied tensors once */
};

struct phi_hf_cut_options {
    uint64_t max_shard; /* bytes of a file's tensors; 0: PHI_HF_MAX_SHARD */
    bool tied;          /* output.weight is the embedding */
};

/*
 * Cuts the n tensors, which are those of `base`, each once. If `tied`, there
 * may be an output.weight only where the base stores it all the same; if not,
 * there is one even where the base is tied. Names are the base's if it is a
 * folder, else those of current transformers, where a fused attn_qkv becomes
 * three tensors. PHI_E_ARG for tensors that are missing, strange or of a wrong
 * size. To be ended with phi_hf_cut_release(), after a failure too; borrows
 * nothing.
 */
enum phi_status phi_hf_cut_make(struct phi_hf_cut *out,
                                const struct phi_source *base,
                                const struct phi_sink_tensor *tensors, size_t n,
                                const struct phi_hf_cut_options *options,
                                struct phi_err *err);
void phi_hf_cut_release(struct phi_hf_cut *cut);

/* Whether files are named by model.safetensors.index.json. */
bool phi_hf_cut_has_index(const struct phi_hf_cut *cut);

/* Appends that file's text, the bytes that transformers 5 writes. */
enum phi_status phi_hf_cut_index(const struct phi_hf_cut *cut,
                                 struct phi_buf *text, struct phi_err *err);

#endif
