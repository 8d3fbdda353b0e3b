/* SPDX-License-Identifier: MIT */
#include "libconv/convert/plan.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/size.h"
#include "libconv/quant/quant.h"

/* A tensor in the sort: its layer is -1 outside "blk.N.". */
struct place {
    const struct phi_tensor *tensor;
    size_t source;
    long layer;
};

static long layer_of(const char *name)
{
    long n = 0;

    if (strncmp(name, "blk.", 4) != 0 || name[4] < '0' || name[4] > '9')
        return -1;
    for (name += 4; *name >= '0' && *name <= '9' && n < 1000000; name++)
        n = n * 10 + (*name - '0');
    return *name == '.' ? n : -1;
}

static int by_layer_and_name(const void *a, const void *b)
{
    const struct place *p = a;
    const struct place *q = b;

    if (p->layer != q->layer)
        return p->layer < q->layer ? -1 : 1;
    return strcmp(p->tensor->name, q->tensor->name);
}

/*
 * llama.cpp's phi2 has no place for them, and would ignore or refuse them:
 * a file without them computes something else.
 */
static enum phi_status check_name(const struct phi_tensor *t,
                                  struct phi_err *err)
{
    if (strstr(t->name, "attn_q_norm") != NULL ||
        strstr(t->name, "attn_k_norm") != NULL)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": GGUF's phi2 architecture has no "
                        "place for norms of queries and keys (qk_layernorm)",
                        t->file, PHI_ERR_NAME, t->origin);
    if (strlen(t->name) > PHI_MAX_NAME)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": its name has %zu bytes, GGUF "
                        "readers take at most %d",
                        t->file, PHI_ERR_NAME, t->origin, strlen(t->name),
                        PHI_MAX_NAME);
    if (phi_tensor_cols(t) > PHI_PLAN_MAX_COLS)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": has rows of %llu elements, at "
                        "most %d are converted",
                        t->file, PHI_ERR_NAME, t->origin,
                        (unsigned long long)phi_tensor_cols(t),
                        PHI_PLAN_MAX_COLS);
    if (t->rank < 1 || t->rank > 4)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": has %u dimensions, expected 1 to "
                        "4",
                        t->file, PHI_ERR_NAME, t->origin, t->rank);
    return PHI_OK;
}

/* Whether the source's elements can become the chosen ones. */
static enum phi_status check_types(const struct phi_tensor *t,
                                   enum phi_dtype to, struct phi_err *err)
{
    const struct phi_dtype_info *from = phi_dtype_info(t->dtype);

    if (t->dtype == to) /* copied as it is */
        return PHI_OK;
    if (from->cls == PHI_CLASS_BLOCK) {
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "%s: tensor \"%.*s\": is quantized already (%s), expected a "
                 "float type",
                 t->file, PHI_ERR_NAME, t->origin, from->name);
        return phi_hint(err, "quantize from the float model: rounding twice "
                             "loses more than the file says");
    }
    if (!phi_quant_readable(t->dtype))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": is of type %s, expected a float "
                        "type",
                        t->file, PHI_ERR_NAME, t->origin, from->name);
    if (!phi_quant_writable(to))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": type %s cannot be written",
                        t->file, PHI_ERR_NAME, t->origin,
                        phi_dtype_info(to)->name);
    return PHI_OK;
}

static enum phi_status plan_tensor(struct phi_plan *plan, size_t i,
                                   const struct place *p,
                                   const struct phi_recipe *recipe,
                                   struct phi_err *err)
{
    const struct phi_tensor *t = p->tensor;
    struct phi_sink_tensor *out = &plan->tensors[i];
    struct phi_choice choice;
    uint64_t weights;
    enum phi_status st;

    if ((st = check_name(t, err)) != PHI_OK)
        return st;
    st = phi_recipe_choose(recipe, t, &choice, err);
    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", t->file);
    if ((st = check_types(t, choice.dtype, err)) != PHI_OK)
        return st;
    plan->steps[i] = (struct phi_plan_step){p->source, choice.why};
    *out = (struct phi_sink_tensor){
        .name = t->name, .dtype = choice.dtype, .rank = t->rank};
    memcpy(out->dim, t->dim, sizeof(out->dim));
    if (!phi_mul_u64(phi_tensor_rows(t), phi_tensor_cols(t), &weights) ||
        !phi_dtype_nbytes(choice.dtype, weights, &out->nbytes) ||
        !phi_add_u64(plan->weights, weights, &plan->weights) ||
        !phi_add_u64(plan->nbytes, out->nbytes, &plan->nbytes))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": its size overflows", t->file,
                        PHI_ERR_NAME, t->origin);
    return PHI_OK;
}

/* The recipes' rules are those for phi2; other models have exceptions. */
static enum phi_status check_model(const struct phi_source *s,
                                   struct phi_err *err)
{
    const char *arch = NULL;
    const enum phi_status st =
        phi_meta_get_str(&s->meta, "general.architecture", &arch, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", s->path);
    if (strcmp(arch, "phi2") != 0)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: key \"general.architecture\": is \"%.*s\", "
                        "expected \"phi2\"",
                        s->path, PHI_ERR_NAME, arch);
    return PHI_OK;
}

/*
 * The source's keys; the two that describe the quantization go to the end, as
 * in llama-quantize's files.
 */
static enum phi_status plan_meta(struct phi_plan *plan,
                                 const struct phi_source *s,
                                 struct phi_err *err)
{
    static const char version[] = "general.quantization_version";
    static const char type[] = "general.file_type";
    enum phi_status st = phi_meta_copy(&plan->meta, &s->meta, err);

    if (st != PHI_OK)
        return st;
    phi_meta_remove(&plan->meta, version);
    phi_meta_remove(&plan->meta, type);
    st = phi_meta_set_u(&plan->meta, version, PHI_KV_U32, 2, err);
    if (st == PHI_OK)
        st = phi_meta_set_u(&plan->meta, type, PHI_KV_U32, plan->type->number,
                            err);
    return st;
}

enum phi_status phi_plan_make(struct phi_plan *plan, const struct phi_source *s,
                              const struct phi_plan_options *options,
                              struct phi_err *err)
{
    struct phi_recipe recipe = {.type = options->type, .pure = options->pure};
    struct place *places = phi_alloc(s->ntensors, sizeof(*places), err);
    enum phi_status st = PHI_E_NOMEM;
    size_t at;

    *plan = (struct phi_plan){.type = options->type, .n = s->ntensors};
    recipe.has_output = phi_source_find(s, "output.weight", &at);
    recipe.from_gguf = strcmp(s->format, "gguf") == 0;
    plan->steps = phi_alloc(plan->n, sizeof(*plan->steps), err);
    plan->tensors = phi_alloc(plan->n, sizeof(*plan->tensors), err);
    if (places == NULL || plan->steps == NULL || plan->tensors == NULL)
        goto out;
    for (size_t i = 0; i < plan->n; i++)
        places[i] =
            (struct place){&s->tensors[i], i, layer_of(s->tensors[i].name)};
    qsort(places, plan->n, sizeof(*places), by_layer_and_name);
    if ((st = check_model(s, err)) != PHI_OK ||
        (st = plan_meta(plan, s, err)) != PHI_OK)
        goto out;
    for (size_t i = 0; i < plan->n; i++) {
        if ((st = plan_tensor(plan, i, &places[i], &recipe, err)) != PHI_OK)
            goto out;
    }
out:
    free(places);
    if (st != PHI_OK)
        phi_plan_release(plan);
    return st;
}

void phi_plan_release(struct phi_plan *plan)
{
    phi_meta_release(&plan->meta);
    free(plan->steps);
    free(plan->tensors);
    *plan = (struct phi_plan){0};
}

double phi_plan_bits(const struct phi_plan *plan)
{
    return plan->weights > 0 ? (double)plan->nbytes * 8 / (double)plan->weights
                             : 0;
}
