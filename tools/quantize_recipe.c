/* SPDX-License-Identifier: MIT */
#include "tools/quantize_recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/imatrix_read.h"
#include "libconv/base/mem.h"
#include "libconv/quant/quant.h"
#include "tools/quantize_job.h"
#include "tools/report.h"

/* A type that can be written, by its name. */
static int read_type(const struct command *cmd, const char *option,
                     const char *word, enum phi_dtype *out)
{
    const char *names[PHI_NDTYPES];
    const char *near;
    size_t n = 0;

    if (phi_dtype_from_name(word, out) && phi_quant_writable(*out))
        return -1;
    for (int t = 0; t < PHI_NDTYPES; t++) {
        if (phi_quant_writable((enum phi_dtype)t))
            names[n++] = phi_dtype_info((enum phi_dtype)t)->name;
    }
    near = nearest_word(word, names, n);
    if (near != NULL)
        return usage_error(cmd, "%s: unknown type \"%s\", did you mean %s?",
                           option, word, near);
    return usage_error(cmd,
                       "%s: unknown type \"%s\", expected one of a "
                       "tensor, as q4_k",
                       option, word);
}

/* "REGEX=TYPE"; no type has a = in its name, and a pattern may. */
static int read_override(struct phi_type_override *o, const struct command *cmd,
                         const char *word)
{
    const char *sep = strrchr(word, '=');
    struct phi_err err = {0};
    enum phi_status st;
    char *pattern;
    int code;

    if (sep == NULL || sep == word || sep[1] == '\0')
        return usage_error(cmd,
                           "--tensor-type %s: expected REGEX=TYPE, as "
                           "ffn_down=q6_k",
                           word);
    code = read_type(cmd, "--tensor-type", sep + 1, &o->dtype);
    if (code != -1)
        return code;
    pattern = phi_strndup(word, (size_t)(sep - word), &err);
    if (pattern == NULL)
        return report_error(&err);
    st = phi_name_pattern_new(&o->pattern, pattern, &err);
    free(pattern);
    if (st == PHI_E_ARG)
        return usage_error(cmd, "--tensor-type %s: %s", word, err.msg);
    o->text = word;
    return st == PHI_OK ? -1 : report_error(&err);
}

int quantize_recipe_read(struct quantize_recipe *r, const struct command *cmd,
                         const struct quantize_args *args)
{
    const struct text_list *list = &args->tensor_types;
    struct phi_err err = {0};
    int code = -1;

    r->recipe.pure = args->pure;
    r->recipe.leave_output = args->leave_output;
    if (args->embedding_type != NULL) {
        r->recipe.embedding = &r->embedding;
        r->embedding.text = args->embedding_type;
        code = read_type(cmd, "--token-embedding-type", args->embedding_type,
                         &r->embedding.dtype);
    }
    if (code == -1 && args->output_type != NULL) {
        r->recipe.output = &r->output;
        r->output.text = args->output_type;
        code = read_type(cmd, "--output-tensor-type", args->output_type,
                         &r->output.dtype);
    }
    if (code != -1 || list->n == 0)
        return code;
    r->overrides = phi_alloc(list->n, sizeof(*r->overrides), &err);
    if (r->overrides == NULL)
        return report_error(&err);
    r->recipe.overrides = r->overrides;
    for (size_t i = 0; code == -1 && i < list->n; i++) {
        r->recipe.noverrides++;
        code = read_override(&r->overrides[i], cmd, list->v[i]);
    }
    return code;
}

enum phi_status quantize_recipe_load(struct quantize_recipe *r,
                                     const struct quantize_args *args,
                                     struct phi_err *err)
{
    if (args->imatrix == NULL)
        return PHI_OK;
    return phi_imatrix_read(&r->imatrix, args->imatrix, err);
}

/* Whether some tensor of some output has its type from this option. */
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
                            "--tensor-type %s: matches \"%.*s\" and decides "
                            "no tensor's type: what it matches is not to be "
                            "quantized, or another option comes first",
                            o->text, PHI_ERR_NAME, name);
    }
    return phi_fail(err, PHI_E_ARG, "--tensor-type %s: matches no tensor of %s",
                    o->text, job->source->path);
}

enum phi_status quantize_recipe_check(const struct quantize_job *job,
                                      struct phi_err *err)
{
    const struct phi_recipe *r = &job->recipe.recipe;
    size_t at;

    for (size_t i = 0; i < r->noverrides; i++) {
        if (!decided(job, &r->overrides[i]))
            return refuse_override(job, &r->overrides[i], err);
    }
    if (r->embedding != NULL && !decided(job, r->embedding))
        return phi_fail(err, PHI_E_ARG,
                        "--token-embedding-type %s: no token_embd.weight is "
                        "to be quantized",
                        r->embedding->text);
    if (r->output != NULL && !decided(job, r->output))
        return phi_fail(err, PHI_E_ARG,
                        "--output-tensor-type %s: no output.weight is to be "
                        "quantized",
                        r->output->text);
    if (r->leave_output && !phi_source_find(job->source, "output.weight", &at))
        return phi_fail(err, PHI_E_ARG,
                        "--leave-output-tensor: %s has no output.weight",
                        job->source->path);
    return PHI_OK;
}

void quantize_recipe_release(struct quantize_recipe *r)
{
    for (size_t i = 0; i < r->recipe.noverrides; i++)
        phi_name_pattern_free(r->overrides[i].pattern);
    free(r->overrides);
    phi_imatrix_release(&r->imatrix);
    *r = (struct quantize_recipe){0};
}
