/* SPDX-License-Identifier: MIT */
/*
 * The sample in all file types, pure or not, with an importance matrix or
 * without: the bytes of every tensor against llama-quantize's, in one read.
 */
#include "formats/imatrix_read.h"
#include "formats/model.h"
#include "libconv/convert/pipeline.h"
#include "tests/unit/golden_hashes.h"
#include "tests/unit/memory_model.h"

#define GOLDEN PHI_SOURCE_DIR "/tests/golden/"

enum { MAX_FILES = 96 };

struct file {
    char name[32]; /* "q4_k_m:imatrix:pure" */
    struct phi_plan plan;
    struct memory_sink sink;
};

static struct hashes plain;   /* without a matrix */
static struct hashes weighed; /* with one, where it makes a difference */
static struct file files[MAX_FILES];
static struct phi_output_job jobs[MAX_FILES];

static void file_init(struct file *f, const struct phi_source *s,
                      const struct phi_imatrix *imatrix)
{
    struct phi_plan_options opt = {0};
    char type[16];

    ck_assert_int_eq(sscanf(f->name, "%15[^:]", type), 1);
    opt.recipe.type = phi_file_type_find(type);
    ck_assert_ptr_nonnull(opt.recipe.type);
    opt.recipe.pure = strstr(f->name, ":pure") != NULL;
    if (strstr(f->name, ":imatrix") != NULL)
        opt.imatrix = imatrix;
    ck_ok(phi_plan_make(&f->plan, s, &opt, &err));
    memory_sink_init(&f->sink, &f->plan);
}

/* All files of recipe-sample.txt that llama-quantize makes; their number. */
static size_t files_init(const struct phi_source *s,
                         const struct phi_imatrix *imatrix)
{
    FILE *f = fopen(GOLDEN "recipe-sample.txt", "r");
    char line[256];
    char types[128];
    size_t n = 0;

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "file ", 5) != 0)
            continue;
        ck_assert_uint_lt(n, MAX_FILES);
        ck_assert_int_eq(sscanf(line, "file %31s %127s", files[n].name, types),
                         2);
        if (strcmp(types, "refused") == 0)
            continue;
        file_init(&files[n], s, imatrix);
        jobs[n] =
            (struct phi_output_job){&files[n].plan, &files[n].sink.base, NULL};
        n++;
    }
    fclose(f);
    return n;
}

static void file_check(struct file *f)
{
    const bool imatrix = strstr(f->name, ":imatrix") != NULL;

    memory_finish(&f->sink);
    for (size_t i = 0; i < f->plan.n; i++) {
        const struct phi_sink_tensor *t = &f->plan.tensors[i];
        const char *type = phi_dtype_info(t->dtype)->name;
        const char *want = NULL;

        if (imatrix)
            want = hashes_find(&weighed, t->name, type);
        if (want == NULL)
            want = hashes_find(&plain, t->name, type);
        ck_assert_msg(want != NULL && strcmp(want, f->sink.hex[i]) == 0,
                      "%s: %s as %s", f->name, t->name, type);
    }
    memory_sink_release(&f->sink);
    phi_plan_release(&f->plan);
}

START_TEST(bytes_are_llama_quantizes)
{
    const struct phi_pipeline_options opt = {.nthreads = 2};
    struct phi_source *s = NULL;
    struct phi_imatrix imatrix;
    struct phi_pipeline_work work;
    size_t n;

    hashes_load(&plain, GOLDEN "quantize.txt");
    hashes_load(&weighed, GOLDEN "quantize-imatrix.txt");
    ck_ok(phi_model_open(&s, PHI_SAMPLE, &err));
    ck_ok(phi_imatrix_read(&imatrix, GOLDEN "imatrix.gguf", &err));
    n = files_init(s, &imatrix);
    ck_assert_uint_eq(n, 75);
    work = (struct phi_pipeline_work){.source = s, .outputs = jobs, .n = n};
    ck_ok(phi_pipeline_run(&work, &opt, &err));
    for (size_t i = 0; i < n; i++)
        file_check(&files[i]);
    phi_imatrix_release(&imatrix);
    phi_source_close(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quantize_golden");
    TCase *t = tcase_create("quantize_golden");

    tcase_set_timeout(t, 600);
    tcase_add_test(t, bytes_are_llama_quantizes);
    suite_add_tcase(s, t);
    return unit_main(s);
}
