/* SPDX-License-Identifier: MIT */
/* The table of checks, and the list of findings. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "tools/doctor.h"

#define DOWNLOAD "download the file again"

const struct doctor_row doctor_rows[DOCTOR_NCHECKS] = {
    [CHECK_LFS] = {"lfs-pointer", DOCTOR_ERROR,
                   "a Git LFS pointer in place of a file", "run: git lfs pull"},
    [CHECK_LINK] = {"broken-link", DOCTOR_ERROR,
                    "a link to a file that is not there", DOWNLOAD},
    [CHECK_JSON] = {"json", DOCTOR_ERROR, "a JSON file that is not valid",
                    "correct the file, or download it again"},
    [CHECK_NO_WEIGHTS] = {"no-weights", DOCTOR_ERROR, "no weights at all",
                          "download the safetensors files"},
    [CHECK_PICKLE_ONLY] =
        {"pickle-only", DOCTOR_ERROR, "weights only as pickles",
         "pickles can run code and are never read: load the model with "
         "transformers and save it with save_pretrained()"},
    [CHECK_PICKLE] = {"pickle", DOCTOR_NOTE,
                      "weights as pickles beside safetensors",
                      "remove them: they are not used"},
    [CHECK_NO_INDEX] = {"no-index", DOCTOR_ERROR,
                        "shards without model.safetensors.index.json",
                        "download the index, or save the model again"},
    [CHECK_INDEX] = {"index", DOCTOR_ERROR, "an index that is not valid",
                     "download the index, or save the model again"},
    [CHECK_TWO_MODELS] = {"two-models", DOCTOR_ERROR,
                          "model.safetensors beside an index of other files",
                          "remove the old one of the two"},
    [CHECK_SHARD_MISSING] = {"shard-missing", DOCTOR_ERROR,
                             "a shard of the index that is not in the folder",
                             "download the missing shard"},
    [CHECK_SHARD_BROKEN] = {"shard-broken", DOCTOR_ERROR,
                            "a safetensors file that is short or damaged",
                            DOWNLOAD},
    [CHECK_SHARD_EXTRA] = {"shard-extra", DOCTOR_WARNING,
                           "a safetensors file that the index does not name",
                           "remove it, or add its tensors to the index"},
    [CHECK_TENSOR_NOT_INDEXED] = {"tensor-not-indexed", DOCTOR_ERROR,
                                  "a tensor of a shard that is not in the "
                                  "index",
                                  "add it to weight_map, or save the model "
                                  "again"},
    [CHECK_TENSOR_NOT_THERE] = {"tensor-not-there", DOCTOR_ERROR,
                                "a tensor of the index that its shard lacks",
                                "download the shard again"},
    [CHECK_TENSOR_ELSEWHERE] = {"tensor-elsewhere", DOCTOR_ERROR,
                                "a tensor in another shard than the index "
                                "says",
                                "correct weight_map, or save the model again"},
    [CHECK_TENSOR_TWICE] = {"tensor-twice", DOCTOR_ERROR,
                            "a tensor in two shards",
                            "remove the shard that does not belong here"},
    [CHECK_CONFIG_MISSING] = {"config-missing", DOCTOR_ERROR, "no config.json",
                              "download it, or copy it from the base model"},
    [CHECK_CONFIG] = {"config", DOCTOR_ERROR,
                      "a configuration that is not a Phi's, or wrong",
                      "phiconv handles PhiForCausalLM: correct the key"},
    [CHECK_QUANTIZED] = {"quantized", DOCTOR_ERROR,
                         "leftovers of bitsandbytes, GPTQ, AWQ or MLX",
                         "convert the original checkpoint, or dequantize this "
                         "one with transformers (model.dequantize()) and save "
                         "it"},
    [CHECK_ADAPTER_INSIDE] = {"adapter-inside", DOCTOR_ERROR,
                              "parts of an adapter among the weights",
                              "merge it first: merge_and_unload() of PEFT"},
    [CHECK_ADAPTER_BESIDE] = {"adapter-beside", DOCTOR_WARNING,
                              "an adapter in the folder of a model",
                              "keep it in a folder of its own, or merge it"},
    [CHECK_ADAPTER_CONFIG] = {"adapter-config", DOCTOR_ERROR,
                              "adapter_config.json that lacks what it needs",
                              "save the adapter again with PEFT"},
    [CHECK_ADAPTER_PAIR] = {"adapter-pair", DOCTOR_ERROR,
                            "lora_A without lora_B, or lora_B without lora_A",
                            "save the adapter again with PEFT"},
    [CHECK_ADAPTER_UNTRAINED] = {"adapter-untrained", DOCTOR_WARNING,
                                 "lora_B that is all zeros",
                                 "train the adapter: merging it changes "
                                 "nothing there"},
    [CHECK_OLD_NAMES] = {"old-names", DOCTOR_NOTE,
                         "tensor names of 2023 (transformer.h.0.mixer.Wqkv)",
                         "phiconv reads them; others may not: save the model "
                         "again with a current transformers"},
    [CHECK_INTEGERS] = {"integers", DOCTOR_ERROR, "weights of an integer type",
                        "they are quantized: convert the original checkpoint"},
    [CHECK_TENSOR_MISSING] = {"tensor-missing", DOCTOR_ERROR,
                              "a tensor that config.json asks for and that is "
                              "not there",
                              "save the model again, all of it"},
    [CHECK_TENSOR_UNKNOWN] = {"tensor-unknown", DOCTOR_ERROR,
                              "a tensor that is no part of a Phi",
                              "save the model again without it"},
    [CHECK_TENSOR_SHAPE] = {"tensor-shape", DOCTOR_ERROR,
                            "a shape other than config.json asks for",
                            "use the config.json that belongs to the weights"},
    [CHECK_VOCAB_ROWS] = {"vocab-rows", DOCTOR_ERROR,
                          "rows of embedding, output and vocab_size that "
                          "differ, or fewer than tokens",
                          "model.resize_token_embeddings(), save the model "
                          "again"},
    [CHECK_TOKENIZER] = {"tokenizer", DOCTOR_ERROR,
                         "a tokenizer that is missing or wrong",
                         "copy the tokenizer's files from the base model"},
    [CHECK_TOKEN_RANGE] = {"token-range", DOCTOR_ERROR,
                           "an id that has no row in the embedding",
                           "correct the id"},
    [CHECK_TOKEN_UNKNOWN] = {"token-unknown", DOCTOR_ERROR,
                             "a special token that the tokenizer does not "
                             "know",
                             "add it to the tokenizer, or correct the name"},
    [CHECK_TOKEN_CONFLICT] = {"token-conflict", DOCTOR_WARNING,
                              "files that disagree about bos, eos, pad or unk",
                              "give all files the same token"},
    [CHECK_CHAT_TEMPLATE] = {"chat-template", DOCTOR_ERROR,
                             "chat_template.jinja and tokenizer_config.json "
                             "with different chat templates",
                             "transformers takes the file: if it is the new "
                             "one, remove the key chat_template, else the "
                             "file"},
    [CHECK_CHAT_END] = {"chat-end", DOCTOR_WARNING,
                        "a chat template whose end of turn is not eos",
                        "make it an eos token in generation_config.json, or "
                        "generation will not stop"},
    [CHECK_REFUSED] = {"refused", DOCTOR_ERROR,
                       "anything else for which phiconv refuses the folder",
                       "see the message"},
    [CHECK_NAN] = {"nan", DOCTOR_ERROR, "weights that are not numbers",
                   "the training failed: go back to an earlier checkpoint"},
    [CHECK_INFINITE] = {"infinite", DOCTOR_ERROR, "weights that are infinite",
                        "the training or a conversion to f16 overflowed: save "
                        "it as bf16 or f32"},
    [CHECK_F16_RANGE] = {"f16-range", DOCTOR_WARNING,
                         "weights past 65504, infinite in f16",
                         "convert to bf16 or f32: f16 does not hold them"},
    [CHECK_CONSTANT] = {"constant", DOCTOR_WARNING,
                        "matrices whose values are all the same",
                        "the weights were not loaded or not trained: save "
                        "the model again"},
    [CHECK_CONSTANT_ROWS] = {"constant-rows", DOCTOR_WARNING,
                             "tokens whose row of the embedding or output has "
                             "one value",
                             "the tokens were added and not trained: train "
                             "the embeddings, too (modules_to_save)"},
    [CHECK_SAME_ROWS] = {"same-rows", DOCTOR_WARNING,
                         "tokens that have the same row",
                         "the tokens were added and not trained: train the "
                         "embeddings, too (modules_to_save)"},
    [CHECK_CARD_MISSING] = {"card-missing", DOCTOR_NOTE,
                            "no README.md, or no front matter in it",
                            "write one, with license, base_model and tags"},
    [CHECK_CARD] = {"card", DOCTOR_WARNING,
                    "front matter that is wrong or means something else",
                    "correct the field"},
    [CHECK_CARD_LICENSE] = {"card-license", DOCTOR_WARNING,
                            "no license in the card and no LICENSE file",
                            "add license: to the front matter"},
    [CHECK_CARD_BASE] = {"card-base", DOCTOR_NOTE, "no base_model in the card",
                         "add base_model: to the front matter if the model is "
                         "a fine-tune"},
};

static enum phi_status append(struct doctor *d, enum doctor_check check,
                              const char *place, const char *text,
                              const char *fix, struct phi_err *err)
{
    void *p = d->findings;
    struct doctor_finding f = {.check = check};
    char clean[PHI_ERR_MAX];
    enum phi_status st =
        phi_grow(&p, &d->cap, d->n + 1, sizeof(*d->findings), err);

    d->findings = p;
    if (st != PHI_OK)
        return st;
    f.place = phi_strdup(phi_printable(clean, sizeof(clean), place), err);
    f.text = phi_strdup(phi_printable(clean, sizeof(clean), text), err);
    if (fix != NULL)
        f.fix = phi_strdup(phi_printable(clean, sizeof(clean), fix), err);
    d->findings[d->n++] = f;
    d->count[doctor_rows[check].severity]++;
    return f.place != NULL && f.text != NULL && (fix == NULL || f.fix != NULL)
               ? PHI_OK
               : PHI_E_NOMEM;
}

enum phi_status doctor_add(struct doctor *d, enum doctor_check check,
                           struct phi_err *err, const char *place,
                           const char *fmt, ...)
{
    char text[PHI_ERR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return append(d, check, place, text, NULL, err);
}

/* The text without the folder in front, if it is there. */
static const char *without_dir(const struct doctor *d, const char *text)
{
    char dir[PHI_ERR_MAX];
    size_t n;

    phi_printable(dir, sizeof(dir), d->dir);
    n = strlen(dir);
    if (strncmp(text, dir, n) != 0)
        return text;
    text += n;
    while (*text == '/')
        text++;
    return strncmp(text, ": ", 2) == 0 ? text + 2 : text;
}

enum phi_status doctor_add_error(struct doctor *d, enum doctor_check check,
                                 const char *place, const struct phi_err *why,
                                 struct phi_err *err)
{
    const char *text = without_dir(d, why->msg);
    const size_t n = strlen(place);

    if (why->status != PHI_E_FORMAT && why->status != PHI_E_UNSUPPORTED &&
        why->status != PHI_E_ARG) {
        if (err != NULL)
            *err = *why;
        return why->status;
    }
    if (strncmp(text, place, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    return append(d, check, place, text,
                  why->hint[0] != '\0' ? why->hint : NULL, err);
}

bool doctor_has(const struct doctor *d, const char *name)
{
    for (size_t i = 0; i < d->files.n; i++) {
        if (strcmp(d->files.v[i], name) == 0)
            return true;
    }
    return false;
}

bool doctor_found(const struct doctor *d, enum doctor_check check)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->findings[i].check == check)
            return true;
    }
    return false;
}

bool doctor_json_find(const struct doctor *d, enum doctor_json file,
                      const char *key, struct phi_json *out)
{
    struct phi_json root;

    if (d->json[file] == NULL)
        return false;
    root = phi_json_root(d->json[file]);
    return phi_json_find(&root, key, out) &&
           phi_json_type(out) != PHI_JSON_NULL;
}

const struct phi_st_tensor *doctor_tensor(const struct doctor *d,
                                          const char *name)
{
    const uint32_t *i = phi_map_find(&d->names, name, strlen(name));

    return i != NULL ? d->tensors[*i] : NULL;
}

const struct phi_st_tensor *doctor_embedding(const struct doctor *d)
{
    const struct phi_st_tensor *t =
        doctor_tensor(d, "model.embed_tokens.weight");

    if (t == NULL)
        t = doctor_tensor(d, "transformer.embd.wte.weight");
    return t != NULL && t->rank == 2 ? t : NULL;
}

void doctor_release(struct doctor *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->findings[i].place);
        free(d->findings[i].text);
        free(d->findings[i].fix);
    }
    free(d->findings);
    for (size_t i = 0; i < d->nshards; i++)
        phi_st_close(d->shards[i].st);
    free(d->shards);
    free(d->tensors);
    phi_map_release(&d->names);
    phi_map_release(&d->tokens);
    for (size_t i = 0; i < DOCTOR_NJSON; i++)
        phi_json_free(d->json[i]);
    phi_names_release(&d->files);
}
