/* SPDX-License-Identifier: MIT */
/*
 * Adapters as PEFT saves them: the sample's seven, and each refusal of a
 * folder, a tensor or a value.
 */
#define _POSIX_C_SOURCE 200809L
#include "formats/adapter_open.h"

#include "tests/unit/fixture.h"

#define SAMPLES PHI_SOURCE_DIR "/reference/sample/adapters/"
#define WEIGHTS "adapter_model.safetensors"
#define A0      "base_model.model.model.layers.0.mlp.fc1.lora_A.weight"

static char *dir;
static struct phi_adapter *adapter;

static void setup(void)
{
    dir = fixture_folder();
    fixture_text(dir, "adapter_config.json",
                 "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,"
                 "\"target_modules\":[\"fc1\"]}");
}

static void teardown(void)
{
    phi_adapter_close(adapter);
    adapter = NULL;
    fixture_remove(dir);
}

/* A file with one tensor of `nbytes` bytes. */
static void write_tensor(const char *key, const char *dtype, const char *shape,
                         const void *data, size_t nbytes)
{
    char header[512];
    uint8_t bytes[1024] = {0};
    const int n = snprintf(header, sizeof(header),
                           "{\"%s\":{\"dtype\":\"%s\",\"shape\":%s,"
                           "\"data_offsets\":[0,%zu]}}",
                           key, dtype, shape, nbytes);

    ck_assert_uint_le(8 + (size_t)n + nbytes, sizeof(bytes));
    bytes[0] = (uint8_t)n;
    bytes[1] = (uint8_t)(n >> 8);
    memcpy(bytes + 8, header, (size_t)n);
    memcpy(bytes + 8 + n, data, nbytes);
    fixture_write(dir, WEIGHTS, bytes, 8 + (size_t)n + nbytes);
}

/* ---- the sample's -------------------------------------------------------- */

static const struct sample {
    const char *name;
    size_t n[PHI_ADAPTER_BASE_BIAS + 1]; /* tensors of each role */
} samples[] = {
    {"physics", {[PHI_ADAPTER_A] = 24, [PHI_ADAPTER_B] = 24}},
    {"physics-rslora", {[PHI_ADAPTER_A] = 16, [PHI_ADAPTER_B] = 16}},
    {"physics-f16", {[PHI_ADAPTER_A] = 24, [PHI_ADAPTER_B] = 24}},
    {"physics-dora",
     {[PHI_ADAPTER_A] = 24,
      [PHI_ADAPTER_B] = 24,
      [PHI_ADAPTER_MAGNITUDE] = 24}},
    {"physics-bias",
     {[PHI_ADAPTER_A] = 6, [PHI_ADAPTER_B] = 6, [PHI_ADAPTER_BASE_BIAS] = 6}},
    {"physics-head",
     {[PHI_ADAPTER_A] = 8,
      [PHI_ADAPTER_B] = 8,
      [PHI_ADAPTER_WEIGHT] = 2,
      [PHI_ADAPTER_BIAS] = 2}},
    {"physics-embed",
     {[PHI_ADAPTER_A] = 4,
      [PHI_ADAPTER_B] = 4,
      [PHI_ADAPTER_EMBEDDING_A] = 1,
      [PHI_ADAPTER_EMBEDDING_B] = 1}},
};

START_TEST(opens_the_samples)
{
    const struct sample *s = &samples[_i];
    size_t n[PHI_ADAPTER_BASE_BIAS + 1] = {0};
    char path[512];

    snprintf(path, sizeof(path), SAMPLES "%s", s->name);
    ck_ok(phi_adapter_open(&adapter, path, &err));
    for (size_t i = 0; i < adapter->ntensors; i++) {
        const struct phi_adapter_tensor *t = &adapter->tensors[i];

        n[t->role]++;
        ck_assert_int_eq(strncmp(t->path, "base_model", 10) != 0, 1);
        ck_assert_int_eq(t->data == NULL,
                         t->role == PHI_ADAPTER_WEIGHT && t->rank == 2);
    }
    for (size_t r = 0; r <= PHI_ADAPTER_BASE_BIAS; r++)
        ck_assert_msg(n[r] == s->n[r], "%s: role %zu: %zu, expected %zu",
                      s->name, r, n[r], s->n[r]);
    ck_ok(phi_adapter_unchanged(adapter, &err));
}
END_TEST

/* ---- values -------------------------------------------------------------- */

START_TEST(widens_where_it_reads)
{
    /* 1, -2, 0.5, -0 and the smallest subnormal, of F16 */
    static const uint8_t half[] = {0x00, 0x3c, 0x00, 0xc0, 0x00, 0x38,
                                   0x00, 0x80, 0x01, 0x00, 0x00, 0x3c};
    static const float want[] = {1, -2, 0.5f, -0.0f, 0x1p-24f, 1};
    float got[6];

    write_tensor("lm_head.weight", "F16", "[3,2]", half, sizeof(half));
    ck_ok(phi_adapter_open(&adapter, dir, &err));
    ck_assert_ptr_null(adapter->tensors[0].data);
    ck_ok(phi_adapter_rows(adapter, 0, 0, 3, got, &err));
    ck_assert_mem_eq(got, want, sizeof(want));
    ck_ok(phi_adapter_rows(adapter, 0, 1, 2, got, &err));
    ck_assert_mem_eq(got, want + 2, 4 * sizeof(*want));
}
END_TEST

START_TEST(refuses_what_is_not_finite)
{
    static const uint8_t nan[] = {0, 0, 0, 0, 0, 0xfe};
    static const uint8_t inf[] = {0, 0, 0, 0xfc, 0, 0};
    float got[3];

    write_tensor(A0, "F16", "[1,3]", nan, sizeof(nan));
    ck_refused(phi_adapter_open(&adapter, dir, &err), PHI_E_FORMAT,
               "fc1.lora_A.weight\": NaN at row 0, column 2");
    write_tensor("lm_head.weight", "F16", "[3,1]", inf, sizeof(inf));
    ck_ok(phi_adapter_open(&adapter, dir, &err));
    ck_refused(phi_adapter_rows(adapter, 0, 1, 2, got, &err), PHI_E_FORMAT,
               "-infinity at row 1, column 0");
}
END_TEST

/* ---- refusals ------------------------------------------------------------ */

static const struct bad {
    const char *key;
    const char *dtype;
    const char *shape;
    size_t nbytes;
    enum phi_status status;
    const char *text;
} bad[] = {
    {A0, "I8", "[2,2]", 4, PHI_E_UNSUPPORTED, "is I8, expected F32"},
    {A0, "F64", "[1,1]", 8, PHI_E_UNSUPPORTED, "is F64, expected F32"},
    {A0, "F32", "[4]", 16, PHI_E_FORMAT, "[4], expected a matrix"},
    {A0, "F32", "[2,0]", 0, PHI_E_FORMAT, "expected a matrix that is not"},
    {"base_model.model.x.lora_B.bias", "F32", "[2,2]", 16, PHI_E_FORMAT,
     "[2, 2], expected a vector"},
};

START_TEST(refuses_a_tensor)
{
    const struct bad *b = &bad[_i];
    static const uint8_t zeros[64];

    write_tensor(b->key, b->dtype, b->shape, zeros, b->nbytes);
    ck_refused(phi_adapter_open(&adapter, dir, &err), b->status, b->text);
}
END_TEST

START_TEST(refuses_a_folder)
{
    struct phi_err why = {0};
    char *path;

    ck_refused(phi_adapter_open(&adapter, dir, &err), PHI_E_FORMAT,
               "has no " WEIGHTS);
    fixture_text(dir, "adapter_model.bin", "PK");
    ck_assert_int_eq(phi_adapter_open(&adapter, dir, &why), PHI_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(why.hint, "is a pickle"));
    fixture_write(dir, WEIGHTS, "\2\0\0\0\0\0\0\0{}", 10);
    ck_refused(phi_adapter_open(&adapter, dir, &err), PHI_E_FORMAT,
               "holds no tensor");
    ck_refused(phi_adapter_open(&adapter, PHI_SAMPLE, &err), PHI_E_FORMAT,
               "has no adapter_config.json");
    path = fixture_path(dir, WEIGHTS);
    ck_refused(phi_adapter_open(&adapter, path, &err), PHI_E_FORMAT,
               "is a file of tensors");
    free(path);
}
END_TEST

START_TEST(knows_its_files)
{
    static const uint8_t zeros[16];
    char *path = fixture_path(dir, WEIGHTS);

    write_tensor(A0, "F32", "[2,2]", zeros, 16);
    ck_ok(phi_adapter_open(&adapter, dir, &err));
    ck_assert_int_eq(phi_adapter_not_input(adapter, path, NULL), PHI_E_ARG);
    ck_ok(phi_adapter_not_input(adapter, "adapter-open-elsewhere", &err));
    fixture_text(dir, "adapter_config.json", "{}");
    ck_assert_int_eq(phi_adapter_unchanged(adapter, NULL), PHI_E_IO);
    free(path);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("adapter_open");
    TCase *t = tcase_create("open");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, opens_the_samples, 0,
                        (int)(sizeof(samples) / sizeof(samples[0])));
    tcase_add_test(t, widens_where_it_reads);
    tcase_add_test(t, refuses_what_is_not_finite);
    tcase_add_loop_test(t, refuses_a_tensor, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(t, refuses_a_folder);
    tcase_add_test(t, knows_its_files);
    suite_add_tcase(s, t);
    return unit_main(s);
}
