/* SPDX-License-Identifier: MIT */
/*
 * With the source at hand: the release's own recipe is run once more, and what
 * it makes is compared with the files instead of being written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pack_compare.h"
#include "formats/pack_source.h"
#include "libconv/base/mem.h"
#include "libconv/convert/check_sink.h"
#include "libconv/convert/provenance.h"
#include "libconv/tensor/meta_match.h"
#include "tools/progress.h"
#include "tools/quantize_target.h"
#include "tools/recipe_file.h"
#include "tools/relcheck.h"
#include "tools/release_job.h"

/* What the run works on; a quantize job without files. */
struct again {
    struct quantize_job q;
    struct recipe_file recipe;
    const char *types[RELEASE_MAX_OUTPUTS];
    struct phi_sink *sinks[RELEASE_MAX_OUTPUTS];
    struct phi_check *checks[RELEASE_MAX_OUTPUTS]; /* (plan.n) */
};

/* ---- from the manifest to a job ------------------------------------------ */

static enum phi_status get_bool(const struct phi_json *object, const char *key,
                                bool *out, struct phi_err *err)
{
    struct phi_json v;
    const enum phi_status st =
        phi_json_get(object, key, PHI_JSON_BOOL, &v, err);

    return st == PHI_OK ? phi_json_bool(&v, out, err) : st;
}

/* The type of an output as it was asked for, packed or not; or NULL. */
static enum phi_status find_type(const struct phi_file_type **out,
                                 const char *word, struct phi_err *err)
{
    const char *type;
    size_t n;
    char *name;

    quantize_word_packed(word, strlen(word), &type, &n);
    name = phi_strndup(type, n, err);
    if (name == NULL)
        return PHI_E_NOMEM;
    *out = phi_file_type_find(name);
    free(name);
    return PHI_OK;
}

/* Recipes are lines: one that holds a line's end is none. */
static enum phi_status read_recipes(struct relcheck *c, struct again *a,
                                    struct phi_err *err)
{
    struct phi_buf text = {0};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < c->n; i++) {
        phi_buf_text(&text, c->outputs[i].recipe);
        phi_buf_text(&text, "\n");
        a->types[i] = c->outputs[i].type;
    }
    st = phi_buf_status(&text, err);
    if (st == PHI_OK)
        st = recipe_file_parse(&a->recipe, (const char *)text.p, text.n,
                               RELEASE_MANIFEST ": recipes", err);
    for (size_t i = 0; st == PHI_OK && i < c->n; i++) {
        const struct phi_file_type *want;

        if ((st = find_type(&want, c->outputs[i].type, err)) != PHI_OK)
            continue;
        if (a->recipe.n != c->n || want == NULL ||
            phi_file_type_find(a->recipe.types[i]) != want)
            st = phi_fail(err, PHI_E_FORMAT,
                          RELEASE_MANIFEST ": recipe \"%.*s\" is none of type "
                                           "\"%.*s\"",
                          PHI_ERR_NAME, c->outputs[i].recipe, PHI_ERR_NAME,
                          c->outputs[i].type);
    }
    phi_buf_release(&text);
    return st;
}

/* What the release was made with must be given again, no more and no less. */
static enum phi_status check_given(const struct relcheck *c,
                                   const struct phi_json *root,
                                   const struct phi_json *options,
                                   struct phi_err *err)
{
    const size_t given = c->args.lora.adapters.n;
    struct phi_json list;
    struct phi_json imatrix;
    enum phi_status st =
        phi_json_get(root, "adapters", PHI_JSON_ARRAY, &list, err);

    if (st == PHI_OK)
        st = phi_json_opt(options, "imatrix", PHI_JSON_OBJECT, &imatrix, err);
    if (st != PHI_OK)
        return st;
    if (phi_json_count(&list) != given)
        return phi_fail(err, PHI_E_ARG,
                        "%s: was made with %zu adapter%s, --lora gives %zu",
                        c->dir, phi_json_count(&list),
                        phi_json_count(&list) == 1 ? "" : "s", given);
    if ((imatrix.node != NULL) != (c->args.imatrix != NULL))
        return phi_fail(err, PHI_E_ARG,
                        "%s: was made with%s importance matrix, and --imatrix "
                        "is %sgiven",
                        c->dir, imatrix.node != NULL ? " an" : "out an",
                        c->args.imatrix != NULL ? "" : "not ");
    return PHI_OK;
}

static enum phi_status begin(struct relcheck *c, struct again *a,
                             struct phi_err *err)
{
    const struct phi_json root = phi_json_root(c->manifest);
    struct quantize_args *q = &a->q.args;
    struct phi_json options;
    enum phi_status st;

    if ((st = phi_json_get(&root, "options", PHI_JSON_OBJECT, &options, err)) !=
            PHI_OK ||
        (st = get_bool(&options, "allow_requantize", &q->allow_requantize,
                       err)) != PHI_OK ||
        (st = get_bool(&options, "dequantize_base", &q->lora.dequantize,
                       err)) != PHI_OK ||
        (st = check_given(c, &root, &options, err)) != PHI_OK)
        return st;
    q->common = c->args.common;
    q->common.operands = (struct text_list){&c->args.source, 1, 0};
    q->types = (struct text_list){a->types, c->n, 0};
    q->imatrix = c->args.imatrix;
    q->lora.adapters = c->args.lora.adapters;
    q->lora.dequantize = q->lora.dequantize && c->args.lora.adapters.n > 0;
    q->lora.allow_unused = c->args.lora.allow_unused;
    q->lora.allow_twice = c->args.lora.allow_twice;
    a->q.cmd = c->cmd;
    a->q.features = c->features;
    a->q.unnamed = true;
    a->q.published = true;
    st = read_recipes(c, a, err);
    a->q.recipes = a->recipe.recipes;
    return st;
}

/* ---- what went in -------------------------------------------------------- */

/* A member of an object, compared with what it should be. */
static enum phi_status same_text(struct relcheck *c,
                                 const struct phi_json *object, const char *key,
                                 const char *got, const char *what,
                                 struct phi_err *err)
{
    const char *want = NULL;
    const enum phi_status st = phi_json_opt_str(object, key, &want, err);

    if (st != PHI_OK || strcmp(want != NULL ? want : "", got) == 0)
        return st;
    return relcheck_found(c, err, "%s: %s is \"%.*s\", expected \"%.*s\"", what,
                          key, PHI_ERR_NAME, got, PHI_ERR_NAME,
                          want != NULL ? want : "");
}

static enum phi_status check_adapters(struct relcheck *c, const struct again *a,
                                      const struct phi_json *root,
                                      struct phi_err *err)
{
    struct phi_json list;
    struct phi_json item = {0};
    size_t i = 0;
    enum phi_status st =
        phi_json_get(root, "adapters", PHI_JSON_ARRAY, &list, err);

    for (; st == PHI_OK && phi_json_next(&list, &item); i++) {
        const struct phi_provenance_adapter *got = &a->q.adapters[i];
        struct phi_json v;
        double scale = 0;
        char what[32];

        snprintf(what, sizeof(what), "adapter %zu", i + 1);
        if ((st = same_text(c, &item, "sha256", got->sha256, what, err)) !=
                PHI_OK ||
            (st = same_text(c, &item, "config_sha256", got->config_sha256, what,
                            err)) != PHI_OK ||
            (st = phi_json_get(&item, "scale", PHI_JSON_NUMBER, &v, err)) !=
                PHI_OK ||
            (st = phi_json_number(&v, -1e300, 1e300, &scale, err)) != PHI_OK)
            return st;
        if (scale != got->scale)
            st = relcheck_found(c, err, "%s: scale is %g, expected %g", what,
                                got->scale, scale);
    }
    return st;
}

/* What was merged is called what the manifest says: the adapters may lie in
 * folders of other names now. */
static enum phi_status take_name(struct again *a, const struct phi_json *root,
                                 struct phi_err *err)
{
    struct phi_json model;
    const char *name = NULL;
    enum phi_status st;

    if (a->q.model.n == 0)
        return PHI_OK;
    st = phi_json_get(root, "model", PHI_JSON_OBJECT, &model, err);
    if (st == PHI_OK)
        st = phi_json_get_str(&model, "name", &name, err);
    return st == PHI_OK ? phi_adapted_rename(&a->q.model, name, err) : st;
}

/* The source's files and the matrix, after they were read. */
static enum phi_status check_inputs(struct relcheck *c, const struct again *a,
                                    struct phi_err *err)
{
    const struct phi_json root = phi_json_root(c->manifest);
    const struct phi_source *s = a->q.source;
    struct phi_json source;
    struct phi_json options;
    struct phi_json list;
    struct phi_json item = {0};
    size_t i = 0;
    enum phi_status st;

    if ((st = phi_json_get(&root, "source", PHI_JSON_OBJECT, &source, err)) !=
            PHI_OK ||
        (st = phi_json_get(&source, "files", PHI_JSON_ARRAY, &list, err)) !=
            PHI_OK ||
        (st = phi_json_get(&root, "options", PHI_JSON_OBJECT, &options, err)) !=
            PHI_OK)
        return st;
    if (phi_json_count(&list) != s->nfiles)
        st = relcheck_found(c, err, "source: has %zu files, expected %zu",
                            s->nfiles, phi_json_count(&list));
    for (; st == PHI_OK && i < s->nfiles && phi_json_next(&list, &item); i++) {
        char what[PHI_ERR_NAME + 16];

        snprintf(what, sizeof(what), "source: %.*s", PHI_ERR_NAME,
                 s->files[i].name);
        st = same_text(c, &item, "sha256", a->q.sha256[i], what, err);
    }
    if (st == PHI_OK && c->args.imatrix != NULL) {
        st = phi_json_get(&options, "imatrix", PHI_JSON_OBJECT, &item, err);
        if (st == PHI_OK)
            st = same_text(c, &item, "sha256", a->q.imatrix.sha256, "imatrix",
                           err);
    }
    return st;
}

/* ---- what comes out ------------------------------------------------------ */

static enum phi_status open_sinks(struct relcheck *c, struct again *a,
                                  struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < c->n; i++) {
        const struct phi_plan *plan = &a->q.targets[i].plan;

        a->checks[i] = phi_alloc(plan->n, sizeof(*a->checks[i]), err);
        st =
            a->checks[i] != NULL
                ? phi_check_sink_open(&a->sinks[i], c->outputs[i].model,
                                      plan->tensors, plan->n, a->checks[i], err)
                : PHI_E_NOMEM;
    }
    return st;
}

static enum phi_status derive(struct relcheck *c, struct again *a,
                              struct phi_err *err)
{
    struct phi_output_job jobs[RELEASE_MAX_OUTPUTS];
    struct phi_pipeline_work work = {
        .source = a->q.source,
        .merge = a->q.model.n > 0 ? &a->q.model.merge : NULL,
        .outputs = jobs,
        .n = c->n};
    struct progress progress;
    struct phi_monitor monitor;
    struct phi_pipeline_options opt = {.nthreads =
                                           (size_t)c->args.common.threads,
                                       .features = c->features,
                                       .max_memory = c->args.max_memory,
                                       .monitor = &monitor};
    enum phi_status st;

    for (size_t i = 0; i < c->n; i++)
        jobs[i] =
            (struct phi_output_job){&a->q.targets[i].plan, a->sinks[i], NULL};
    a->q.sha256 = phi_alloc(a->q.source->nfiles, sizeof(*a->q.sha256), err);
    if (a->q.sha256 == NULL)
        return PHI_E_NOMEM;
    opt.sha256 = a->q.sha256;
    progress_begin(&progress, c->args.common.progress, "derive", "B");
    monitor = progress_monitor(&progress);
    st = phi_pipeline_run(&work, &opt, err);
    progress_end(&progress);
    return st;
}

static enum phi_status judge_tensors(struct relcheck *c, const struct again *a,
                                     size_t i, struct phi_err *err)
{
    const struct phi_plan *plan = &a->q.targets[i].plan;
    const struct relcheck_output *o = &c->outputs[i];
    size_t missing = 0;
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < plan->n; k++) {
        const struct phi_check *check = &a->checks[i][k];
        const char *name = plan->tensors[k].name;

        missing += check->verdict == PHI_CHECK_MISSING;
        if (check->verdict == PHI_CHECK_BYTES)
            st = relcheck_found(
                c, err,
                "%s: tensor \"%s\": %llu of %llu bytes are not what the "
                "source makes, the first is %llu",
                o->first, name, (unsigned long long)check->count,
                (unsigned long long)plan->tensors[k].nbytes,
                (unsigned long long)check->first);
        else if (check->verdict != PHI_CHECK_SAME)
            st = relcheck_found(c, err, "%s: tensor \"%s\": %s", o->first, name,
                                check->verdict == PHI_CHECK_MISSING
                                    ? "is missing"
                                    : "is not of the type or shape that the "
                                      "source makes");
    }
    if (st == PHI_OK && o->model->ntensors != plan->n - missing)
        st = relcheck_found(
            c, err, "%s: has tensors that the source does not make", o->first);
    c->nderived += plan->n;
    return st;
}

/* Metadata too: a tokenizer is as good a place to hide something as weights
 * are. Only the version of the program may be another. */
static enum phi_status judge_meta(struct relcheck *c, struct again *a, size_t i,
                                  struct phi_err *err)
{
    struct quantize_target *t = &a->q.targets[i];
    struct phi_meta *want = &t->plan.meta;
    const struct phi_meta *have = &c->outputs[i].model->meta;
    const char *first = c->outputs[i].first;
    size_t *in_have = NULL;
    size_t *in_want = NULL;
    enum phi_status st = PHI_OK;

    if (!t->copied)
        st = phi_provenance_fill(want,
                                 (const char(*)[PHI_SHA256_HEX])a->q.sha256,
                                 a->q.source->nfiles, err);
    if (st == PHI_OK && ((in_have = phi_meta_match(want, have, err)) == NULL ||
                         (in_want = phi_meta_match(have, want, err)) == NULL))
        st = PHI_E_NOMEM;
    for (size_t k = 0; st == PHI_OK && k < want->n; k++) {
        const char *key = want->kv[k].key;

        if (strcmp(key, "phiconv.version") == 0)
            continue;
        if (in_have[k] == PHI_META_NONE ||
            !phi_kv_same(&have->kv[in_have[k]], &want->kv[k]))
            st = relcheck_found(c, err,
                                "%s: key \"%s\": is not what the source makes",
                                first, key);
    }
    for (size_t k = 0; st == PHI_OK && k < have->n; k++) {
        if (in_want[k] == PHI_META_NONE)
            st = relcheck_found(c, err,
                                "%s: key \"%.*s\": the source makes none",
                                first, PHI_ERR_NAME, have->kv[k].key);
    }
    free(in_have);
    free(in_want);
    return st;
}

/* Where a section of a packed file is told of. */
struct place {
    struct relcheck *c;
    const char *first;
};

static enum phi_status tell_section(void *ctx, const char *name,
                                    enum phi_pack_unlike how, uint64_t at,
                                    struct phi_err *err)
{
    const struct place *p = ctx;
    char what[96] = "is missing";

    if (how == PHI_PACK_UNLIKE_MORE)
        snprintf(what, sizeof(what), "the source makes none");
    else if (how == PHI_PACK_UNLIKE_LENGTH)
        snprintf(what, sizeof(what),
                 "has %llu bytes, and not as many as the source makes",
                 (unsigned long long)at);
    else if (how == PHI_PACK_UNLIKE_BYTES)
        snprintf(what, sizeof(what),
                 "is not what the source makes from byte %llu on",
                 (unsigned long long)at);
    return relcheck_found(p->c, err, "%s: section \"%.*s\": %s", p->first,
                          PHI_ERR_NAME, name, what);
}

/*
 * What a packed file has besides: export makes a folder of it. That an output
 * is a packed file is the manifest's word, which is not to be trusted.
 */
static enum phi_status judge_sections(struct relcheck *c, const struct again *a,
                                      size_t i, struct phi_err *err)
{
    const struct quantize_target *t = &a->q.targets[i];
    const struct relcheck_output *o = &c->outputs[i];
    struct place place = {c, o->first};

    if ((phi_pack_of(o->model) != NULL) != t->packed)
        return relcheck_found(c, err, "%s: is a %s file, expected a %s file",
                              o->first, t->packed ? "GGUF" : "packed",
                              t->packed ? "packed" : "GGUF");
    if (!t->packed)
        return PHI_OK;
    return phi_pack_compare(t->inner, o->model, tell_section, &place, err);
}

enum phi_status relcheck_source(struct relcheck *c, struct phi_err *err)
{
    struct again a = {0};
    const struct phi_json root = phi_json_root(c->manifest);
    enum phi_status st;

    if (c->args.source == NULL)
        return PHI_OK;
    st = begin(c, &a, err);
    if (st == PHI_OK && quantize_read_words(&a.q) != -1)
        st = phi_fail(err, PHI_E_ARG, "the adapters' words are no use");
    if (st == PHI_OK)
        st = quantize_open(&a.q, err);
    if (st == PHI_OK)
        st = check_adapters(c, &a, &root, err);
    if (st == PHI_OK && c->nfound > 0)
        goto out; /* everything would differ */
    if (st == PHI_OK)
        st = take_name(&a, &root, err);
    if (st == PHI_OK)
        st = quantize_make_plans(&a.q, err);
    if (st == PHI_OK)
        st = open_sinks(c, &a, err);
    if (st == PHI_OK)
        st = derive(c, &a, err);
    if (st == PHI_OK)
        st = check_inputs(c, &a, err);
    for (size_t i = 0; st == PHI_OK && i < c->n; i++) {
        st = judge_tensors(c, &a, i, err);
        if (st == PHI_OK)
            st = judge_meta(c, &a, i, err);
        if (st == PHI_OK)
            st = judge_sections(c, &a, i, err);
        /* They were read once more: nothing else looks at that. */
        if (st == PHI_OK)
            st = phi_source_unchanged(c->outputs[i].model, err);
    }
out:
    for (size_t i = 0; i < c->n; i++) {
        phi_sink_close(a.sinks[i]);
        free(a.checks[i]);
    }
    quantize_release(&a.q);
    recipe_file_release(&a.recipe);
    return st;
}
