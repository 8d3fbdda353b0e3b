/* SPDX-License-Identifier: MIT */
/* What phiconv doctor looks at, and what it has found. */
#ifndef PHICONV_TOOLS_DOCTOR_H
#define PHICONV_TOOLS_DOCTOR_H

#include "formats/json.h"
#include "formats/safetensors.h"
#include "libconv/base/folder.h"
#include "libconv/base/map.h"
#include "libconv/tensor/source.h"
#include "tools/options.h"

enum doctor_severity { DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_ERROR };

/* Rows of the table in doctor_checks.c. */
enum doctor_check {
    CHECK_LFS,
    CHECK_LINK,
    CHECK_JSON,
    CHECK_NO_WEIGHTS,
    CHECK_PICKLE_ONLY,
    CHECK_PICKLE,
    CHECK_NO_INDEX,
    CHECK_INDEX,
    CHECK_TWO_MODELS,
    CHECK_SHARD_MISSING,
    CHECK_SHARD_BROKEN,
    CHECK_SHARD_EXTRA,
    CHECK_TENSOR_NOT_INDEXED,
    CHECK_TENSOR_NOT_THERE,
    CHECK_TENSOR_ELSEWHERE,
    CHECK_TENSOR_TWICE,
    CHECK_CONFIG_MISSING,
    CHECK_CONFIG,
    CHECK_QUANTIZED,
    CHECK_ADAPTER_INSIDE,
    CHECK_ADAPTER_BESIDE,
    CHECK_ADAPTER_CONFIG,
    CHECK_ADAPTER_PAIR,
    CHECK_ADAPTER_UNTRAINED,
    CHECK_OLD_NAMES,
    CHECK_INTEGERS,
    CHECK_TENSOR_MISSING,
    CHECK_TENSOR_UNKNOWN,
    CHECK_TENSOR_SHAPE,
    CHECK_VOCAB_ROWS,
    CHECK_TOKENIZER,
    CHECK_TOKEN_RANGE,
    CHECK_TOKEN_UNKNOWN,
    CHECK_TOKEN_CONFLICT,
    CHECK_CHAT_TEMPLATE,
    CHECK_CHAT_END,
    CHECK_REFUSED,
    CHECK_NAN,
    CHECK_INFINITE,
    CHECK_F16_RANGE,
    CHECK_CONSTANT,
    CHECK_CONSTANT_ROWS,
    CHECK_SAME_ROWS,
    CHECK_CARD_MISSING,
    CHECK_CARD,
    CHECK_CARD_LICENSE,
    CHECK_CARD_BASE,
    DOCTOR_NCHECKS
};

struct doctor_row {
    const char *id;
    enum doctor_severity severity;
    const char *what; /* what is looked for */
    const char *fix;
};

extern const struct doctor_row doctor_rows[DOCTOR_NCHECKS];

struct doctor_finding {
    enum doctor_check check;
    char *place; /* a file of the folder, or of it and a tensor */
    char *text;
    char *fix; /* NULL: the row's */
};

/* A file of weights that could be opened. */
struct doctor_shard {
    const char *name;
    struct phi_st *st;
};

/* The JSON files that are looked into. */
enum doctor_json {
    JSON_CONFIG,
    JSON_GENERATION,
    JSON_TOKENIZER,
    JSON_TOKENIZER_CONFIG,
    JSON_SPECIAL_TOKENS,
    JSON_VOCAB,
    JSON_ADDED_TOKENS,
    JSON_ADAPTER_CONFIG,
    DOCTOR_NJSON
};

extern const char *const doctor_json_names[DOCTOR_NJSON];

struct doctor {
    const char *dir;
    const struct common *common;
    uint32_t features;
    struct phi_names files;
    bool adapter;                /* the folder is an adapter's */
    struct doctor_shard *shards; /* (nshards) */
    size_t nshards;
    const struct phi_st_tensor **tensors;    /* (names.n) */
    struct phi_map names;                    /* to tensors */
    struct phi_json_doc *json[DOCTOR_NJSON]; /* NULL: not there or broken */
    struct phi_map tokens;                   /* text to id */
    uint64_t ntokens;                        /* the largest id and one */
    struct doctor_finding *findings;         /* (n) */
    size_t n;
    size_t cap;
    size_t count[3]; /* by severity */
    uint64_t read;   /* bytes of weights */
    uint64_t ntensors;
};

/*
 * Each part appends what it finds. An error status means that it could not
 * look (memory, the system), not that something is wrong.
 */
enum phi_status doctor_files(struct doctor *d, struct phi_err *err);
enum phi_status doctor_names(struct doctor *d, struct phi_err *err);
enum phi_status doctor_tokens(struct doctor *d, struct phi_err *err);
enum phi_status doctor_weights(struct doctor *d, struct phi_err *err);
enum phi_status doctor_card(struct doctor *d, struct phi_err *err);

void doctor_release(struct doctor *d);

/* A finding; control characters are escaped. */
enum phi_status doctor_add(struct doctor *d, enum doctor_check check,
                           struct phi_err *err, const char *place,
                           const char *fmt, ...) PHI_PRINTF(5, 6);

/*
 * A finding made of an error: its message without the folder and, if it is
 * there, its hint as the fix. Errors of memory and the system are not about
 * the model: they are returned.
 */
enum phi_status doctor_add_error(struct doctor *d, enum doctor_check check,
                                 const char *place, const struct phi_err *why,
                                 struct phi_err *err);

/* Whether the folder has a file of that name. */
bool doctor_has(const struct doctor *d, const char *name);

/* Whether a check has found something. */
bool doctor_found(const struct doctor *d, enum doctor_check check);

/* "F"'s member, if the file is there and has it and it is not null. */
bool doctor_json_find(const struct doctor *d, enum doctor_json file,
                      const char *key, struct phi_json *out);

/* The tensor of that name, or NULL. */
const struct phi_st_tensor *doctor_tensor(const struct doctor *d,
                                          const char *name);

/* The embedding under either naming, or NULL. */
const struct phi_st_tensor *doctor_embedding(const struct doctor *d);

enum phi_status doctor_print_text(const struct doctor *d, struct phi_err *err);
enum phi_status doctor_print_json(const struct doctor *d, struct phi_err *err);
enum phi_status doctor_print_checks(bool json, struct phi_err *err);

#endif
