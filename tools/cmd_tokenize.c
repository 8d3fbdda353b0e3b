/* SPDX-License-Identifier: MIT */
/* phiconv tokenize: a text as the token ids of a model. */
#include <stdlib.h>

#include "formats/hf_config.h"
#include "formats/hf_tokenizer.h"
#include "formats/model.h"
#include "libconv/base/file.h"
#include "libconv/base/par.h"
#include "libconv/text/tokenizer.h"
#include "tools/commands.h"
#include "tools/report.h"
#include "tools/signals.h"

/* The largest text that is read; it is held in memory with its ids. */
#define MAX_TEXT ((uint64_t)1 << 32)

/* Ids printed between two looks for a signal. */
#define ASK_IDS 65536u

struct args {
    struct common common;
    const char *file;
    bool special;
    bool count;
};

static const struct option options[] = {
    OPT_TEXT('f', "file", "FILE", struct args, file, "the text, in UTF-8"),
    OPT_FLAG(0, "special", struct args, special,
             "recognise control tokens such as <|endoftext|> in the text; "
             "otherwise they are text like any other"),
    OPT_FLAG(0, "count", struct args, count, "print only how many ids"),
    OPT_END,
};

/* Appends the ids of the whole file to *ids. */
static enum phi_status encode_file(const struct phi_tokenizer *t,
                                   const struct args *a, struct phi_tokens *ids,
                                   struct phi_err *err)
{
    const struct phi_encode_options how = {.special = a->special,
                                           .nthreads = phi_par_default(),
                                           .monitor = &signals_monitor};
    uint8_t *text = NULL;
    size_t n = 0;
    enum phi_status st = phi_file_load_large(a->file, MAX_TEXT,
                                             &signals_monitor, &text, &n, err);

    if (st != PHI_OK)
        return st;
    st = phi_tokenizer_encode(t, (const char *)text, n, &how, ids, err);
    if (st != PHI_OK)
        phi_err_prefix(err, "%s", a->file);
    free(text);
    return st;
}

/* From config.json and the tokenizer's files; weights are not looked at. */
static enum phi_status folder_meta(struct phi_meta *meta, const char *dir,
                                   const char *config, struct phi_err *err)
{
    struct phi_json_doc *doc = NULL;
    struct phi_hf_config c;
    struct phi_json root;
    enum phi_status st = phi_json_load(&doc, config, PHI_JSON_MAX_CONFIG, err);

    if (st != PHI_OK)
        return st;
    root = phi_json_root(doc);
    st = phi_hf_config_read(&c, &root, err);
    if (st == PHI_OK)
        st = phi_hf_tokenizer_alone(meta, dir, &root, c.vocab, err);
    phi_json_free(doc);
    return st;
}

static enum phi_status open_tokenizer(struct phi_tokenizer **out,
                                      const char *model, struct phi_err *err)
{
    char *config = phi_path_join(model, "config.json", err);
    struct phi_source *source = NULL;
    struct phi_meta meta = {0};
    enum phi_status st = config != NULL ? PHI_OK : PHI_E_NOMEM;

    if (st != PHI_OK)
        return st;
    /* Nothing is no name of the folder that the program is in. */
    if (model[0] != '\0' && phi_path_may_be(config, PHI_PATH_FILE))
        st = folder_meta(&meta, model, config, err);
    else
        st = phi_model_open(&source, model, err);
    if (st == PHI_OK) {
        st =
            phi_tokenizer_new(out, source != NULL ? &source->meta : &meta, err);
        if (st != PHI_OK)
            phi_err_prefix(err, "%s", model);
    }
    phi_meta_release(&meta);
    phi_source_close(source);
    free(config);
    return st;
}

static enum phi_status tokenize(const struct args *a, struct phi_tokens *ids,
                                struct phi_err *err)
{
    struct phi_tokenizer *t = NULL;
    enum phi_status st = open_tokenizer(&t, a->common.operands.v[0], err);

    if (st == PHI_OK)
        st = encode_file(t, a, ids, err);
    phi_tokenizer_free(t);
    return st;
}

/* After id i: whether to go on, now and then. */
static enum phi_status ask(const struct phi_tokens *ids, size_t i,
                           struct phi_err *err)
{
    return i % ASK_IDS == 0
               ? phi_monitor_tick(&signals_monitor, i, ids->n, NULL, err)
               : PHI_OK;
}

static enum phi_status print_json(const struct args *a,
                                  const struct phi_tokens *ids,
                                  struct phi_err *err)
{
    struct json_out j = {0};
    enum phi_status st = PHI_OK;

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.tokenize/1");
    json_str(&j, "model", a->common.operands.v[0]);
    json_str(&j, "text", a->file);
    json_uint(&j, "count", ids->n);
    if (!a->count) {
        json_open(&j, "ids", '[');
        for (size_t i = 0; st == PHI_OK && i < ids->n; i++) {
            json_uint(&j, NULL, ids->id[i]);
            st = ask(ids, i, err);
        }
        json_close(&j, ']');
    }
    json_close(&j, '}');
    if (st == PHI_OK)
        return json_finish(&j, err);
    phi_buf_release(&j.buf);
    return st;
}

/* A list that is cut short by a signal has no end of line. */
static enum phi_status print_plain(const struct args *a,
                                   const struct phi_tokens *ids,
                                   struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (a->count) {
        printf("%zu\n", ids->n);
        return st;
    }
    for (size_t i = 0; st == PHI_OK && i < ids->n; i++) {
        printf(i > 0 ? " %lu" : "%lu", (unsigned long)ids->id[i]);
        st = ask(ids, i, err);
    }
    if (st == PHI_OK)
        printf("\n");
    return st;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct args a = {0};
    struct phi_tokens ids = {0};
    struct phi_err err = {0};
    int code = options_parse(self, argc, argv, &a);

    if (code == -1 && a.file == NULL)
        code = usage_error(self, "no text: -f FILE");
    if (code == -1) {
        enum phi_status st = tokenize(&a, &ids, &err);

        if (st == PHI_OK)
            st = a.common.json ? print_json(&a, &ids, &err)
                               : print_plain(&a, &ids, &err);
        code = st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
    }
    phi_tokens_release(&ids);
    options_release(self, &a);
    return code;
}

const struct command cmd_tokenize = {
    .name = "tokenize",
    .summary = "print the token ids of a text",
    .synopsis = "MODEL -f FILE [options]",
    .description =
        "Splits a text into the tokens of MODEL, a Hugging Face folder, a "
        "GGUF or a packed file, and prints their ids on one line. They are the "
        "ids of the "
        "Hugging Face tokenizers library without special tokens added. A "
        "folder needs no weights for it.",
    .options = options,
    .examples = "phiconv tokenize my-phi -f book.txt --count\n"
                "phiconv tokenize my-phi-q4_0.gguf -f chat.txt --special",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
