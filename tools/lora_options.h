/* SPDX-License-Identifier: MIT */
/* The options about adapters, which several commands have. */
#ifndef PHICONV_TOOLS_LORA_OPTIONS_H
#define PHICONV_TOOLS_LORA_OPTIONS_H

#include "formats/adapted_model.h"
#include "libconv/convert/provenance.h"
#include "tools/options.h"

/* What a command line says of adapters: filled by the parser. */
struct lora_args {
    struct text_list adapters; /* ADAPTER[:SCALE] */
    const char *allow_unused;
    bool allow_twice;
    bool dequantize;
};

#define LORA_OPTIONS(type, member)                                             \
    OPT_TEXT(0, "allow-unused", "REGEX", type, member.allow_unused,            \
             "let tensors of an adapter go unused whose key REGEX is found "   \
             "in"),                                                            \
        OPT_FLAG(0, "allow-twice", type, member.allow_twice,                   \
                 "let the same adapter be given twice"),                       \
        OPT_FLAG(0, "dequantize-base", type, member.dequantize,                \
                 "merge into a quantized GGUF file; what was rounded stays "   \
                 "rounded")

/* The words as values. Zero-initialise; end with lora_words_release(). */
struct lora_words {
    struct phi_adapter_words *v; /* (n) */
    char **paths;                /* (n) what v borrows */
    size_t n;
    struct phi_module_pattern *unused;
    struct phi_merge_options options;
};

/*
 * Reads "ADAPTER" or "ADAPTER:SCALE" of each adapter; a path with a colon that
 * exists is a path. Returns -1 to go on, otherwise the exit code; the mistake
 * was printed.
 */
int lora_words_read(struct lora_words *out, const struct command *cmd,
                    const struct lora_args *args, const char *const *adapters,
                    size_t n, uint32_t features);
void lora_words_release(struct lora_words *w);

/* What a file says of its adapters: (a->n), to be released with free(). NULL
 * and err without memory; NULL without adapters, too. */
struct phi_provenance_adapter *lora_provenance(const struct phi_adapted *a,
                                               struct phi_err *err);

#endif
