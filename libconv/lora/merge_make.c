/* SPDX-License-Identifier: MIT */
/*
 * What adapters do to a base: every tensor of an adapter is given its module,
 * every module that the configuration names is asked for its tensors.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/lora/merge_parts.h"

void *phi_merge_own(struct phi_merge *m, size_t n, size_t size,
                    struct phi_err *err)
{
    void *list = m->owned;

    if (phi_grow(&list, &m->cap, m->nowned + 1, sizeof(*m->owned), err) !=
        PHI_OK)
        return NULL;
    m->owned = list;
    m->owned[m->nowned] = phi_alloc_aligned(n, size, err);
    if (m->owned[m->nowned] == NULL)
        return NULL;
    return m->owned[m->nowned++];
}

void phi_merge_release(struct phi_merge *m)
{
    for (size_t i = 0; i < m->nowned; i++)
        free(m->owned[i]);
    free(m->owned);
    for (size_t i = 0; i < m->n; i++)
        free(m->tensors[i].ops);
    free(m->tensors);
    free(m->of_source);
    free(m->modules);
    free(m->idle);
    free(m->unused);
    *m = (struct phi_merge){0};
}

/* ---- names --------------------------------------------------------------- */

/* The naming that knows most paths of the adapter. */
static enum phi_lora_naming naming_of(const struct phi_adapter *a)
{
    enum phi_lora_naming best = PHI_NAMING_PHI;
    size_t most = 0;

    for (int k = 0; k < PHI_NNAMINGS; k++) {
        struct phi_lora_place place;
        size_t n = 0;

        for (size_t i = 0; i < a->ntensors; i++)
            n += phi_lora_place_of(&place, a->tensors[i].path,
                                   (enum phi_lora_naming)k);
        if (n > most) {
            most = n;
            best = (enum phi_lora_naming)k;
        }
    }
    return best;
}

/* The group of a path, made if need be; *index says which. */
static enum phi_status group_of(struct phi_merge_maker *m, struct phi_map *map,
                                const char *path,
                                const struct phi_lora_place *place,
                                struct phi_merge_group **out,
                                struct phi_err *err)
{
    bool added = false;
    const enum phi_status st =
        phi_map_add(map, path, strlen(path), (uint32_t)m->ngroups, &added, err);
    struct phi_merge_group *g;

    if (st != PHI_OK)
        return st;
    g = &m->groups[*phi_map_find(map, path, strlen(path))];
    if (added) {
        *g = (struct phi_merge_group){.path = path, .place = *place};
        for (size_t i = 0; i < PHI_ADAPTER_NROLES; i++)
            g->tensor[i] = PHI_MERGE_NONE;
        m->ngroups++;
    }
    *out = g;
    return PHI_OK;
}

/* Whether two tensors of the adapter hold the same. */
static enum phi_status same_data(const struct phi_adapter *a, size_t i,
                                 size_t k, bool *same, struct phi_err *err)
{
    const struct phi_adapter_tensor *t = &a->tensors[i];
    const struct phi_adapter_tensor *u = &a->tensors[k];
    const size_t cols = (size_t)t->dim[1];
    float *x;
    enum phi_status st = PHI_OK;

    *same = t->dim[0] == u->dim[0] && t->dim[1] == u->dim[1];
    if (!*same)
        return PHI_OK;
    x = phi_alloc(2 * cols, sizeof(*x), err);
    if (x == NULL)
        return PHI_E_NOMEM;
    for (uint64_t row = 0; st == PHI_OK && *same && row < t->dim[0]; row++) {
        st = phi_adapter_rows(a, i, row, 1, x, err);
        if (st == PHI_OK)
            st = phi_adapter_rows(a, k, row, 1, x + cols, err);
        *same = st == PHI_OK && memcmp(x, x + cols, cols * sizeof(*x)) == 0;
    }
    free(x);
    return st;
}

/* Tensor i goes to the group of its module, or is one without a use. */
static enum phi_status place_tensor(struct phi_merge_maker *m,
                                    struct phi_map *map, size_t i,
                                    struct phi_err *err)
{
    const struct phi_adapter_tensor *t = &m->adapter->tensors[i];
    struct phi_lora_place place;
    struct phi_merge_parts parts = {.n = 1};
    struct phi_merge_group *g;
    bool same = false;
    enum phi_status st = PHI_OK;

    if (t->role == PHI_ADAPTER_UNKNOWN)
        return phi_merge_no_use(m, i, err,
                                "is no part of a LoRA adapter that is known");
    if (!phi_lora_place_of(&place, t->path, m->naming))
        return phi_merge_no_use(m, i, err, "its module is not one of a Phi");
    if (m->out->source != NULL)
        st = phi_merge_find(m, &place,
                            t->role == PHI_ADAPTER_BIAS ||
                                t->role == PHI_ADAPTER_BASE_BIAS,
                            &parts, err);
    if (st != PHI_OK)
        return st;
    if (parts.n == 0)
        return phi_merge_no_use(m, i, err,
                                "the base has no tensor of that module");
    st = group_of(m, map, t->path, &place, &g, err);
    if (st != PHI_OK)
        return st;
    /* PEFT saves some of what a trained module has twice. */
    if (g->tensor[t->role] != PHI_MERGE_NONE)
        st = same_data(m->adapter, g->tensor[t->role], i, &same, err);
    if (st != PHI_OK || same)
        return st;
    if (g->tensor[t->role] != PHI_MERGE_NONE)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensors \"%.*s\" and \"%.*s\": are the same part "
                        "of one module, expected one",
                        m->adapter->file, PHI_ERR_NAME,
                        m->adapter->tensors[g->tensor[t->role]].key,
                        PHI_ERR_NAME, t->key);
    g->tensor[t->role] = i;
    return PHI_OK;
}

/* ---- one adapter --------------------------------------------------------- */

static enum phi_status add_line(struct phi_merge_maker *m,
                                struct phi_merge_group *g, struct phi_err *err)
{
    struct phi_merge *out = m->out;
    void *v = out->modules;
    const enum phi_status st = phi_grow(&v, &m->modules_cap, out->nmodules + 1,
                                        sizeof(*out->modules), err);

    if (st != PHI_OK)
        return st;
    out->modules = v;
    g->module = out->nmodules++;
    out->modules[g->module] = (struct phi_merge_module){
        .adapter = m->input,
        .path = g->path,
        .lora = g->tensor[PHI_ADAPTER_A] != PHI_MERGE_NONE ||
                g->tensor[PHI_ADAPTER_EMBEDDING_A] != PHI_MERGE_NONE,
        .dora = g->tensor[PHI_ADAPTER_MAGNITUDE] != PHI_MERGE_NONE};
    return PHI_OK;
}

static enum phi_status check_arch(const struct phi_merge_maker *m,
                                  const struct phi_adapter *a,
                                  struct phi_err *err)
{
    const char *arch = "";
    const enum phi_status st = phi_meta_opt_str(
        &m->out->source->meta, "general.architecture", &arch, err);

    if (st != PHI_OK || a->arch == NULL || strcmp(arch, a->arch) == 0)
        return st;
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: is an adapter for %.*s, expected one for %.*s",
                    a->path, PHI_ERR_NAME, a->arch, PHI_ERR_NAME, arch);
}

/* Groups of all tensors of an adapter, each as the configuration has it. */
static enum phi_status make_groups(struct phi_merge_maker *m, size_t input,
                                   struct phi_map *map, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    m->input = input;
    m->adapter = m->inputs[input].adapter;
    m->work = 0;
    m->naming = naming_of(m->adapter);
    m->ngroups = 0;
    m->groups = phi_alloc(m->adapter->ntensors, sizeof(*m->groups), err);
    if (m->groups == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < m->adapter->ntensors; i++)
        st = place_tensor(m, map, i, err);
    for (size_t i = 0; st == PHI_OK && i < m->ngroups; i++)
        st = phi_merge_check_group(m, &m->groups[i], err);
    return st;
}

static enum phi_status add_adapter(struct phi_merge_maker *m, size_t input,
                                   struct phi_err *err)
{
    struct phi_map map = {0};
    enum phi_status st = check_arch(m, m->inputs[input].adapter, err);

    if (st != PHI_OK)
        return st;
    st = make_groups(m, input, &map, err);
    if (st == PHI_OK)
        st = m->adapter->config.bare ? phi_merge_check_halves(m, err)
                                     : phi_merge_check_complete(m, &map, err);
    for (size_t i = 0; st == PHI_OK && i < m->ngroups; i++) {
        if (!phi_merge_is_used(&m->groups[i]))
            continue;
        st = add_line(m, &m->groups[i], err);
        if (st == PHI_OK)
            st = phi_merge_group_ops(m, &m->groups[i], err);
    }
    phi_map_release(&map);
    free(m->groups);
    return st;
}

enum phi_status phi_merge_check_alone(const struct phi_adapter *a,
                                      struct phi_err *err)
{
    const struct phi_merge_options options = {0};
    const struct phi_merge_input input = {a, 1};
    struct phi_merge out = {0};
    struct phi_merge_maker m = {
        .out = &out, .options = &options, .inputs = &input};
    struct phi_map map = {0};
    size_t adapted = 0;
    enum phi_status st = make_groups(&m, 0, &map, err);

    if (st == PHI_OK)
        st = phi_merge_check_halves(&m, err);
    for (size_t i = 0; st == PHI_OK && i < m.ngroups; i++) {
        if (!m.groups[i].adapts)
            continue;
        st = phi_merge_check_rank(&m, &m.groups[i], err);
        adapted++;
    }
    if (st == PHI_OK && adapted == 0)
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: target_modules names no module of \"%s\"", a->path,
                      a->file);
    phi_map_release(&map);
    free(m.groups);
    phi_merge_release(&out);
    return st;
}

static enum phi_status check_twice(const struct phi_merge_maker *m, size_t n,
                                   struct phi_err *err)
{
    for (size_t i = 0; !m->options->allow_twice && i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (phi_adapter_not_input(m->inputs[k].adapter,
                                      m->inputs[i].adapter->file,
                                      NULL) != PHI_OK)
                return phi_fail(err, PHI_E_ARG,
                                "%s: is the same adapter as %s, expected each "
                                "once",
                                m->inputs[i].adapter->path,
                                m->inputs[k].adapter->path);
        }
    }
    return PHI_OK;
}

/* ---- the whole ----------------------------------------------------------- */

/* A model whose embedding is its output layer, too. */
static enum phi_status check_tied(const struct phi_merge_maker *m,
                                  struct phi_err *err)
{
    const struct phi_source *s = m->out->source;
    size_t e;
    size_t o;

    if (!phi_source_find(s, "token_embd.weight", &e))
        return PHI_OK;
    if (phi_source_find(s, "output.weight", &o) &&
        !phi_source_is_alias(s, o, e))
        return PHI_OK;
    if (m->out->of_source[e] == PHI_MERGE_NONE &&
        (!phi_source_find(s, "output.weight", &o) ||
         m->out->of_source[o] == PHI_MERGE_NONE))
        return PHI_OK;
    return phi_fail(err, PHI_E_UNSUPPORTED,
                    "%s: embedding and output layer are one tensor; adapters "
                    "that change it are not supported",
                    s->path);
}

/* Rounding what was rounded before is for the user to ask for. */
static enum phi_status check_types(const struct phi_merge_maker *m,
                                   struct phi_err *err)
{
    enum phi_status st;

    for (size_t i = 0; i < m->out->n; i++) {
        const struct phi_tensor *t =
            &m->out->source->tensors[m->out->tensors[i].source];
        const struct phi_dtype_info *type = phi_dtype_info(t->dtype);

        if (type->cls == PHI_CLASS_FLOAT ||
            (type->cls == PHI_CLASS_BLOCK && m->options->dequantize))
            continue;
        st = phi_fail(
            err, PHI_E_UNSUPPORTED,
            "%s: tensor \"%.*s\": is %s, expected floats to merge into",
            t->file, PHI_ERR_NAME, t->origin, type->name);
        if (type->cls != PHI_CLASS_BLOCK)
            return st; /* no option makes it floats */
        return phi_hint(err, "merge into the original checkpoint, or allow "
                             "rounding twice with --dequantize-base");
    }
    return PHI_OK;
}

/* A resized vocabulary is resized everywhere. */
static enum phi_status check_vocabulary(struct phi_merge *m,
                                        struct phi_err *err)
{
    static const char *const others[] = {"output.weight", "output.bias"};
    size_t e;
    uint64_t rows;

    if (!phi_source_find(m->source, "token_embd.weight", &e))
        return PHI_OK;
    rows = phi_merge_rows_now(m, e);
    for (size_t k = 0; k < 2; k++) {
        size_t i;

        if (phi_source_find(m->source, others[k], &i) &&
            phi_merge_rows_now(m, i) != rows)
            return phi_fail(
                err, PHI_E_FORMAT,
                "%s: tensor \"%s\": has %" PRIu64 " rows after "
                "the merge, expected %" PRIu64 ", as many as \"%s\"",
                m->source->path, m->source->tensors[i].origin,
                phi_merge_rows_now(m, i), rows, m->source->tensors[e].origin);
    }
    if (rows != phi_tensor_rows(&m->source->tensors[e]))
        m->vocab = rows;
    return PHI_OK;
}

static int by_source(const void *pa, const void *pb)
{
    const struct phi_merge_tensor *a = pa;
    const struct phi_merge_tensor *b = pb;

    return a->source < b->source ? -1 : 1;
}

enum phi_status phi_merge_make(struct phi_merge *out,
                               const struct phi_source *source,
                               const struct phi_merge_input *inputs, size_t n,
                               const struct phi_merge_options *options,
                               struct phi_err *err)
{
    struct phi_merge_maker m = {
        .out = out, .options = options, .inputs = inputs};
    enum phi_status st = PHI_E_NOMEM;

    out->source = source;
    out->inputs = inputs;
    out->ninputs = n;
    out->features = options->features;
    out->kernel = phi_lora_kernel(options->features);
    out->of_source = phi_alloc(source->ntensors, sizeof(*out->of_source), err);
    out->idle = phi_alloc(n, sizeof(*out->idle), err);
    if (out->of_source == NULL || out->idle == NULL)
        return st;
    for (size_t i = 0; i < source->ntensors; i++)
        out->of_source[i] = PHI_MERGE_NONE;
    for (size_t i = 0; i < n; i++)
        out->idle[i] = true;
    st = phi_source_index(source, &m.names, err);
    if (st == PHI_OK)
        st = check_twice(&m, n, err);
    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = add_adapter(&m, i, err);
    if (st == PHI_OK)
        st = check_tied(&m, err);
    if (st == PHI_OK)
        st = check_types(&m, err);
    if (st == PHI_OK)
        st = check_vocabulary(out, err);
    if (out->n > 0)
        qsort(out->tensors, out->n, sizeof(*out->tensors), by_source);
    for (size_t i = 0; i < out->n; i++)
        out->of_source[out->tensors[i].source] = i;
    if (st == PHI_OK)
        st = phi_merge_norms(out, err);
    phi_map_release(&m.names);
    return st;
}

enum phi_status phi_merge_unchanged(const struct phi_merge *m,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < m->ninputs; i++)
        st = phi_adapter_unchanged(m->inputs[i].adapter, err);
    return st;
}
