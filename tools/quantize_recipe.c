/* SPDX-License-Identifier: MIT */
#include "tools/quantize_recipe.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/quant/quant.h"
#include "tools/quantize_job.h"

const struct quantize_recipe_names quantize_option_names = {
    "--tensor-type ", "--token-embedding-type ", "--output-tensor-type ",
    "--leave-output-tensor"};

/* A type that can be written, by its name. */
static enum phi_status read_type(const char *option, const char *word,
                                 enum phi_dtype *out, struct phi_err *err)
{
    const int len = (int)strcspn(option, " :");
    const char *names[PHI_NDTYPES];
    const char *near;
    size_t n = 0;

    if (phi_dtype_from_name(word, out) && phi_quant_writable(*out))
        return PHI_OK;
    for (int t = 0; t < PHI_NDTYPES; t++) {
        if (phi_quant_writable((enum phi_dtype)t))
            names[n++] = phi_dtype_info((enum phi_dtype)t)->name;
    }
    near = nearest_word(word, names, n);
    if (near != NULL)
        return phi_fail(err, PHI_E_ARG,
                        "%.*s: unknown type \"%s\", did you mean %s?", len,
                        option, word, near);
    return phi_fail(err, PHI_E_ARG,
                    "%.*s: unknown type \"%s\", expected one of a "
                    "tensor, as q4_k",
                    len, option, word);
}

/* "REGEX=TYPE"; no type has a = in its name, and a pattern may. */
static enum phi_status read_override(struct phi_type_override *o,
                                     const char *option, const char *word,
                                     struct phi_err *err)
{
    const char *sep = strrchr(word, '=');
    enum phi_status st;
    char *pattern;

    if (sep == NULL || sep == word || sep[1] == '\0')
        return phi_fail(err, PHI_E_ARG,
                        "%s%s: expected REGEX=TYPE, as ffn_down=q6_k", option,
                        word);
    st = read_type(option, sep + 1, &o->dtype, err);
    if (st != PHI_OK)
        return st;
    pattern = phi_strndup(word, (size_t)(sep - word), err);
    if (pattern == NULL)
        return PHI_E_NOMEM;
    st = phi_name_pattern_new(&o->pattern, pattern, err);
    free(pattern);
    if (st == PHI_E_ARG)
        phi_err_prefix(err, "%s%s", option, word);
    o->text = word;
    return st;
}

enum phi_status quantize_recipe_read(struct quantize_recipe *r,
                                     const struct quantize_recipe_words *words,
                                     struct phi_err *err)
{
    const struct quantize_recipe_names *names = words->names;
    enum phi_status st = PHI_OK;

    r->names = names;
    r->recipe.pure = words->pure;
    r->recipe.leave_output = words->leave_output;
    if (words->embedding != NULL) {
        r->recipe.embedding = &r->embedding;
        r->embedding.text = words->embedding;
        st = read_type(names->embedding, words->embedding, &r->embedding.dtype,
                       err);
    }
    if (st == PHI_OK && words->output != NULL) {
        r->recipe.output = &r->output;
        r->output.text = words->output;
        st = read_type(names->output, words->output, &r->output.dtype, err);
    }
    if (st != PHI_OK || words->ntensors == 0)
        return st;
    r->overrides = phi_alloc(words->ntensors, sizeof(*r->overrides), err);
    if (r->overrides == NULL)
        return PHI_E_NOMEM;
    r->recipe.overrides = r->overrides;
    for (size_t i = 0; st == PHI_OK && i < words->ntensors; i++) {
        r->recipe.noverrides++;
        st = read_override(&r->overrides[i], names->tensor, words->tensors[i],
                           err);
    }
    return st;
}

/* Whether some tensor of some output has its type from this word. */
static bool decided(const struct quantize_job *job,
                    const struct phi_type_override *by)
{
    for (size_t i = 0; i < job->n; i++) {
        const struct phi_plan *plan = &job->targets[i].plan;

        for (size_t k = 0; k < plan->n; k++) {
            if (plan->steps[k].by == by)
                return true;
        }
    }
    return false;
}

/* Why a pattern decided nothing. */
static enum phi_status refuse_override(const struct quantize_job *job,
                                       const char *option,
                                       const struct phi_type_override *o,
                                       struct phi_err *err)
{
    for (size_t i = 0; i < job->source->ntensors; i++) {
        const char *name = job->source->tensors[i].name;
        bool found = false;
        const enum phi_status st =
            phi_name_pattern_find(o->pattern, name, &found, err);

        if (st != PHI_OK)
            return st;
        if (found)
            return phi_fail(err, PHI_E_ARG,
                            "%s%s: matches \"%.*s\" and decides "
                            "no tensor's type: what it matches is not to be "
                            "quantized, or another option comes first",
                            option, o->text, PHI_ERR_NAME, name);
    }
    return phi_fail(err, PHI_E_ARG, "%s%s: matches no tensor of %s", option,
                    o->text, job->source->path);
}

static enum phi_status check_one(const struct quantize_job *job,
                                 const struct quantize_recipe *of,
                                 struct phi_err *err)
{
    const struct phi_recipe *r = &of->recipe;
    size_t at;

    for (size_t i = 0; i < r->noverrides; i++) {
        if (!decided(job, &r->overrides[i]))
            return refuse_override(job, of->names->tensor, &r->overrides[i],
                                   err);
    }
    if (r->embedding != NULL && !decided(job, r->embedding))
        return phi_fail(err, PHI_E_ARG,
                        "%s%s: no token_embd.weight is to be quantized",
                        of->names->embedding, r->embedding->text);
    if (r->output != NULL && !decided(job, r->output))
        return phi_fail(err, PHI_E_ARG,
                        "%s%s: no output.weight is to be quantized",
                        of->names->output, r->output->text);
    if (r->leave_output && !phi_source_find(job->source, "output.weight", &at))
        return phi_fail(err, PHI_E_ARG, "%s: %s has no output.weight",
                        of->names->leave_output, job->source->path);
    return PHI_OK;
}

enum phi_status quantize_recipe_check(const struct quantize_job *job,
                                      struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        const struct quantize_recipe *r = job->targets[i].recipe;

        if (i == 0 || r != job->targets[i - 1].recipe)
            st = check_one(job, r, err);
    }
    return st;
}

void quantize_recipe_release(struct quantize_recipe *r)
{
    for (size_t i = 0; i < r->recipe.noverrides; i++)
        phi_name_pattern_free(r->overrides[i].pattern);
    free(r->overrides);
    *r = (struct quantize_recipe){0};
}
