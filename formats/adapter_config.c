/* SPDX-License-Identifier: MIT */
#include "formats/adapter_config.h"

#include <float.h>
#include <string.h>

#include "formats/json.h"
#include "libconv/base/ascii.h"
#include "libconv/base/mem.h"

/* Each is compared with each module of the base, of which there are hundreds:
 * names and layers in no time, patterns in steps that are counted. */
#define MAX_NAMES    16384
#define MAX_PATTERNS 1024

#define MAX_LAYER 1000000
#define MAX_TOKEN (((uint64_t)1 << 24) - 1)

/* ---- what a merge does not know ------------------------------------------ */

/* Keys that a merge reads below, or that cannot change it. */
static const char *const known_keys[] = {
    "alpha_pattern", "auto_mapping", "base_model_name_or_path", "bias",
    "exclude_modules", "fan_in_fan_out", "inference_mode", "init_lora_weights",
    "layers_pattern", "layers_to_transform", "lora_alpha", "lora_bias",
    "lora_dropout", "megatron_core", "modules_to_save", "peft_type",
    "peft_version", "qalora_group_size", "r", "rank_pattern", "revision",
    "runtime_config", "target_modules", "task_type", "trainable_token_indices",
    "use_dora", "use_rslora",
    /* only read where init_lora_weights says so */
    "corda_config", "eva_config", "loftq_config", "lora_ga_config"};

/* Keys that must be null, false or empty. */
static const struct {
    const char *key;
    const char *why;
} refused_keys[] = {
    {"alora_invocation_tokens",
     "an activated LoRA acts only after its invocation tokens"},
    {"arrow_config", "Arrow chooses among adapters for each token"},
    {"ensure_weight_tying", "adapters of tied weights are not supported"},
    {"kasa_config", "KaSA is not supported"},
    {"layer_replication", "replicated layers are not supported"},
    {"megatron_config", "adapters of Megatron layers are not supported"},
    {"monteclora_config", "MonteCLoRA is not supported"},
    {"target_parameters", "adapters of bare parameters are not supported"},
    {"use_bdlora", "block-diagonal LoRA is not supported"},
    {"use_qalora", "QALoRA pools the input, which no weight can hold"},
    {"velora_config", "VeLoRA is not supported"},
};

/* Values of init_lora_weights that leave the base as it was. */
static const char *const sound_inits[] = {"gaussian", "eva", "orthogonal"};

static bool is_empty(const struct phi_json *v)
{
    const enum phi_json_type type = phi_json_type(v);
    bool b = true;

    if (type == PHI_JSON_BOOL && phi_json_bool(v, &b, NULL) == PHI_OK)
        return !b;
    if (type == PHI_JSON_ARRAY || type == PHI_JSON_OBJECT)
        return phi_json_count(v) == 0;
    return type == PHI_JSON_NULL;
}

static bool in_list(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word, list[i]) == 0)
            return true;
    }
    return false;
}

static enum phi_status check_key(const struct phi_json *v, struct phi_err *err)
{
    const char *key = phi_json_key(v);
    const char *why = "a key that is not known";

    if (is_empty(v) ||
        in_list(key, known_keys, sizeof(known_keys) / sizeof(known_keys[0])))
        return PHI_OK;
    for (size_t i = 0; i < sizeof(refused_keys) / sizeof(refused_keys[0]);
         i++) {
        if (strcmp(key, refused_keys[i].key) == 0)
            why = refused_keys[i].why;
    }
    return phi_json_refuse(v, PHI_E_UNSUPPORTED, err, "cannot be merged: %s",
                           why);
}

static enum phi_status check_init(const struct phi_json *root,
                                  struct phi_err *err)
{
    const char *word;
    struct phi_json v;

    if (!phi_json_find(root, "init_lora_weights", &v) ||
        phi_json_type(&v) == PHI_JSON_BOOL ||
        phi_json_type(&v) == PHI_JSON_NULL)
        return PHI_OK;
    if (phi_json_str(&v, &word, err) != PHI_OK)
        return PHI_E_FORMAT;
    if (in_list(word, sound_inits, sizeof(sound_inits) / sizeof(*sound_inits)))
        return PHI_OK;
    return phi_json_refuse(&v, PHI_E_UNSUPPORTED, err,
                           "cannot be merged: \"%s\" may have trained against "
                           "a changed base; convert the adapter with PEFT's "
                           "path_initial_model_for_weight_conversion",
                           word);
}

static enum phi_status check_keys(const struct phi_json *root,
                                  struct phi_err *err)
{
    const char *type;
    struct phi_json item = {0};
    enum phi_status st = phi_json_get_str(root, "peft_type", &type, err);

    if (st == PHI_OK && strcmp(type, "LORA") != 0) {
        phi_json_find(root, "peft_type", &item);
        return phi_json_refuse(&item, PHI_E_UNSUPPORTED, err,
                               "\"%s\" is no LoRA and cannot be merged", type);
    }
    while (st == PHI_OK && phi_json_next(root, &item))
        st = check_key(&item, err);
    return st == PHI_OK ? check_init(root, err) : st;
}

/* ---- lists and patterns -------------------------------------------------- */

/* Room for one more of n items. What a list has of it follows from n: it is
 * doubled at each power of two. */
static enum phi_status one_more(void **list, size_t n, size_t size,
                                struct phi_err *err)
{
    size_t cap = n;

    if (n > 0 && (n & (n - 1)) != 0)
        return PHI_OK;
    return phi_grow(list, &cap, n > 0 ? 2 * n : 1, size, err);
}

/* Whether there may be one more of names, patterns and layers, at `at`. */
static enum phi_status check_names(const struct phi_lora_config *c,
                                   const struct phi_json *at,
                                   struct phi_err *err)
{
    const size_t n = c->targets.n + c->excluded.n + c->ranks.n + c->alphas.n +
                     c->nlayers + c->nlayer_patterns + c->nsaved + c->ntokens;

    if (n < MAX_NAMES)
        return PHI_OK;
    return phi_json_refuse(at, PHI_E_UNSUPPORTED, err,
                           "is one name, pattern or layer too many, the limit "
                           "is %d",
                           MAX_NAMES);
}

/* A pattern of the file; what is wrong with it is said with its place. */
static enum phi_status read_pattern(struct phi_lora_config *c,
                                    const struct phi_json *at, const char *text,
                                    enum phi_module_match how,
                                    struct phi_module_pattern **out,
                                    struct phi_err *err)
{
    struct phi_err why = {0};
    const enum phi_status st = phi_module_pattern_new(out, text, how, &why);

    if (st == PHI_E_NOMEM)
        return phi_fail(err, st, "out of memory");
    if (st != PHI_OK)
        return phi_json_refuse(at, st, err, "%s", why.msg);
    c->nsearched += !phi_module_pattern_is_plain(*out);
    if (c->nsearched <= MAX_PATTERNS)
        return PHI_OK;
    return phi_json_refuse(at, PHI_E_UNSUPPORTED, err,
                           "is one pattern too many that is no plain name, the "
                           "limit is %d",
                           MAX_PATTERNS);
}

/*
 * Calls add() for a string, for each string of a list, or not at all for null.
 */
typedef enum phi_status add_fn(struct phi_lora_config *c,
                               const struct phi_json *at, const char *text,
                               struct phi_err *err);

static enum phi_status each_text(struct phi_lora_config *c,
                                 const struct phi_json *v, add_fn *add,
                                 struct phi_err *err)
{
    const char *text;
    struct phi_json item = {0};
    enum phi_status st = PHI_OK;

    if (phi_json_type(v) == PHI_JSON_NULL)
        return PHI_OK;
    if (phi_json_type(v) == PHI_JSON_STRING) {
        st = phi_json_str(v, &text, err);
        return st == PHI_OK ? add(c, v, text, err) : st;
    }
    st = phi_json_expect(v, PHI_JSON_ARRAY, err);
    while (st == PHI_OK && phi_json_next(v, &item)) {
        st = phi_json_str(&item, &text, err);
        if (st == PHI_OK)
            st = add(c, &item, text, err);
    }
    return st;
}

static enum phi_status add_name(const struct phi_lora_config *c,
                                struct phi_lora_modules *m,
                                const struct phi_json *at, const char *text,
                                struct phi_err *err)
{
    void *v = m->names;
    enum phi_status st = check_names(c, at, err);

    if (st == PHI_OK)
        st = one_more(&v, m->n, sizeof(*m->names), err);
    if (st != PHI_OK)
        return st;
    m->names = v;
    m->names[m->n] = phi_strdup(text, err);
    if (m->names[m->n] == NULL)
        return PHI_E_NOMEM;
    m->n++;
    return PHI_OK;
}

static enum phi_status add_target(struct phi_lora_config *c,
                                  const struct phi_json *at, const char *text,
                                  struct phi_err *err)
{
    return add_name(c, &c->targets, at, text, err);
}

static enum phi_status add_excluded(struct phi_lora_config *c,
                                    const struct phi_json *at, const char *text,
                                    struct phi_err *err)
{
    return add_name(c, &c->excluded, at, text, err);
}

static enum phi_status add_pattern(struct phi_lora_config *c,
                                   struct phi_module_pattern ***list, size_t *n,
                                   const struct phi_json *at, const char *text,
                                   enum phi_module_match how,
                                   struct phi_err *err)
{
    struct phi_module_pattern *p = NULL;
    void *v = *list;
    enum phi_status st = check_names(c, at, err);

    if (st == PHI_OK)
        st = one_more(&v, *n, sizeof(**list), err);
    if (st != PHI_OK)
        return st;
    *list = v;
    st = read_pattern(c, at, text, how, &p, err);
    if (p != NULL)
        (*list)[(*n)++] = p;
    return st;
}

static enum phi_status add_saved(struct phi_lora_config *c,
                                 const struct phi_json *at, const char *text,
                                 struct phi_err *err)
{
    return add_pattern(c, &c->saved, &c->nsaved, at, text, PHI_MODULE_WITHIN,
                       err);
}

static enum phi_status add_layer_pattern(struct phi_lora_config *c,
                                         const struct phi_json *at,
                                         const char *text, struct phi_err *err)
{
    return add_pattern(c, &c->layer_patterns, &c->nlayer_patterns, at, text,
                       PHI_MODULE_LAYER, err);
}

/* PEFT takes it in any case. */
static bool is_all_linear(const char *text)
{
    const char *want = "all-linear";

    for (; *text != '\0' && *want != '\0'; text++, want++) {
        if (phi_lower(*text) != *want)
            return false;
    }
    return *text == *want;
}

/* A text is a pattern (or, of targets, all-linear), a list is names. */
static enum phi_status read_modules(struct phi_lora_config *c,
                                    const struct phi_json *root,
                                    const char *key, struct phi_lora_modules *m,
                                    add_fn *add, struct phi_err *err)
{
    const char *text;
    struct phi_json v;
    enum phi_status st;

    if (!phi_json_find(root, key, &v))
        return PHI_OK;
    if (phi_json_type(&v) != PHI_JSON_STRING)
        return each_text(c, &v, add, err);
    st = phi_json_str(&v, &text, err);
    if (st != PHI_OK)
        return st;
    if (m == &c->targets && is_all_linear(text)) {
        m->all_linear = true;
        return PHI_OK;
    }
    if (m == &c->excluded && text[0] == '\0')
        return PHI_OK;
    return read_pattern(c, &v, text, PHI_MODULE_WHOLE, &m->pattern, err);
}

static enum phi_status add_layer(struct phi_lora_config *c,
                                 const struct phi_json *v, struct phi_err *err)
{
    void *list = c->layers;
    uint64_t layer = 0;
    enum phi_status st = phi_json_uint(v, 0, MAX_LAYER, &layer, err);

    if (st == PHI_OK)
        st = check_names(c, v, err);
    if (st == PHI_OK)
        st = one_more(&list, c->nlayers, sizeof(*c->layers), err);
    if (st != PHI_OK)
        return st;
    c->layers = list;
    c->layers[c->nlayers++] = layer;
    return PHI_OK;
}

static enum phi_status read_layers(struct phi_lora_config *c,
                                   const struct phi_json *root,
                                   struct phi_err *err)
{
    struct phi_json v;
    struct phi_json item = {0};
    enum phi_status st = PHI_OK;

    if (phi_json_find(root, "layers_to_transform", &v) &&
        phi_json_type(&v) != PHI_JSON_NULL) {
        if (phi_json_type(&v) == PHI_JSON_NUMBER)
            st = add_layer(c, &v, err);
        else
            st = phi_json_expect(&v, PHI_JSON_ARRAY, err);
        while (st == PHI_OK && phi_json_next(&v, &item))
            st = add_layer(c, &item, err);
    }
    if (st == PHI_OK && phi_json_find(root, "layers_pattern", &v))
        st = each_text(c, &v, add_layer_pattern, err);
    if (st == PHI_OK && c->nlayers > 0 &&
        (c->targets.pattern != NULL || c->targets.all_linear))
        return phi_json_refuse(root, PHI_E_FORMAT, err,
                               "layers_to_transform needs a list in "
                               "target_modules");
    if (st == PHI_OK && c->nlayers == 0 && c->nlayer_patterns > 0)
        return phi_json_refuse(root, PHI_E_FORMAT, err,
                               "layers_pattern without layers_to_transform");
    /* Without a pattern the first number in the path is the layer. */
    if (st == PHI_OK && c->nlayers > 0 && c->nlayer_patterns == 0)
        st = add_layer_pattern(c, root, NULL, err);
    return st;
}

static enum phi_status read_overrides(struct phi_lora_config *c,
                                      struct phi_lora_overrides *o,
                                      const struct phi_json *root,
                                      const char *key, struct phi_err *err)
{
    struct phi_json map;
    struct phi_json item = {0};
    enum phi_status st = phi_json_opt(root, key, PHI_JSON_OBJECT, &map, err);

    if (st != PHI_OK || map.node == NULL)
        return st;
    o->v = phi_alloc(phi_json_count(&map) + 1, sizeof(*o->v), err);
    if (o->v == NULL)
        return PHI_E_NOMEM;
    while (st == PHI_OK && phi_json_next(&map, &item)) {
        struct phi_lora_override *v = &o->v[o->n];

        st = check_names(c, &item, err);
        if (st != PHI_OK)
            return st;
        o->n++;
        st = phi_json_number(&item, -FLT_MAX, FLT_MAX, &v->value, err);
        if (st == PHI_OK)
            st = read_pattern(c, &item, phi_json_key(&item), PHI_MODULE_TAIL,
                              &v->pattern, err);
        if (st == PHI_OK &&
            (v->text = phi_strdup(phi_json_key(&item), err)) == NULL)
            st = PHI_E_NOMEM;
    }
    return st;
}

/* One list of tokens; name is NULL for those of the embedding. */
static enum phi_status add_tokens(struct phi_lora_config *c, const char *name,
                                  const struct phi_json *list,
                                  struct phi_err *err)
{
    struct phi_lora_tokens *t;
    struct phi_json item = {0};
    void *v = c->tokens;
    enum phi_status st = phi_json_expect(list, PHI_JSON_ARRAY, err);

    if (st == PHI_OK)
        st = check_names(c, list, err);
    if (st == PHI_OK)
        st = one_more(&v, c->ntokens, sizeof(*c->tokens), err);
    if (st != PHI_OK)
        return st;
    c->tokens = v;
    t = &c->tokens[c->ntokens++];
    *t = (struct phi_lora_tokens){0};
    t->rows = phi_alloc(phi_json_count(list), sizeof(*t->rows), err);
    if (t->rows == NULL ||
        (name != NULL && (t->name = phi_strdup(name, err)) == NULL))
        return PHI_E_NOMEM;
    while (st == PHI_OK && phi_json_next(list, &item))
        st = phi_json_uint(&item, 0, MAX_TOKEN, &t->rows[t->n++], err);
    return st;
}

/* A list, of the embedding, or lists by the names of modules. */
static enum phi_status read_tokens(struct phi_lora_config *c,
                                   const struct phi_json *root,
                                   struct phi_err *err)
{
    struct phi_json v;
    struct phi_json item = {0};
    enum phi_status st = PHI_OK;

    if (!phi_json_find(root, "trainable_token_indices", &v) ||
        phi_json_type(&v) == PHI_JSON_NULL)
        return PHI_OK;
    if (phi_json_type(&v) == PHI_JSON_ARRAY)
        return phi_json_count(&v) > 0 ? add_tokens(c, NULL, &v, err) : PHI_OK;
    st = phi_json_expect(&v, PHI_JSON_OBJECT, err);
    while (st == PHI_OK && phi_json_next(&v, &item))
        st = add_tokens(c, phi_json_key(&item), &item, err);
    return st;
}

/* ---- the file ------------------------------------------------------------ */

static enum phi_status read_bias(struct phi_lora_config *c,
                                 const struct phi_json *root,
                                 struct phi_err *err)
{
    static const char *const words[] = {"none", "all", "lora_only"};
    const char *word = words[0];
    struct phi_json v;
    const enum phi_status st = phi_json_opt_str(root, "bias", &word, err);

    for (size_t i = 0; st == PHI_OK && i < 3; i++) {
        if (strcmp(word, words[i]) == 0) {
            c->bias = (enum phi_lora_bias)i;
            return PHI_OK;
        }
    }
    if (st != PHI_OK)
        return st;
    phi_json_find(root, "bias", &v);
    return phi_json_refuse(&v, PHI_E_UNSUPPORTED, err,
                           "\"%s\", expected none, all or lora_only", word);
}

static enum phi_status read_numbers(struct phi_lora_config *c,
                                    const struct phi_json *root,
                                    struct phi_err *err)
{
    uint64_t r = 8; /* PEFT's defaults */
    enum phi_status st;

    c->alpha = 8;
    if ((st = phi_json_opt_uint(root, "r", 1, PHI_LORA_MAX_RANK, &r, err)) !=
            PHI_OK ||
        (st = phi_json_opt_number(root, "lora_alpha", -FLT_MAX, FLT_MAX,
                                  &c->alpha, err)) != PHI_OK ||
        (st = phi_json_opt_bool(root, "use_rslora", &c->rslora, err)) !=
            PHI_OK ||
        (st = phi_json_opt_bool(root, "use_dora", &c->dora, err)) != PHI_OK ||
        (st = phi_json_opt_bool(root, "fan_in_fan_out", &c->fan_in_fan_out,
                                err)) != PHI_OK)
        return st;
    c->r = (double)r;
    return phi_json_opt_bool(root, "lora_bias", &c->lora_bias, err);
}

/* The base by name: nothing depends on it, and it may be anything. */
static enum phi_status read_base(struct phi_lora_config *c,
                                 const struct phi_json *root,
                                 struct phi_err *err)
{
    const char *name;
    struct phi_json v;

    if (!phi_json_find(root, "base_model_name_or_path", &v) ||
        phi_json_str(&v, &name, NULL) != PHI_OK || name[0] == '\0')
        return PHI_OK;
    c->made_for = phi_strdup(name, err);
    return c->made_for != NULL ? PHI_OK : PHI_E_NOMEM;
}

static enum phi_status read_config(struct phi_lora_config *c,
                                   const struct phi_json *root,
                                   struct phi_err *err)
{
    struct phi_json v;
    enum phi_status st = phi_json_expect(root, PHI_JSON_OBJECT, err);

    if (st != PHI_OK || (st = check_keys(root, err)) != PHI_OK ||
        (st = read_base(c, root, err)) != PHI_OK ||
        (st = read_numbers(c, root, err)) != PHI_OK ||
        (st = read_bias(c, root, err)) != PHI_OK ||
        (st = read_modules(c, root, "target_modules", &c->targets, add_target,
                           err)) != PHI_OK ||
        (st = read_modules(c, root, "exclude_modules", &c->excluded,
                           add_excluded, err)) != PHI_OK ||
        (st = read_layers(c, root, err)) != PHI_OK ||
        (st = read_tokens(c, root, err)) != PHI_OK ||
        (st = read_overrides(c, &c->ranks, root, "rank_pattern", err)) !=
            PHI_OK ||
        (st = read_overrides(c, &c->alphas, root, "alpha_pattern", err)) !=
            PHI_OK)
        return st;
    if (phi_json_find(root, "modules_to_save", &v))
        st = each_text(c, &v, add_saved, err);
    return st;
}

enum phi_status phi_adapter_config_read(struct phi_lora_config *out,
                                        const char *path, struct phi_err *err)
{
    struct phi_json_doc *doc = NULL;
    enum phi_status st = phi_json_load(&doc, path, PHI_JSON_MAX_CONFIG, err);

    if (st == PHI_OK) {
        const struct phi_json root = phi_json_root(doc);

        st = read_config(out, &root, err);
    }
    phi_json_free(doc);
    return st;
}
