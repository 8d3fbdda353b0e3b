/* SPDX-License-Identifier: MIT */
#include "tools/release_card.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "formats/merged_identity.h"
#include "libconv/base/decimal.h"
#include "libconv/base/file.h"
#include "libconv/kernels/elementary.h"
#include "tools/release_folder.h"
#include "tools/release_names.h"
#include "tools/release_yaml.h"
#include "tools/version.h"

#define HUB "https://huggingface.co/"

static const struct phi_meta *meta_of(const struct release_job *job)
{
    return &job->q.shapes->meta;
}

/* A text of the model's metadata, or NULL. */
static const char *text_of(const struct release_job *job, const char *key)
{
    const char *text = NULL;

    if (phi_meta_opt_str(meta_of(job), key, &text, NULL) != PHI_OK)
        return NULL;
    return text;
}

const char *release_base_model(const struct release_job *job, size_t i)
{
    const struct text_list *given = &job->args.base_models;
    const size_t n = strlen(HUB);
    char key[64];
    const char *url;

    if (given->n > 0)
        return i < given->n ? given->v[i] : NULL;
    snprintf(key, sizeof(key), "general.base_model.%zu.repo_url", i);
    url = text_of(job, key);
    return url != NULL && strncmp(url, HUB, n) == 0 ? url + n : NULL;
}

/* ---- front matter -------------------------------------------------------- */

/* An array of texts, or NULL. */
static const struct phi_kv *list_of(const struct release_job *job,
                                    const char *key)
{
    const struct phi_kv *kv = phi_meta_find(meta_of(job), key);

    return kv != NULL && kv->type == PHI_KV_ARRAY &&
                   kv->v.arr.type == PHI_KV_STRING && kv->v.arr.n > 0
               ? kv
               : NULL;
}

/* Several licences are one text with commas in the metadata. */
static void put_license(struct phi_buf *b, const struct release_job *job)
{
    const char *text = text_of(job, "general.license");

    if (text == NULL)
        return;
    if (strchr(text, ',') == NULL) {
        yaml_put_text(b, "license", text);
    } else {
        phi_buf_text(b, "license:\n");
        while (*text != '\0') {
            const size_t n = strcspn(text, ",");
            char one[128];

            snprintf(one, sizeof(one), "%.*s", (int)n, text);
            yaml_put_item(b, one);
            text += n + (text[n] == ',');
        }
    }
    yaml_put_text(b, "license_name", text_of(job, "general.license.name"));
    yaml_put_text(b, "license_link", text_of(job, "general.license.link"));
}

static void put_bases(struct phi_buf *b, const struct release_job *job)
{
    if (release_base_model(job, 0) == NULL)
        return;
    phi_buf_text(b, "base_model:\n");
    for (size_t i = 0; release_base_model(job, i) != NULL; i++)
        yaml_put_item(b, release_base_model(job, i));
    /* What the source's card says is its own parent, not the source. */
    if (job->args.base_models.n > 0 && job->q.model.n == 0)
        phi_buf_text(b, "base_model_relation: quantized\n");
}

/* The source's tags, then ours that are not among them. */
static void put_tags(struct phi_buf *b, const struct release_job *job)
{
    static const char *const ours[] = {"gguf", "quantized", "phiconv"};
    const struct phi_kv *kv = list_of(job, "general.tags");

    phi_buf_text(b, "tags:\n");
    for (size_t i = 0; kv != NULL && i < kv->v.arr.n; i++)
        yaml_put_item(b, kv->v.arr.str[i].p);
    for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++) {
        bool there = false;

        for (size_t i = 0; kv != NULL && i < kv->v.arr.n; i++)
            there = there || strcmp(kv->v.arr.str[i].p, ours[k]) == 0;
        if (!there)
            yaml_put_item(b, ours[k]);
    }
}

static void put_front_matter(struct phi_buf *b, const struct release_job *job)
{
    const struct phi_kv *languages = list_of(job, "general.languages");
    const char *by = job->args.quantized_by;

    phi_buf_text(b, "---\n");
    put_license(b, job);
    if (languages != NULL) {
        phi_buf_text(b, "language:\n");
        for (size_t i = 0; i < languages->v.arr.n; i++)
            yaml_put_item(b, languages->v.arr.str[i].p);
    }
    put_bases(b, job);
    put_tags(b, job);
    phi_buf_text(b, "library_name: gguf\n"
                    "pipeline_tag: text-generation\n");
    yaml_put_text(b, "quantized_by", by != NULL ? by : "phiconv");
    phi_buf_text(b, "---\n");
}

/* ---- text ---------------------------------------------------------------- */

static void put_adapters(struct phi_buf *b, const struct release_job *job)
{
    const char *base = text_of(job, "general.base_model.0.name");

    if (job->q.model.n == 0)
        return;
    phi_buf_text(b, "\nThe model is ");
    markdown_put_text(b, base != NULL ? base : "a base model");
    phi_buf_text(b, " with adapters merged in float32, before anything was "
                    "rounded:\n\n"
                    "| adapter | factor | SHA-256 of its weights |\n"
                    "|---|---|---|\n");
    for (size_t i = 0; i < job->q.model.n; i++) {
        const struct phi_provenance_adapter *a = &job->q.adapters[i];
        struct phi_buf name = {0};

        phi_adapter_label(&name, job->q.words.v[i].path);
        phi_buf_put(&name, "", 1);
        phi_buf_text(b, "| ");
        if (phi_buf_status(&name, NULL) == PHI_OK)
            markdown_put_text(b, (const char *)name.p);
        phi_buf_printf(b, " | %g | `%s` |\n", a->scale, a->sha256);
        phi_buf_release(&name);
    }
}

static void put_intro(struct phi_buf *b, const struct release_job *job)
{
    const char *base = release_base_model(job, 0);

    phi_buf_text(b, "# ");
    markdown_put_text(b, job->title);
    phi_buf_text(b, ", quantized\n\n");
    if (!job->passed)
        phi_buf_text(b, "**This release failed its gates and is not to be "
                        "published: see report.html.**\n\n");
    phi_buf_text(b, "Quantized files of ");
    markdown_put_text(b, job->title);
    if (base != NULL && job->args.base_models.n > 0) {
        phi_buf_text(b, " ([");
        markdown_put_text(b, base);
        phi_buf_printf(b, "](" HUB "%s))", base);
    }
    phi_buf_text(b, ", made and measured with phiconv " PHICONV_VERSION
                    ". Every file was compared with its source, token by "
                    "token.\n");
    put_adapters(b, job);
}

/* The error of a single prediction is not known. */
static void put_measured(struct phi_buf *b, int digits, double v, double error)
{
    phi_buf_printf(b, " %.*f", digits, v);
    if (!isnan(error))
        phi_buf_printf(b, " ± %.*f", digits, error);
    phi_buf_text(b, " |");
}

static void put_row(struct phi_buf *b, const struct release_job *job, size_t i)
{
    const struct phi_eval_result *res = &job->eval.eval.results[i];
    const struct phi_eval_against *a = &res->against;
    const struct eval_size z = job->eval.report.sizes[i];
    const char *name = job->names[i];

    if (i == job->n)
        phi_buf_text(b, "| the source");
    else
        phi_buf_printf(b, "| [%s](%s)", name, name);
    if (i < job->n && job->q.targets[i].parts.n > 1)
        phi_buf_printf(b, " and %zu more", job->q.targets[i].parts.n - 1);
    if (i == job->n && job->values != NULL) /* no file has this size */
        phi_buf_text(b, ", merged | | | |");
    else
        phi_buf_printf(b, " | %s | %.1f MB | %.3f |", z.type,
                       (double)z.nbytes / 1e6, z.bits);
    put_measured(b, 4, res->ppl, res->ppl_error);
    if (i == job->n) {
        phi_buf_text(b, " | | |\n");
        return;
    }
    phi_buf_printf(b, " %+.3f %% |", (phi_exp_any_f64(a->ln_ratio) - 1) * 100);
    put_measured(b, 6, a->mean_kld, a->kld_error);
    phi_buf_printf(b, " %.2f %% |\n", a->same_top * 100);
}

static void put_files(struct phi_buf *b, const struct release_job *job)
{
    const struct eval_report *r = &job->eval.report;

    phi_buf_text(b, "\n## Files\n\n"
                    "| file | type | size | bits per weight | perplexity | "
                    "change | mean KLD | same top |\n"
                    "|---|---|---:|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i <= job->n; i++)
        put_row(b, job, i);
    phi_buf_text(b, "\nMeasured on ");
    markdown_put_text(b, r->text);
    phi_buf_printf(b,
                   ": %zu windows of %zu tokens, %zu predictions. "
                   "*Perplexity* is how surprised the model is by the text, "
                   "less is better; *change* is against the source; *mean "
                   "KLD* is how far the predictions are from the source's, in "
                   "nats; *same top* is how often the likeliest token is the "
                   "same. All with standard errors; [report.html](report.html)"
                   " has more.\n",
                   r->eval->nwindows, r->n_ctx, r->eval->scored);
    phi_buf_text(b, "\nThe largest file you have memory for is the best one; "
                    "where two differ by less than their errors, take the "
                    "smaller.\n");
}

static void put_gates(struct phi_buf *b, const struct release_job *job)
{
    const struct eval_gates *gates = &job->eval.gates;

    phi_buf_text(b, "\n## Gates\n\n"
                    "| file | gate | limit | judged | verdict |\n"
                    "|---|---|---:|---:|---|\n");
    for (size_t i = 0; i < gates->n; i++) {
        const struct eval_gate *g = &gates->gate[i];

        phi_buf_printf(b, "| %s | %s | %g | %.6g%s | %s |\n", g->path, g->name,
                       g->limit, g->bound, g->decided ? " at 99 %" : "",
                       g->passed ? "passed" : "**failed**");
    }
    phi_buf_text(b, "\n");
    eval_gates_put_judged(b, gates, &job->eval.report);
    phi_buf_text(b, "\n");
}

/* The first output that other programs can read; n if all are packed. */
static size_t first_gguf(const struct release_job *job)
{
    size_t i = 0;

    while (i < job->n && job->q.targets[i].packed)
        i++;
    return i;
}

static void put_run(struct phi_buf *b, const struct release_job *job)
{
    const size_t i = first_gguf(job);
    const char *file = i < job->n ? job->names[i] : "model.gguf";
    const char *template = text_of(job, "tokenizer.chat_template");

    phi_buf_text(b, "\n## Run\n\nWith [llama.cpp](https://github.com/ggml-org/"
                    "llama.cpp):\n\n```sh\n");
    if (i == job->n) /* the way back, byte for byte */
        phi_buf_printf(b, "phiconv extract %s gguf -o %s\n", job->names[0],
                       file);
    if (template != NULL)
        phi_buf_printf(b, "llama-cli -m %s -cnv\n", file);
    else
        phi_buf_printf(b, "llama-cli -m %s -no-cnv -n 64 -p \"Once\"\n", file);
    phi_buf_printf(b, "llama-server -m %s --port 8080\n```\n", file);
    if (template == NULL)
        phi_buf_text(b, "\nThe model has no chat template: it continues "
                        "text.\n");
    if (i < job->n && job->q.targets[i].parts.n > 1)
        phi_buf_text(b, "\nOf a split model, name the first file; the others "
                        "are to lie beside it.\n");
}

/* The words that the manifest does not have: with others, or another factor,
 * other bytes would be made. */
static void put_words(struct phi_buf *b, const struct release_job *job)
{
    for (size_t i = 0; i < job->q.model.n; i++) {
        const double scale = job->q.adapters[i].scale;
        char text[PHI_DECIMAL_MAX];

        phi_buf_text(b, " --lora ADAPTER");
        if (scale != 1)
            phi_buf_printf(b, ":%s", phi_decimal(text, scale));
    }
    if (job->args.q.lora.allow_twice)
        phi_buf_text(b, " --allow-twice");
    if (job->args.q.lora.allow_unused != NULL)
        phi_buf_text(b, " --allow-unused REGEX");
    if (job->args.q.imatrix != NULL)
        phi_buf_text(b, " --imatrix FILE");
}

static void put_verify(struct phi_buf *b, const struct release_job *job)
{
    phi_buf_text(b, "\n## Verify\n\n```sh\nsha256sum -c " RELEASE_SUMS
                    "\nphiconv verify-release .\n"
                    "phiconv verify-release . --source SOURCE");
    put_words(b, job);
    phi_buf_text(b, "\n```\n\nThe last makes every tensor anew from the "
                    "original checkpoint and compares the bytes; [" //
                 RELEASE_MANIFEST "](" RELEASE_MANIFEST
                    ") has the hashes of what went in. A file " RELEASE_SUMS
                    ".minisig or " RELEASE_SUMS ".asc, if there is one, signs "
                    "all of them.\n");
}

static void put_rights(struct phi_buf *b, const struct release_job *job)
{
    const char *license = text_of(job, "general.license");

    if (license == NULL)
        return;
    phi_buf_text(b, "\n## License\n\n");
    markdown_put_text(b, license);
    phi_buf_text(b, ", as the source.\n");
}

enum phi_status release_add_card(struct release_job *job, struct phi_err *err)
{
    struct phi_buf b = {0};
    enum phi_status st;

    put_front_matter(&b, job);
    put_intro(&b, job);
    put_files(&b, job);
    put_gates(&b, job);
    put_run(&b, job);
    put_verify(&b, job);
    put_rights(&b, job);
    st = release_add_text(job, RELEASE_CARD, &b, err);
    phi_buf_release(&b);
    return st;
}
