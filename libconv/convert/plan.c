/* SPDX-License-Identifier: MIT */
#include "libconv/convert/plan.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"
#include "libconv/convert/plan_parts.h"
#include "libconv/quant/quant.h"
#include "libconv/tensor/model_parts.h"

/* A tensor in the sort: its layer is -1 outside "blk.N.". */
struct place {
    const struct phi_tensor *tensor;
    size_t source;
    long layer;
};

static struct place place_of(const struct phi_source *s, size_t i)
{
    struct place p = {&s->tensors[i], i, -1};
    uint64_t layer;

    if (phi_layer_of(&layer, s->tensors[i].name))
        p.layer = (long)layer;
    return p;
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
    return PHI_OK;
}

enum phi_status phi_plan_check_shape(const struct phi_tensor *t,
                                     struct phi_err *err)
{
    if (t->rank < 1 || t->rank > 4)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": has %u dimensions, expected 1 to "
                        "4",
                        t->file, PHI_ERR_NAME, t->origin, t->rank);
    if (phi_tensor_cols(t) > PHI_PLAN_MAX_COLS)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": has rows of %llu elements, at "
                        "most %d are converted",
                        t->file, PHI_ERR_NAME, t->origin,
                        (unsigned long long)phi_tensor_cols(t),
                        PHI_PLAN_MAX_COLS);
    return PHI_OK;
}

/* Whether the source's elements can become the chosen ones. */
static enum phi_status check_types(const struct phi_tensor *t,
                                   enum phi_dtype to, bool requantize,
                                   struct phi_err *err)
{
    const struct phi_dtype_info *from = phi_dtype_info(t->dtype);

    if (t->dtype != to && from->cls == PHI_CLASS_BLOCK && !requantize) {
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "%s: tensor \"%.*s\": is quantized already (%s), expected a "
                 "float type",
                 t->file, PHI_ERR_NAME, t->origin, from->name);
        return phi_hint(err, "quantize from the float model, or pass "
                             "--allow-requantize: rounding twice loses more "
                             "than the file says");
    }
    /* What is copied is read too where it can be: its values must be finite.
     * Types of GGUF that nothing here computes with are carried unseen. */
    if (!phi_quant_readable(t->dtype) && (t->dtype != to || from->ggml < 0))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": is of type %s, expected a float "
                        "type",
                        t->file, PHI_ERR_NAME, t->origin, from->name);
    if (t->dtype != to && !phi_quant_writable(to))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": type %s cannot be written",
                        t->file, PHI_ERR_NAME, t->origin,
                        phi_dtype_info(to)->name);
    return PHI_OK;
}

/* Whether a float type holds every value of another; blocks widen to F32. */
static bool holds(enum phi_dtype to, enum phi_dtype from)
{
    switch (to) {
    case PHI_F32:
        return from != PHI_F64;
    case PHI_F16:
        return from == PHI_F16 || from == PHI_F8_E4M3 || from == PHI_F8_E5M2;
    case PHI_BF16:
        return from == PHI_BF16 || from == PHI_F8_E4M3 || from == PHI_F8_E5M2;
    default:
        return true; /* blocks round: that is what they are for */
    }
}

static enum phi_status check_strict(const struct phi_tensor *t,
                                    const struct phi_choice *c,
                                    struct phi_err *err)
{
    if (c->dtype != c->wanted)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": its width %llu does not fit "
                        "type %s, and --strict allows no %s for it",
                        t->file, PHI_ERR_NAME, t->origin,
                        (unsigned long long)phi_tensor_cols(t),
                        phi_dtype_info(c->wanted)->name,
                        phi_dtype_info(c->dtype)->name);
    if (t->dtype != c->dtype && !holds(c->dtype, t->dtype))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": type %s does not hold every "
                        "value of the source's %s, as --strict demands",
                        t->file, PHI_ERR_NAME, t->origin,
                        phi_dtype_info(c->dtype)->name,
                        phi_dtype_info(t->dtype)->name);
    return PHI_OK;
}

/* Block types whose quantizers look at the importance of columns. */
static bool takes_importance(enum phi_dtype t)
{
    return phi_dtype_info(t)->cls == PHI_CLASS_BLOCK && t != PHI_Q8_0 &&
           t != PHI_TQ1_0 && t != PHI_TQ2_0;
}

/* Sets *out to the tensor's importance, or to NULL where it may lack one. */
static enum phi_status find_importance(const struct phi_tensor *t,
                                       const struct phi_imatrix *m,
                                       const float **out, struct phi_err *err)
{
    const struct phi_imatrix_entry *e = phi_imatrix_find(m, t->name);
    const bool embedding = strcmp(t->name, "token_embd.weight") == 0;

    if (e == NULL) {
        if (embedding || strcmp(t->name, "output.weight") == 0)
            return PHI_OK;
        phi_fail(err, PHI_E_UNSUPPORTED, "%s: has no entry for tensor \"%.*s\"",
                 m->path, PHI_ERR_NAME, t->name);
        return phi_hint(err, "the matrix is of another model, or of a part of "
                             "this one");
    }
    if (e->n == phi_tensor_cols(t)) {
        *out = e->importance;
        return PHI_OK;
    }
    /* Matrices count the rows of an embedding that is looked up, which is as
     * good as no entry; llama-quantize thinks so too. */
    if (embedding)
        return PHI_OK;
    return phi_fail(err, PHI_E_UNSUPPORTED,
                    "%s: entry \"%.*s\": has %zu values, but the tensor has "
                    "%llu columns",
                    m->path, PHI_ERR_NAME, t->name, e->n,
                    (unsigned long long)phi_tensor_cols(t));
}

/* What is known of a tensor once its type is chosen. */
static enum phi_status check_choice(const struct phi_tensor *t,
                                    const struct phi_plan_options *options,
                                    const struct phi_choice *c,
                                    const float **importance,
                                    struct phi_err *err)
{
    enum phi_status st =
        check_types(t, c->dtype, options->allow_requantize, err);

    if (st == PHI_OK && options->strict)
        st = check_strict(t, c, err);
    if (st == PHI_OK && options->imatrix != NULL && t->dtype != c->dtype &&
        takes_importance(c->dtype))
        st = find_importance(t, options->imatrix, importance, err);
    if (st == PHI_OK && options->imatrix == NULL &&
        phi_recipe_needs_importance(&options->recipe, t->name, c->dtype))
        st = phi_fail(err, PHI_E_ARG,
                      "tensor \"%.*s\": %s in a %s file needs an importance "
                      "matrix (--imatrix)",
                      PHI_ERR_NAME, t->name, phi_dtype_info(c->dtype)->name,
                      options->recipe.type->name);
    return st;
}

enum phi_status phi_plan_set(struct phi_plan *plan, size_t i,
                             const struct phi_tensor *t, enum phi_dtype dtype,
                             struct phi_err *err)
{
    struct phi_sink_tensor *out = &plan->tensors[i];
    uint64_t weights;

    *out = (struct phi_sink_tensor){
        .name = t->name, .dtype = dtype, .rank = t->rank};
    memcpy(out->dim, t->dim, sizeof(out->dim));
    if (!phi_mul_u64(phi_tensor_rows(t), phi_tensor_cols(t), &weights) ||
        !phi_dtype_nbytes(dtype, weights, &out->nbytes) ||
        !phi_add_u64(plan->weights, weights, &plan->weights) ||
        !phi_add_u64(plan->nbytes, out->nbytes, &plan->nbytes))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": its size overflows", t->file,
                        PHI_ERR_NAME, t->origin);
    return PHI_OK;
}

static enum phi_status plan_tensor(struct phi_plan *plan, size_t i,
                                   const struct place *p,
                                   const struct phi_plan_options *options,
                                   struct phi_recipe_walk *walk,
                                   struct phi_err *err)
{
    const struct phi_tensor *t = p->tensor;
    const float *importance = NULL;
    struct phi_choice choice;
    enum phi_status st;

    if ((st = check_name(t, err)) != PHI_OK ||
        (st = phi_plan_check_shape(t, err)) != PHI_OK)
        return st;
    st = phi_recipe_next(walk, t, &choice, err);
    if (st == PHI_E_UNSUPPORTED)
        return phi_err_prefix(err, "%s", t->file);
    if (st != PHI_OK ||
        (st = check_choice(t, options, &choice, &importance, err)) != PHI_OK)
        return st;
    plan->steps[i] = (struct phi_plan_step){
        p->source, choice.why, choice.wanted, choice.by, importance};
    return phi_plan_set(plan, i, t, choice.dtype, err);
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
 * Nothing is left out and nothing is passed over. A folder's tensors were
 * compared with its config.json when it was opened.
 */
static enum phi_status check_tensors(const struct phi_source *s,
                                     struct phi_err *err)
{
    struct phi_sizes sizes;
    enum phi_status st;

    if (phi_source_is_folder(s))
        return PHI_OK;
    st = phi_sizes_read(&sizes, s, UINT32_MAX, UINT32_MAX, err);
    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", s->path);
    return phi_model_check(s, &sizes, err);
}

/* llama-quantize cuts these texts at 127 bytes. */
static enum phi_status set_cut(struct phi_meta *m, const char *key,
                               const char *text, struct phi_err *err)
{
    const size_t n = strlen(text);

    return phi_meta_set_str(m, key, text, n < 127 ? n : 127, err);
}

#define IMATRIX "quantize.imatrix."

/* As in llama-quantize's files, but without the matrix's folder. */
static enum phi_status set_imatrix(struct phi_meta *meta,
                                   const struct phi_imatrix *m,
                                   struct phi_err *err)
{
    enum phi_status st =
        set_cut(meta, IMATRIX "file", phi_path_base(m->path), err);

    if (st == PHI_OK && m->dataset != NULL)
        st = set_cut(meta, IMATRIX "dataset", m->dataset, err);
    if (st == PHI_OK)
        st = phi_meta_set_u(meta, IMATRIX "entries_count", PHI_KV_U32,
                            m->nentries, err);
    if (st == PHI_OK && m->nchunks > 0)
        st = phi_meta_set_u(meta, IMATRIX "chunks_count", PHI_KV_U32,
                            m->nchunks, err);
    return st;
}

/*
 * Whether what the source says of a matrix is true of the file, too: all
 * tensors, or one that a matrix may have rounded, are as they were.
 */
static bool keeps_imatrix(const struct phi_plan *plan,
                          const struct phi_source *s)
{
    bool all = true;
    bool one = false;

    for (size_t i = 0; i < plan->n; i++) {
        const enum phi_dtype was = s->tensors[plan->steps[i].source].dtype;
        const bool same = plan->tensors[i].dtype == was;

        all = all && same;
        one = one || (same && takes_importance(was));
    }
    return all || one;
}

/* Only a matrix that weighed something is named; llama-quantize names every
 * one that it was given, and all that the source was made with. */
static enum phi_status plan_imatrix(struct phi_plan *plan,
                                    const struct phi_source *s,
                                    const struct phi_imatrix *imatrix,
                                    struct phi_err *err)
{
    const bool used = imatrix != NULL && phi_plan_has_importance(plan);

    if (used || !keeps_imatrix(plan, s))
        phi_meta_remove_all(&plan->meta, IMATRIX);
    return used ? set_imatrix(&plan->meta, imatrix, err) : PHI_OK;
}

/* The type of a file that is copied and does not say it. */
#define NOT_SAID UINT64_MAX

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
    uint64_t number = plan->type->copy ? NOT_SAID : plan->type->number;
    enum phi_status st = phi_meta_copy(&plan->meta, &s->meta, err);

    if (st == PHI_OK && plan->type->copy) {
        st = phi_meta_opt_uint(&s->meta, type, UINT32_MAX, &number, err);
        if (st != PHI_OK)
            return phi_err_prefix(err, "%s", s->path);
    }
    if (st != PHI_OK)
        return st;
    phi_meta_remove(&plan->meta, version);
    phi_meta_remove(&plan->meta, type);
    st = phi_meta_set_u(&plan->meta, version, PHI_KV_U32, 2, err);
    if (st == PHI_OK && number != NOT_SAID)
        st = phi_meta_set_u(&plan->meta, type, PHI_KV_U32, number, err);
    return st;
}

/* A matrix that speaks of nothing here belongs to another model. */
static enum phi_status check_imatrix(const struct phi_source *s,
                                     const struct phi_imatrix *m,
                                     struct phi_err *err)
{
    for (size_t i = 0; i < s->ntensors; i++) {
        if (phi_imatrix_find(m, s->tensors[i].name) != NULL)
            return PHI_OK;
    }
    return phi_fail(err, PHI_E_UNSUPPORTED,
                    "%s: none of its %zu entries is for a tensor of %s",
                    m->path, m->nentries, s->path);
}

enum phi_status phi_plan_make(struct phi_plan *plan, const struct phi_source *s,
                              const struct phi_plan_options *options,
                              struct phi_err *err)
{
    struct phi_recipe recipe = options->recipe;
    struct phi_recipe_walk walk;
    struct place *places = phi_alloc(s->ntensors, sizeof(*places), err);
    enum phi_status st = PHI_E_NOMEM;

    *plan = (struct phi_plan){.type = recipe.type, .n = s->ntensors};
    recipe.has_imatrix = options->imatrix != NULL;
    plan->steps = phi_alloc(plan->n, sizeof(*plan->steps), err);
    plan->tensors = phi_alloc(plan->n, sizeof(*plan->tensors), err);
    if (places == NULL || plan->steps == NULL || plan->tensors == NULL)
        goto out;
    for (size_t i = 0; i < plan->n; i++)
        places[i] = place_of(s, i);
    qsort(places, plan->n, sizeof(*places), by_layer_and_name);
    if ((st = check_model(s, err)) != PHI_OK ||
        (st = plan_meta(plan, s, err)) != PHI_OK)
        goto out;
    if (options->imatrix != NULL &&
        (st = check_imatrix(s, options->imatrix, err)) != PHI_OK)
        goto out;
    if ((st = phi_recipe_begin(&walk, &recipe, s, err)) != PHI_OK) {
        phi_err_prefix(err, "%s", s->path);
        goto out;
    }
    if ((st = check_tensors(s, err)) != PHI_OK)
        goto out;
    for (size_t i = 0; st == PHI_OK && i < plan->n; i++)
        st = plan_tensor(plan, i, &places[i], options, &walk, err);
    if (st == PHI_OK)
        st = plan_imatrix(plan, s, options->imatrix, err);
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

bool phi_plan_has_importance(const struct phi_plan *plan)
{
    bool has = false;

    for (size_t i = 0; i < plan->n; i++)
        has = has || plan->steps[i].importance != NULL;
    return has;
}

size_t *phi_plan_map(const struct phi_plan *plan, struct phi_err *err)
{
    size_t *map = phi_alloc(plan->n, sizeof(*map), err);

    for (size_t i = 0; map != NULL && i < plan->n; i++)
        map[i] = plan->steps[i].source;
    return map;
}

double phi_plan_bits(const struct phi_plan *plan)
{
    return plan->weights > 0 ? (double)plan->nbytes * 8 / (double)plan->weights
                             : 0;
}
