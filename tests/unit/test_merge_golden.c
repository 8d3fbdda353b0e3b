/* SPDX-License-Identifier: MIT */
/*
 * The sample's seven adapters merged into the sample, against PEFT's merge in
 * float32 (reference/golden/lora-merged.json): of each tensor that changes,
 * the norm of its change, its norm, its sum and some values.
 */
#define _POSIX_C_SOURCE 200809L
#include "formats/adapter_open.h"
#include "formats/hf_dir.h"
#include "libconv/base/mem.h"
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_kernels.h"
#include "libconv/lora/merge.h"
#include "tests/unit/golden_merged.h"

#define SAMPLES PHI_SOURCE_DIR "/reference/sample/adapters/"

static const struct {
    const char *golden;
    const char *path;
} adapters[] = {
    {"physics", SAMPLES "physics"},
    {"physics-rslora", SAMPLES "physics-rslora"},
    {"physics-dora", SAMPLES "physics-dora"},
    {"physics-bias", SAMPLES "physics-bias"},
    {"physics-embed", SAMPLES "physics-embed"},
    {"physics-head", SAMPLES "physics-head"},
    {"physics-f16", SAMPLES "physics-f16"},
    /* the same by way of llama.cpp's convert_lora_to_gguf.py */
    {"physics-f16", PHI_SOURCE_DIR "/reference/golden/lora-physics-f16.gguf"},
    {"physics-embed",
     PHI_SOURCE_DIR "/reference/golden/lora-physics-embed.gguf"},
};

static struct phi_source *source;
static struct phi_adapter *adapter;
static struct phi_merge merge;

static void setup(void)
{
    ck_ok(phi_hf_open(&source, PHI_SAMPLE, &err));
}

static void teardown(void)
{
    phi_merge_release(&merge);
    phi_adapter_close(adapter);
    adapter = NULL;
    phi_source_close(source);
}

static size_t count_of(const struct phi_tensor *t)
{
    return (size_t)phi_tensor_count(t);
}

/* The base's values of tensor i; to be released with free(). */
static float *base_values(size_t i)
{
    const struct phi_tensor *t = &source->tensors[i];
    float *x = phi_alloc(count_of(t), sizeof(*x), NULL);
    uint8_t *raw = phi_alloc((size_t)t->nbytes, 1, NULL);

    ck_assert_ptr_nonnull(x);
    ck_assert_ptr_nonnull(raw);
    ck_ok(phi_source_read(source, i, 0, raw, (size_t)t->nbytes, &err));
    phi_widen_kernel(0, t->dtype)(x, raw, count_of(t));
    free(raw);
    return x;
}

/* Merges all rows of merge tensor i, `step` at a time. */
static void merge_values(float *x, size_t i, size_t step)
{
    const struct phi_merge_tensor *t = &merge.tensors[i];
    float *room = phi_alloc(phi_merge_room(&merge) + 1, sizeof(*room), NULL);

    ck_assert_ptr_nonnull(room);
    if (t->vector)
        step = (size_t)t->rows;
    for (uint64_t row = 0; row < t->rows; row += step) {
        const size_t n = t->rows - row < step ? (size_t)(t->rows - row) : step;
        double weight[64];
        double delta[64 * 4];
        const struct phi_merge_sums sums = {weight, delta, n};

        ck_ok(phi_merge_apply(&merge, i, x + row * t->cols, row, n, room,
                              step <= 64 && !t->vector ? &sums : NULL, &err));
        if (step <= 64 && !t->vector)
            phi_merge_tally(&merge, i, row, n, &sums);
    }
    free(room);
}

static size_t find_origin(const char *origin)
{
    for (size_t i = 0; i < source->ntensors; i++) {
        if (strcmp(source->tensors[i].origin, origin) == 0)
            return i;
    }
    ck_abort_msg("no tensor %s", origin);
    return 0;
}

START_TEST(merges_as_peft_does)
{
    const char *name = adapters[_i].golden;
    const struct phi_merge_options options = {.features = phi_cpu_detect()};
    struct phi_merge_input input = {.scale = 1};
    struct phi_json_doc *doc = NULL;
    struct phi_json root, want;
    struct phi_json item = {0};
    double worst = 0;
    size_t n = 0;

    ck_ok(phi_adapter_open(&adapter, adapters[_i].path, &err));
    input.adapter = adapter;
    ck_ok(phi_merge_make(&merge, source, &input, 1, &options, &err));
    ck_ok(phi_json_load(&doc, GOLDEN_MERGED, PHI_JSON_MAX_CONFIG, &err));
    root = phi_json_root(doc);
    ck_assert(phi_json_find(&root, name, &want));
    while (phi_json_next(&want, &item)) {
        const size_t s = find_origin(phi_json_key(&item));
        float *base = base_values(s);
        float *x = base_values(s);

        ck_assert_msg(merge.of_source[s] != PHI_MERGE_NONE, "%s is not merged",
                      phi_json_key(&item));
        merge_values(x, merge.of_source[s], 7);
        golden_merged_check(&item, base, x, count_of(&source->tensors[s]),
                            &worst);
        free(base);
        free(x);
        n++;
    }
    ck_assert_uint_eq(n, merge.n);
    ck_assert(!merge.idle[0]);
    printf("%s: %zu tensors, norms of changes at most %.1e off\n", name, n,
           worst);
    phi_json_free(doc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("merge_golden");
    TCase *t = tcase_create("merge");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, merges_as_peft_does, 0,
                        (int)(sizeof(adapters) / sizeof(adapters[0])));
    suite_add_tcase(s, t);
    return unit_main(s);
}
