/* SPDX-License-Identifier: MIT */
#include "tools/inspect_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/any_model.h"
#include "formats/pack_source.h"
#include "libconv/base/mem.h"
#include "libconv/tensor/source_hash.h"
#include "tools/model_size.h"
#include "tools/progress.h"
#include "tools/signals.h"

/* ---- opening and counting ----------------------------------------------- */

static void count(struct inspect_job *job)
{
    const struct phi_source *s = job->source;

    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];
        struct inspect_type *type = &job->types[t->dtype];
        const uint64_t n = phi_tensor_count(t);

        if (job->shared[i])
            continue;
        type->tensors++;
        type->weights += n;
        type->nbytes += t->nbytes;
        job->weights += n;
        job->tensor_nbytes += t->nbytes;
    }
    job->file_nbytes = model_file_nbytes(s);
}

enum phi_status inspect_open(struct inspect_job *job, const char *path,
                             struct phi_err *err)
{
    enum phi_status st;

    if (strcmp(path, "-") == 0) {
        signals_default(); /* a pipe may stall for ever */
        st = phi_pack_open_stream(&job->source, stdin, "standard input", err);
    } else {
        st = phi_any_open(&job->source, path, job->args.stored, &job->why, err);
    }
    job->path = path;
    if (st != PHI_OK)
        return st;
    job->order = phi_source_by_name(job->source, err);
    job->shared = model_shared(job->source, err);
    if (job->order == NULL || job->shared == NULL)
        return PHI_E_NOMEM;
    count(job);
    return PHI_OK;
}

enum phi_status inspect_hash(struct inspect_job *job, struct phi_err *err)
{
    const struct phi_source *s = job->source;
    struct progress progress;
    struct phi_monitor monitor;
    enum phi_status st;

    job->hex = phi_alloc(s->ntensors, sizeof(*job->hex), err);
    if (job->hex == NULL)
        return PHI_E_NOMEM;
    progress_begin(&progress, job->args.common.progress, "hash", "B");
    monitor = progress_monitor(&progress);
    st = phi_source_hash(s, (size_t)job->args.common.threads, &monitor,
                         job->hex, err);
    progress_end(&progress);
    if (st != PHI_OK)
        return st;
    return phi_source_digest(s, (const char(*)[PHI_SHA256_HEX])job->hex,
                             job->digest, err);
}

void inspect_release(struct inspect_job *job)
{
    phi_source_close(job->source);
    free(job->order);
    free(job->shared);
    free(job->hex);
    job->source = NULL;
    job->order = NULL;
    job->shared = NULL;
    job->hex = NULL;
}

/* ---- facts --------------------------------------------------------------- */

/* The string value of a key, or "". */
static const char *text_of(const struct phi_source *s, const char *key)
{
    const char *text = "";

    if (phi_meta_opt_str(&s->meta, key, &text, NULL) != PHI_OK)
        return "";
    return text;
}

const char *inspect_kind(const struct inspect_job *job)
{
    const char *format = job->source->format;

    if (strcmp(format, "hf") == 0)
        return "Hugging Face folder";
    if (strcmp(format, "adapter") == 0)
        return "PEFT adapter folder";
    if (strcmp(format, "imatrix") == 0)
        return "importance matrix";
    if (strcmp(format, "phipack") == 0)
        return "packed file";
    if (strcmp(format, "gguf") != 0)
        return "safetensors file";
    if (strcmp(text_of(job->source, "general.type"), "adapter") == 0)
        return "GGUF adapter";
    return job->source->nfiles > 1 ? "GGUF, split" : "GGUF";
}

uint64_t inspect_offset(const struct inspect_job *job, size_t i)
{
    const struct phi_pack *pack = phi_pack_of(job->source);

    return pack != NULL ? pack->tensors[i].offset
                        : job->source->tensors[i].offset;
}

bool inspect_root(const struct inspect_job *job, char out[PHI_SHA256_HEX])
{
    const struct phi_pack *pack = phi_pack_of(job->source);

    if (pack != NULL)
        phi_sha256_text(out, pack->front.root);
    return pack != NULL;
}

double inspect_bits(const struct inspect_job *job)
{
    return job->weights > 0
               ? (double)job->tensor_nbytes * 8 / (double)job->weights
               : 0;
}

/* "%" stands for the value of general.architecture. */
static const struct {
    const char *label;
    const char *json;
    const char *keys[3];
} facts[] = {
    {"name", "name", {"general.name"}},
    {"architecture",
     "architecture",
     {"general.architecture", "config.model_type"}},
    {"license", "license", {"general.license"}},
    {"layers",
     "layers",
     {"%.block_count", "config.num_hidden_layers", "config.n_layer"}},
    {"width",
     "width",
     {"%.embedding_length", "config.hidden_size", "config.n_embd"}},
    {"feed-forward",
     "feed_forward",
     {"%.feed_forward_length", "config.intermediate_size", "config.n_inner"}},
    {"heads",
     "heads",
     {"%.attention.head_count", "config.num_attention_heads", "config.n_head"}},
    {"key-value heads",
     "kv_heads",
     {"%.attention.head_count_kv", "config.num_key_value_heads"}},
    {"context",
     "context",
     {"%.context_length", "config.max_position_embeddings",
      "config.n_positions"}},
    {"adapter", "adapter", {"adapter.peft_type", "adapter.type"}},
    {"base model",
     "base_model",
     {"adapter.base_model_name_or_path", "general.base_model.0.name"}},
    {"rank", "rank", {"adapter.r"}},
    {"alpha", "alpha", {"adapter.lora_alpha", "adapter.lora.alpha"}},
    {"target modules", "target_modules", {"adapter.target_modules"}},
    {"texts", "datasets", {"imatrix.datasets"}},
    {"chunks", "chunks", {"imatrix.chunk_count"}},
    {"tokenizer", "tokenizer", {"tokenizer.ggml.model"}},
    {"pre-split", "tokenizer_pre", {"tokenizer.ggml.pre"}},
    {"made by phiconv", "phiconv_version", {"phiconv.version"}},
    {"recipe", "phiconv_recipe", {"phiconv.recipe"}},
    {"made from", "phiconv_source_files", {"phiconv.source.files"}},
    {"their SHA-256", "phiconv_source_sha256", {"phiconv.source.sha256"}},
    {"imatrix SHA-256", "phiconv_imatrix_sha256", {"phiconv.imatrix.sha256"}},
};

static const struct phi_kv *find_fact(const struct phi_source *s, size_t f)
{
    const char *arch = text_of(s, "general.architecture");

    for (size_t k = 0; k < 3 && facts[f].keys[k] != NULL; k++) {
        const char *key = facts[f].keys[k];
        char full[160];
        const struct phi_kv *kv;

        if (key[0] == '%')
            snprintf(full, sizeof(full), "%.64s%s", arch, key + 1);
        else
            snprintf(full, sizeof(full), "%s", key);
        kv = phi_meta_find(&s->meta, full);
        if (kv != NULL)
            return kv;
    }
    return NULL;
}

void inspect_facts(const struct inspect_job *job, inspect_fact_fn put,
                   void *ctx)
{
    for (size_t f = 0; f < sizeof(facts) / sizeof(facts[0]); f++) {
        const struct phi_kv *kv = find_fact(job->source, f);

        if (kv != NULL)
            put(ctx, facts[f].label, facts[f].json, kv);
    }
}

uint64_t inspect_vocabulary(const struct inspect_job *job)
{
    const struct phi_meta *m = &job->source->meta;
    const struct phi_kv *kv = phi_meta_find(m, "tokenizer.ggml.tokens");
    uint64_t n = 0;

    if (kv != NULL && kv->type == PHI_KV_ARRAY)
        return kv->v.arr.n;
    if (phi_meta_opt_uint(m, "config.vocab_size", UINT64_MAX, &n, NULL) !=
        PHI_OK)
        return 0;
    return n;
}

bool inspect_has_template(const struct inspect_job *job)
{
    const struct phi_meta *m = &job->source->meta;

    return phi_meta_find(m, "tokenizer.chat_template") != NULL;
}
