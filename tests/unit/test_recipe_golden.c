/* SPDX-License-Identifier: MIT */
/*
 * Recipes against llama-quantize: the type of every tensor of the sample, and
 * of models of other shapes, for all file types and what can change them.
 */
#include "formats/imatrix_read.h"
#include "formats/model.h"
#include "libconv/convert/plan.h"
#include "tests/unit/unit.h"

#define GOLDEN PHI_SOURCE_DIR "/tests/golden/"

enum { MAX_TENSORS = 300, MAX_LINE = 512 };

/* "letter A F32" lines. */
static enum phi_dtype letters[26];

static void read_letter(const char *line)
{
    char letter;
    char name[16];

    ck_assert_int_eq(sscanf(line, "letter %c %15s", &letter, name), 2);
    ck_assert(letter >= 'A' && letter <= 'Z');
    ck_assert(phi_dtype_from_name(name, &letters[letter - 'A']));
}

static enum phi_dtype type_of(char letter)
{
    ck_assert(letter >= 'A' && letter <= 'Z');
    return letters[letter - 'A'];
}

static FILE *open_golden(const char *name)
{
    FILE *f = fopen(name, "r");

    ck_assert_ptr_nonnull(f);
    return f;
}

/* "q4_k_m:imatrix:pure": the plan of the sample has these types. */
static void check_sample(const struct phi_source *s, const char *file,
                         const char *want, char (*names)[64], size_t n,
                         const struct phi_imatrix *imatrix)
{
    struct phi_plan_options opt = {0};
    struct phi_plan plan;
    char type[16];

    ck_assert_int_eq(sscanf(file, "%15[^:]", type), 1);
    opt.recipe.type = phi_file_type_find(type);
    ck_assert_ptr_nonnull(opt.recipe.type);
    opt.recipe.pure = strstr(file, ":pure") != NULL;
    if (strstr(file, ":imatrix") != NULL)
        opt.imatrix = imatrix;
    if (strcmp(want, "refused") == 0) {
        ck_refused(phi_plan_make(&plan, s, &opt, &err), PHI_E_ARG,
                   "needs an importance matrix");
        return;
    }
    ck_ok(phi_plan_make(&plan, s, &opt, &err));
    ck_assert_uint_eq(plan.n, n);
    ck_assert_uint_eq(strlen(want), n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(plan.tensors[i].name, names[i]);
        ck_assert_msg(plan.tensors[i].dtype == type_of(want[i]),
                      "%s: %s is %s, expected %s", file, names[i],
                      phi_dtype_info(plan.tensors[i].dtype)->name,
                      phi_dtype_info(type_of(want[i]))->name);
        ck_assert(plan.steps[i].wanted == plan.tensors[i].dtype);
    }
    phi_plan_release(&plan);
}

START_TEST(the_sample_has_llama_quantizes_types)
{
    static char names[MAX_TENSORS][64];
    FILE *f = open_golden(GOLDEN "recipe-sample.txt");
    struct phi_source *s = NULL;
    struct phi_imatrix imatrix;
    char line[MAX_LINE];
    char file[32];
    char want[MAX_TENSORS];
    size_t n = 0;
    size_t nfiles = 0;

    ck_ok(phi_model_open(&s, PHI_SAMPLE, &err));
    ck_ok(phi_imatrix_read(&imatrix, GOLDEN "imatrix.gguf", &err));
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == 'l') {
            read_letter(line);
        } else if (line[0] == 't') {
            ck_assert_uint_lt(n, MAX_TENSORS);
            ck_assert_int_eq(sscanf(line, "tensor %63s", names[n++]), 1);
        } else if (line[0] == 'f') {
            ck_assert_int_eq(sscanf(line, "file %31s %299s", file, want), 2);
            check_sample(s, file, want, names, n, &imatrix);
            nfiles++;
        }
    }
    ck_assert_uint_eq(nfiles, 77);
    fclose(f);
    phi_imatrix_release(&imatrix);
    phi_source_close(s);
}
END_TEST

/* A phi2 of a given shape: names and sizes only. */
struct shape {
    struct phi_source base;
    struct phi_tensor tensors[MAX_TENSORS];
    char names[MAX_TENSORS][64];
    unsigned layers, heads, kv_heads, width, inner, tied, fused;
};

static void shape_add(struct shape *m, unsigned cols, const char *fmt,
                      unsigned layer)
{
    const size_t i = m->base.ntensors++;

    ck_assert_uint_lt(i, MAX_TENSORS);
    snprintf(m->names[i], sizeof(m->names[i]), fmt, layer);
    m->tensors[i] = (struct phi_tensor){.name = m->names[i],
                                        .origin = m->names[i],
                                        .file = "model",
                                        .dtype = PHI_F16,
                                        .rank = 2,
                                        .dim = {8, cols}};
}

/* In llama-quantize's order. */
static void shape_init(struct shape *m, const char *line)
{
    static const char *const names[] = {
        "blk.%u.attn_k.weight",      "blk.%u.attn_output.weight",
        "blk.%u.attn_q.weight",      "blk.%u.attn_v.weight",
        "blk.%u.attn_output.weight", "blk.%u.attn_qkv.weight"};
    struct phi_meta *meta = &m->base.meta;

    phi_meta_release(meta);
    *m = (struct shape){.base.path = "model", .base.format = "gguf"};
    ck_assert_int_eq(sscanf(line, "model %*s %u %u %u %u %u %u %u", &m->layers,
                            &m->heads, &m->kv_heads, &m->width, &m->inner,
                            &m->tied, &m->fused),
                     7);
    m->base.tensors = m->tensors;
    ck_ok(
        phi_meta_set_u(meta, "phi2.block_count", PHI_KV_U32, m->layers, &err));
    ck_ok(phi_meta_set_u(meta, "phi2.attention.head_count", PHI_KV_U32,
                         m->heads, &err));
    if (m->kv_heads != m->heads) /* else it may be left out */
        ck_ok(phi_meta_set_u(meta, "phi2.attention.head_count_kv", PHI_KV_U32,
                             m->kv_heads, &err));
    if (!m->tied)
        shape_add(m, m->width, "output.weight", 0);
    shape_add(m, m->width, "token_embd.weight", 0);
    for (unsigned l = 0; l < m->layers; l++) {
        for (size_t k = m->fused ? 4 : 0; k < (m->fused ? 6 : 4); k++)
            shape_add(m, m->width, names[k], l);
        shape_add(m, m->inner, "blk.%u.ffn_down.weight", l);
        shape_add(m, m->width, "blk.%u.ffn_up.weight", l);
    }
}

/* Options as llama-quantize takes them, with ~ for blanks. */
struct options {
    struct phi_type_override embedding;
    struct phi_type_override output;
    struct phi_type_override overrides[4];
    struct phi_name_pattern *patterns[4];
};

static enum phi_dtype option_type(const char *name)
{
    enum phi_dtype t;

    ck_assert(phi_dtype_from_name(name, &t));
    return t;
}

static void options_read(struct options *o, struct phi_recipe *r, char *text)
{
    char *word = strtok(text, "~");

    *o = (struct options){0};
    for (; word != NULL; word = strtok(NULL, "~")) {
        if (strcmp(word, "-") == 0) {
            continue;
        } else if (strcmp(word, "--pure") == 0) {
            r->pure = true;
        } else if (strcmp(word, "--leave-output-tensor") == 0) {
            r->leave_output = true;
        } else if (strcmp(word, "--output-tensor-type") == 0) {
            o->output.dtype = option_type(strtok(NULL, "~"));
            r->output = &o->output;
        } else if (strcmp(word, "--token-embedding-type") == 0) {
            o->embedding.dtype = option_type(strtok(NULL, "~"));
            r->embedding = &o->embedding;
        } else {
            struct phi_type_override *v = &o->overrides[r->noverrides];
            char *pattern;

            ck_assert_str_eq(word, "--tensor-type");
            pattern = strtok(NULL, "~");
            v->dtype = option_type(strrchr(pattern, '=') + 1);
            *strrchr(pattern, '=') = '\0';
            ck_ok(phi_name_pattern_new(&o->patterns[r->noverrides], pattern,
                                       &err));
            v->pattern = o->patterns[r->noverrides++];
            ck_assert_uint_lt(r->noverrides, 4);
        }
    }
    r->overrides = o->overrides;
}

/* "run TYPE imatrix OPTIONS TYPES" for the model that was read last. */
static void check_run(const struct shape *m, const char *line)
{
    struct phi_recipe recipe = {0};
    struct phi_recipe_walk walk;
    struct options options;
    struct phi_choice choice;
    char type[16];
    char imatrix[16];
    char text[200];
    char want[MAX_TENSORS];
    bool refused;
    size_t i;

    ck_assert_int_eq(
        sscanf(line, "run %15s %15s %199s %299s", type, imatrix, text, want),
        4);
    recipe.type = phi_file_type_find(type);
    ck_assert_ptr_nonnull(recipe.type);
    recipe.has_imatrix = strcmp(imatrix, "imatrix") == 0;
    options_read(&options, &recipe, text);
    refused = strcmp(want, "refused") == 0;
    ck_ok(phi_recipe_begin(&walk, &recipe, &m->base, &err));
    for (i = 0; i < m->base.ntensors; i++) {
        const char *name = m->tensors[i].name;

        if (phi_recipe_next(&walk, &m->tensors[i], &choice, NULL) != PHI_OK ||
            (!recipe.has_imatrix &&
             phi_recipe_needs_importance(&recipe, name, choice.dtype)))
            break;
        ck_assert_msg(refused || choice.dtype == type_of(want[i]),
                      "%s has %s, in: %s", name,
                      phi_dtype_info(choice.dtype)->name, line);
    }
    ck_assert_msg(refused == (i < m->base.ntensors), "tensor %zu, in: %s", i,
                  line);
    for (i = 0; i < 4; i++)
        phi_name_pattern_free(options.patterns[i]);
}

START_TEST(other_shapes_have_llama_quantizes_types)
{
    static struct shape model;
    FILE *f = open_golden(GOLDEN "recipe-shapes.txt");
    char line[MAX_LINE];
    size_t nruns = 0;

    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == 'l') {
            read_letter(line);
        } else if (line[0] == 'm') {
            shape_init(&model, line);
        } else if (line[0] == 'r') {
            check_run(&model, line);
            nruns++;
        }
    }
    ck_assert_uint_eq(nruns, 340);
    fclose(f);
    phi_meta_release(&model.base.meta);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("recipe_golden");
    TCase *t = tcase_create("recipe_golden");

    tcase_add_test(t, the_sample_has_llama_quantizes_types);
    tcase_add_test(t, other_shapes_have_llama_quantizes_types);
    suite_add_tcase(s, t);
    return unit_main(s);
}
