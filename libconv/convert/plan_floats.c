/* SPDX-License-Identifier: MIT */
#include "libconv/convert/plan_floats.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/convert/plan_parts.h"
#include "libconv/quant/overflow.h"
#include "libconv/quant/quant.h"

static bool is_embedding(const struct phi_source *s, size_t i)
{
    return strcmp(s->tensors[i].name, "token_embd.weight") == 0;
}

/*
 * Which tensors are other names of one that is planned: of those that are one,
 * all but the embedding, which a packed file may list behind the head that is
 * tied to it, or but the first.
 */
static enum phi_status find_aliases(bool *alias, const struct phi_source *s,
                                    struct phi_err *err)
{
    size_t *list = phi_source_by_place(s, err);
    size_t n = 0;

    if (list == NULL)
        return PHI_E_NOMEM;
    /* One that is in no file, or has no bytes, is no other's. */
    for (size_t k = 0; k < s->ntensors; k++) {
        if (s->tensors[list[k]].nbytes > 0 &&
            phi_source_is_alias(s, list[k], list[k]))
            list[n++] = list[k];
    }
    for (size_t k = 1, planned = 0; k < n; k++) {
        if (!phi_source_is_alias(s, list[planned], list[k])) {
            planned = k;
        } else if (is_embedding(s, list[k])) {
            alias[list[planned]] = true;
            planned = k;
        } else {
            alias[list[k]] = true;
        }
    }
    free(list);
    return PHI_OK;
}

enum phi_dtype phi_floats_common(const struct phi_source *s)
{
    enum phi_dtype found = PHI_F32;
    bool any = false;

    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];

        if (t->rank < 2)
            continue;
        if (any && t->dtype != found)
            return PHI_F32;
        any = true;
        found = t->dtype;
    }
    return found == PHI_F16 || found == PHI_BF16 ? found : PHI_F32;
}

/* As the pipeline will find: F64 alone is carried as it is, unseen. */
static bool can_store(enum phi_dtype from, enum phi_dtype to, bool merged)
{
    const bool same = from == to && !merged;

    if (same && from == PHI_F64)
        return true;
    return phi_quant_readable(from) && phi_overflow_known(to) &&
           (same || phi_quant_writable(to));
}

static enum phi_status check(const struct phi_tensor *t, enum phi_dtype to,
                             bool merged, bool dequantize, struct phi_err *err)
{
    const struct phi_dtype_info *from = phi_dtype_info(t->dtype);
    const enum phi_status st = phi_plan_check_shape(t, err);

    if (st != PHI_OK)
        return st;
    if (from->cls == PHI_CLASS_BLOCK && !dequantize) {
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "%s: tensor \"%.*s\": is quantized (%s), expected a float "
                 "type",
                 t->file, PHI_ERR_NAME, t->origin, from->name);
        return phi_hint(err, "start from the float model, or pass "
                             "--dequantize: what was rounded stays rounded");
    }
    if (can_store(t->dtype, to, merged))
        return PHI_OK;
    phi_fail(err, PHI_E_UNSUPPORTED,
             "%s: tensor \"%.*s\": type %s cannot become %s%s", t->file,
             PHI_ERR_NAME, t->origin, from->name, phi_dtype_info(to)->name,
             merged ? " after a merge" : "");
    if (!phi_quant_readable(t->dtype))
        return PHI_E_UNSUPPORTED;
    return phi_hint(err, "--dtype gives all tensors another type");
}

static enum phi_status add(struct phi_plan *plan, const struct phi_source *s,
                           size_t i, enum phi_dtype to, struct phi_err *err)
{
    const struct phi_tensor *t = &s->tensors[i];
    enum phi_status st;

    plan->steps[plan->n] = (struct phi_plan_step){
        .source = i,
        .why = t->dtype == to ? "as it was" : "the type asked for",
        .wanted = to};
    st = phi_plan_set(plan, plan->n, t, to, err);
    plan->n += st == PHI_OK;
    return st;
}

/* Whether tensors keep their types: those of a folder, packed or not. */
static bool keeps(const struct phi_source *s)
{
    bool all = s->folder != NULL;

    if (phi_source_is_folder(s))
        return true;
    for (size_t i = 0; i < s->ntensors; i++)
        all =
            all && phi_dtype_info(s->tensors[i].dtype)->cls == PHI_CLASS_FLOAT;
    return all;
}

enum phi_status phi_plan_floats(struct phi_plan *plan,
                                const struct phi_source *s,
                                const struct phi_floats_options *options,
                                struct phi_err *err)
{
    const bool keep = !options->given && keeps(s);
    const enum phi_dtype all =
        options->given ? options->dtype : phi_floats_common(s);
    bool *alias = phi_alloc(s->ntensors, sizeof(*alias), err);
    enum phi_status st = PHI_E_NOMEM;

    *plan = (struct phi_plan){0};
    plan->steps = phi_alloc(s->ntensors, sizeof(*plan->steps), err);
    plan->tensors = phi_alloc(s->ntensors, sizeof(*plan->tensors), err);
    if (alias != NULL && plan->steps != NULL && plan->tensors != NULL)
        st = find_aliases(alias, s, err);
    for (size_t i = 0; st == PHI_OK && i < s->ntensors; i++) {
        const enum phi_dtype to = keep ? s->tensors[i].dtype : all;
        const bool merged = options->merge != NULL &&
                            phi_merge_tensor_of(options->merge, i) != NULL;

        if (alias[i])
            continue;
        st = check(&s->tensors[i], to, merged, options->dequantize, err);
        if (st == PHI_OK)
            st = add(plan, s, i, to, err);
    }
    free(alias);
    if (st != PHI_OK)
        phi_plan_release(plan);
    return st;
}
