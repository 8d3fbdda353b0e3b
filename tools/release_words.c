/* SPDX-License-Identifier: MIT */
/* What a release is called, and its outputs: from words to names. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "formats/pack.h"
#include "libconv/base/ascii.h"
#include "libconv/base/buf.h"
#include "libconv/base/mem.h"
#include "tools/levels.h"
#include "tools/quantize_target.h"
#include "tools/release_job.h"
#include "tools/release_names.h"

/* Of the names of files, before their labels. */
#define STEM_MAX 96

bool release_plain_name(const char *name)
{
    static const char others[] = "._-";
    size_t n = 0;

    if (name[0] == '.' || name[0] == '-' || name[0] == '\0')
        return false;
    for (; name[n] != '\0'; n++) {
        const char c = name[n];

        if (!(c >= '0' && c <= '9') && !phi_is_letter(c) &&
            strchr(others, c) == NULL)
            return false;
    }
    return n <= RELEASE_MAX_NAME;
}

/* ---- outputs ------------------------------------------------------------- */

/* What the name of a file of this type ends with: ".gguf". */
static const char *ending_of(const char *word)
{
    const char *type;
    size_t n;

    return quantize_word_packed(word, strlen(word), &type, &n) ? PHI_PACK_SUFFIX
                                                               : ".gguf";
}

/* "q4_k_m" as Q4_K_M, as everybody calls such files. */
static char *upper_label(const char *word, struct phi_err *err)
{
    const char *type;
    size_t n;
    char *label;

    quantize_word_packed(word, strlen(word), &type, &n);
    label = phi_strndup(type, n, err);
    for (char *p = label; p != NULL && *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    return label;
}

/* PHI_E_ARG for a mistake in the words. */
static enum phi_status add_output(struct release_job *job, const char *type,
                                  const char *label, struct phi_err *err)
{
    struct release_output *o = &job->outputs[job->n];
    const struct phi_file_type *known;
    bool packed;

    if (quantize_word_type(&known, &packed, type, strlen(type), err) != PHI_OK)
        return err->status;
    if (label != NULL && !release_plain_name(label))
        return phi_fail(err, PHI_E_ARG,
                        "%s=%.*s: a label is made of letters, digits and "
                        ". _ -, %d at most, the first no . or -",
                        type, PHI_ERR_NAME, label, RELEASE_MAX_NAME);
    o->type = type;
    job->types.v[job->n++] = type;
    o->label = label != NULL ? phi_strdup(label, err) : upper_label(type, err);
    if (o->label == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i + 1 < job->n; i++) {
        if (strcmp(job->outputs[i].label, o->label) == 0 &&
            strcmp(ending_of(job->outputs[i].type), ending_of(type)) == 0)
            return phi_fail(err, PHI_E_ARG,
                            "two outputs are called %.*s: TYPE=LABEL tells "
                            "them apart",
                            PHI_ERR_NAME, o->label);
    }
    return PHI_OK;
}

static int refuse_output(const struct release_job *job,
                         const struct phi_err *err)
{
    return err->status == PHI_E_ARG ? usage_error(job->cmd, "%s", err->msg)
                                    : report_error(err);
}

static int room_for(struct release_job *job, size_t n)
{
    struct phi_err err = {0};

    job->outputs = phi_alloc(n, sizeof(*job->outputs), &err);
    job->types.v = phi_alloc(n, sizeof(*job->types.v), &err);
    if (job->outputs == NULL || job->types.v == NULL)
        return report_error(&err);
    return -1;
}

/* "TYPE" or "TYPE=LABEL" of every -t. */
static int outputs_of_options(struct release_job *job)
{
    const struct text_list *list = &job->args.q.types;
    struct phi_buf b = {0};
    struct phi_err err = {0};
    char *at;
    int code = room_for(job, list->n);

    for (size_t i = 0; i < list->n; i++)
        phi_buf_put(&b, list->v[i], strlen(list->v[i]) + 1);
    if (phi_buf_status(&b, &err) != PHI_OK) {
        phi_buf_release(&b);
        return report_error(&err);
    }
    job->own = at = (char *)b.p;
    for (size_t i = 0; code == -1 && i < list->n; i++) {
        char *label = strchr(at, '=');
        char *next = at + strlen(at) + 1;

        if (label != NULL)
            *label++ = '\0';
        if (add_output(job, at, label, &err) != PHI_OK)
            code = refuse_output(job, &err);
        at = next;
    }
    return code;
}

static int outputs_of_recipe(struct release_job *job)
{
    struct recipe_file *f = &job->recipe;
    struct phi_err err = {0};
    int code;

    if (recipe_file_load(f, job->args.recipe, &err) != PHI_OK)
        return report_error(&err);
    code = room_for(job, f->n);
    for (size_t i = 0; code == -1 && i < f->n; i++) {
        if (add_output(job, f->types[i], f->labels[i], &err) != PHI_OK) {
            recipe_file_refuse(job->args.recipe, f->lines[i], &err);
            code = report_error(&err);
        }
    }
    job->q.recipes = f->recipes;
    return code;
}

static int read_outputs(struct release_job *job)
{
    const struct release_args *a = &job->args;

    if (a->recipe != NULL && a->q.types.n > 0)
        return usage_error(job->cmd, "-t and --recipe exclude each other");
    if (a->recipe != NULL)
        return outputs_of_recipe(job);
    if (a->q.types.n == 0)
        return usage_error(job->cmd, "no type: -t q8_0, for example, or "
                                     "--recipe FILE");
    if (a->q.types.n > RELEASE_MAX_OUTPUTS)
        return usage_error(job->cmd,
                           "-t: %zu outputs, a release has %d at "
                           "most",
                           a->q.types.n, RELEASE_MAX_OUTPUTS);
    return outputs_of_options(job);
}

/* ---- the rest ------------------------------------------------------------ */

/* A release is always compared with its source: something is always asked. */
static void default_gate(struct release_job *job)
{
    struct eval_args *e = &job->args.eval;

    if (eval_gated(e))
        return;
    e->max_ratio = (struct opt_float){true, RELEASE_MAX_RATIO};
    if (!job->args.q.common.quiet)
        report_note("no gate was given: --max-ppl-ratio %g", RELEASE_MAX_RATIO);
}

/* "ORG/NAME", as it goes into addresses. */
static bool is_model_id(const char *id)
{
    const char *slash = strchr(id, '/');
    char org[RELEASE_MAX_NAME + 1];

    if (slash == NULL || slash - id > RELEASE_MAX_NAME)
        return false;
    snprintf(org, sizeof(org), "%.*s", (int)(slash - id), id);
    return release_plain_name(org) && release_plain_name(slash + 1);
}

static int check_names(const struct release_job *job)
{
    const struct release_args *a = &job->args;

    if (a->name != NULL && !release_plain_name(a->name))
        return usage_error(job->cmd,
                           "--name %.*s: expected letters, digits and . _ -, "
                           "beginning with one of the first, %d at most",
                           PHI_ERR_NAME, a->name, RELEASE_MAX_NAME);
    for (size_t i = 0; i < a->base_models.n; i++) {
        if (!is_model_id(a->base_models.v[i]))
            return usage_error(job->cmd, "--base-model %s: expected ORG/NAME",
                               a->base_models.v[i]);
    }
    return -1;
}

int release_read_words(struct release_job *job)
{
    struct release_args *a = &job->args;
    struct quantize_job *q = &job->q;
    int code;

    if (a->q.output == NULL && !a->q.dry_run)
        return usage_error(job->cmd, "no folder: -o DIR");
    if (a->eval.text == NULL && !a->q.dry_run)
        return usage_error(job->cmd, "no text to measure with: --eval TEXT");
    code = check_names(job);
    if (code == -1)
        code = read_outputs(job);
    if (code == -1)
        code = level_features(job->cmd, &a->q.common, &q->features);
    if (code != -1)
        return code;
    q->cmd = job->cmd;
    q->args = a->q;
    q->args.types = job->types;
    q->args.types.n = job->n;
    q->args.output = NULL;
    q->unnamed = true;
    q->published = true;
    q->hashed = true;
    code = quantize_read_words(q);
    if (code != -1)
        return code;
    default_gate(job);
    job->eval.cmd = job->cmd;
    job->eval.common = &a->q.common;
    job->eval.args = &a->eval;
    job->eval.features = q->features;
    return eval_read_words(&job->eval, true);
}

/* ---- names --------------------------------------------------------------- */

/* What the model says that it is called, or --name says. */
static enum phi_status make_title(struct release_job *job, struct phi_err *err)
{
    struct phi_adapted *a = &job->q.model;
    const char *name = job->args.name;
    enum phi_status st = PHI_OK;

    if (name == NULL) {
        name = "model";
        st = phi_meta_opt_str(&job->q.shapes->meta, "general.name", &name, err);
    }
    if (st == PHI_OK) {
        job->title = phi_alloc(PHI_ERR_MAX, 1, err);
        st = job->title != NULL ? PHI_OK : PHI_E_NOMEM;
    }
    if (st != PHI_OK)
        return st;
    phi_printable(job->title, PHI_ERR_MAX, name);
    /* What was merged here has the name that is given here. */
    return a->n > 0 ? phi_adapted_rename(a, job->title, err) : PHI_OK;
}

/* The title with what may be in a name; runs of anything else are one dash. */
static enum phi_status make_name(struct release_job *job, struct phi_err *err)
{
    char *name = phi_alloc(STEM_MAX + 1, 1, err);
    size_t n = 0;

    if (name == NULL)
        return PHI_E_NOMEM;
    for (const char *p = job->title; *p != '\0' && n < STEM_MAX; p++) {
        const char one[2] = {*p, '\0'};

        if (release_plain_name(one) || (n > 0 && *p == '.'))
            name[n++] = *p;
        else if (n > 0 && name[n - 1] != '-')
            name[n++] = '-';
    }
    while (n > 0 && name[n - 1] == '-')
        name[--n] = '\0';
    if (n == 0)
        snprintf(name, STEM_MAX, "model");
    job->name = name;
    return PHI_OK;
}

enum phi_status release_check_length(const char *name, struct phi_err *err)
{
    if (strlen(name) <= RELEASE_MAX_NAME)
        return PHI_OK;
    phi_fail(err, PHI_E_ARG, "%.*s: is a name of %zu bytes, %d at most",
             PHI_ERR_NAME, name, strlen(name), RELEASE_MAX_NAME);
    return phi_hint(err, "--name, and TYPE=LABEL, can be shorter");
}

enum phi_status release_make_names(struct release_job *job, struct phi_err *err)
{
    enum phi_status st = make_title(job, err);

    if (st == PHI_OK)
        st = make_name(job, err);
    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        struct release_output *o = &job->outputs[i];

        o->file = phi_sprintf(err, "%s-%s%s", job->name, o->label,
                              ending_of(o->type));
        st = o->file != NULL ? release_check_length(o->file, err) : PHI_E_NOMEM;
    }
    return st;
}
