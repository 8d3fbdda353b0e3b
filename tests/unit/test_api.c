/* SPDX-License-Identifier: MIT */
/* libphiconv, through its public header: bytes, numbers, errors. */
#define _POSIX_C_SOURCE 200809L
#include "formats/api/phiconv.h"
#include "formats/model.h"
#include "formats/safetensors.h"
#include "libconv/kernels/quant_kernels.h"
#include "tests/unit/api_checks.h"
#include "tests/unit/fixture.h"
#include "tests/unit/golden_hashes.h"
#include "tests/unit/golden_merged.h"
#include "tests/unit/golden_windows.h"
#include <errno.h>
#include <math.h>

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
}

/* All bytes of a tensor; to be released with free(). */
static uint8_t *bytes_of(struct phiconv_model *m, size_t i,
                         struct phiconv_tensor *t)
{
    struct phiconv_error e = {0};
    uint8_t *bytes;

    api_ok(phiconv_tensor_at(m, i, t, &e));
    bytes = phi_alloc(t->nbytes, 1, NULL);
    ck_assert_ptr_nonnull(bytes);
    api_ok(phiconv_tensor_read(m, i, 0, bytes, t->nbytes, &e));
    return bytes;
}

/* Bytes of a tensor as the sample's own file has them. */
static void stored_bytes(const char *name, uint64_t offset, void *to, size_t n)
{
    struct phi_st *st = NULL;
    bool found = false;

    ck_ok(
        phi_st_open(&st, PHI_SAMPLE "/model-00001-of-00002.safetensors", &err));
    for (size_t i = 0; i < st->n; i++) {
        if (strcmp(st->tensors[i].name, name) != 0)
            continue;
        ck_ok(phi_st_read(st, i, offset, to, n, &err));
        found = true;
    }
    ck_assert_msg(found, "%s is in another file", name);
    phi_st_close(st);
}

START_TEST(test_look)
{
    struct phiconv_model *m = NULL;
    struct phiconv_error e = {0};
    struct phiconv_tensor t;
    struct phiconv_metadata kv;
    bool seen_tags = false;
    char *fifo;
    uint8_t bytes[4];
    uint8_t stored[4];

    api_ok(phiconv_open(&m, PHI_SAMPLE, &e));
    ck_assert_str_eq(phiconv_format(m), "hf");
    ck_assert_uint_eq(phiconv_tensor_count(m), 61);
    api_ok(phiconv_tensor_at(m, 0, &t, &e));
    ck_assert_str_eq(t.name, "token_embd.weight");
    ck_assert_str_eq(t.type, "F16");
    ck_assert_uint_eq(t.rank, 2);
    ck_assert_uint_eq(t.dim[0], 2048);
    ck_assert_uint_eq(t.dim[1], 256);
    ck_assert_uint_eq(t.nbytes, 2048 * 256 * 2);
    api_ok(phiconv_tensor_read(m, 0, 2, bytes, 4, &e));
    stored_bytes("model.embed_tokens.weight", 2, stored, 4);
    ck_assert_mem_eq(bytes, stored, 4);
    api_refused(phiconv_tensor_read(m, 0, t.nbytes - 1, bytes, 4, &e),
                PHICONV_MISUSE, "bytes wanted");
    api_refused(phiconv_tensor_at(m, 61, &t, &e), PHICONV_MISUSE,
                "no tensor 61");
    api_refused(phiconv_tensor_read(m, 61, 0, bytes, 1, &e), PHICONV_MISUSE,
                "no tensor 61");
    ck_assert_str_eq(phiconv_metadata_text(m, "general.architecture"), "phi2");
    ck_assert_ptr_null(phiconv_metadata_text(m, "missing"));
    ck_assert_ptr_null(phiconv_metadata_text(m, "phi2.block_count"));
    for (size_t i = 0; i < phiconv_metadata_count(m); i++) {
        api_ok(phiconv_metadata_at(m, i, &kv, &e));
        if (strcmp(kv.key, "phi2.block_count") == 0) {
            ck_assert_int_eq(kv.kind, PHICONV_UNSIGNED);
            ck_assert_uint_eq(kv.value.u, 4);
            ck_assert_ptr_null(phiconv_metadata_element(m, i, 0));
        }
        if (strcmp(kv.key, "general.tags") == 0) {
            seen_tags = true;
            ck_assert_int_eq(kv.kind, PHICONV_ARRAY);
            ck_assert_str_eq(kv.type, "string");
            ck_assert_uint_eq(kv.n, 3);
            ck_assert_str_eq(phiconv_metadata_element(m, i, 0), "phi");
            ck_assert_ptr_null(phiconv_metadata_element(m, i, 3));
        }
    }
    ck_assert(seen_tags);
    api_refused(phiconv_metadata_at(m, phiconv_metadata_count(m), &kv, &e),
                PHICONV_MISUSE, "no key");
    phiconv_close(m);
    phiconv_close(NULL);
    api_refused(phiconv_open(&m, "missing", &e), PHICONV_SYSTEM, "missing");
    ck_assert_int_eq(e.system, ENOENT);
    /* No call has failed there: 0, which was said to be errno. */
    fifo = fixture_path(dir, "fifo");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    api_refused(phiconv_open(&m, fifo, &e), PHICONV_SYSTEM, "expected");
    ck_assert_int_eq(e.system, 0);
    free(fifo);
    /* Nobody has to take the error. */
    ck_assert_int_eq(phiconv_open(&m, "missing", NULL), PHICONV_SYSTEM);
}
END_TEST

struct count {
    uint64_t calls;
    uint64_t stop_at; /* 0: never */
};

static int count(void *context, uint64_t done, uint64_t total)
{
    struct count *c = context;

    ck_assert_uint_le(done, total);
    return ++c->calls == c->stop_at;
}

/* Every tensor of a file is llama-quantize's; two are of these types. */
static void check_written(const char *path, const char *embd, const char *head)
{
    static struct hashes golden;
    struct phiconv_model *m = NULL;
    struct phiconv_error e = {0};

    hashes_load(&golden, PHI_SOURCE_DIR "/tests/golden/quantize.txt");
    api_ok(phiconv_open(&m, path, &e));
    ck_assert_uint_eq(phiconv_tensor_count(m), 61);
    for (size_t i = 0; i < 61; i++) {
        struct phi_sha256 *hash = NULL;
        char hex[PHI_SHA256_HEX];
        struct phiconv_tensor t;
        uint8_t *bytes = bytes_of(m, i, &t);
        const char *want = hashes_find(&golden, t.name, t.type);

        ck_ok(phi_sha256_new(&hash, &err));
        ck_ok(phi_sha256_add(hash, bytes, t.nbytes, &err));
        ck_ok(phi_sha256_hex(hash, hex, &err));
        ck_assert_msg(want != NULL && strcmp(hex, want) == 0, "%s: %s as %s",
                      path, t.name, t.type);
        if (strcmp(t.name, "token_embd.weight") == 0)
            ck_assert_str_eq(t.type, embd);
        if (strcmp(t.name, "output.weight") == 0)
            ck_assert_str_eq(t.type, head);
        phi_sha256_free(hash);
        free(bytes);
    }
    phiconv_close(m);
}

START_TEST(test_quantize)
{
    struct phiconv_quantize_options o = PHICONV_QUANTIZE_OPTIONS;
    struct phiconv_model *m = NULL;
    struct phiconv_error e = {0};
    struct count calls = {0, 0};
    char *path = fixture_path(dir, "a.gguf");
    char *other = fixture_path(dir, "b.gguf");
    size_t n = 0;

    while (phiconv_type_name(n) != NULL)
        n++;
    ck_assert_uint_gt(n, 20);
    api_ok(phiconv_open(&m, PHI_SAMPLE, &e));
    o.progress = count;
    o.context = &calls;
    api_ok(phiconv_quantize(m, "q4_k_m", path, &o, &e));
    ck_assert_uint_gt(calls.calls, 0);
    api_refused(phiconv_quantize(m, "q4_k_m", path, NULL, &e), PHICONV_MISUSE,
                "exists already");
    ck_assert_str_ne(e.hint, "");
    api_refused(phiconv_quantize(m, "q4_9", other, NULL, &e), PHICONV_MISUSE,
                "unknown type");
    calls = (struct count){0, 1};
    api_refused(phiconv_quantize(m, "q4_0", other, &o, &e), PHICONV_CANCELLED,
                "interrupted");
    ck_assert_int_eq(phi_path_kind(other), PHI_PATH_NONE);
    o.imatrix = "missing";
    api_refused(phiconv_quantize(m, "q4_0", other, &o, &e), PHICONV_SYSTEM,
                "missing");
    /* Options of a later version, and none at all. */
    o.size++;
    api_refused(phiconv_quantize(m, "q4_0", other, &o, &e), PHICONV_MISUSE,
                "options of");
    o.size = 0;
    api_refused(phiconv_quantize(m, "q4_0", other, &o, &e), PHICONV_MISUSE,
                "options of");
    /* Of an earlier one: the members that it had count. */
    o = (struct phiconv_quantize_options){
        .size = offsetof(struct phiconv_quantize_options, imatrix),
        .threads = 1,
        .imatrix = "not looked at"};
    api_ok(phiconv_quantize(m, "q4_0", other, &o, &e));
    phiconv_close(m);
    check_written(path, "Q4_K", "Q6_K");
    check_written(other, "Q4_0", "Q6_K");
    /* What is quantized is not quantized again by accident. */
    api_ok(phiconv_open(&m, path, &e));
    ck_assert_str_eq(phiconv_format(m), "gguf");
    o = (struct phiconv_quantize_options)PHICONV_QUANTIZE_OPTIONS;
    o.replace = 1;
    api_refused(phiconv_quantize(m, "q4_0", other, &o, &e), PHICONV_UNSUPPORTED,
                "is quantized already");
    phiconv_close(m);
    free(path);
    free(other);
}
END_TEST

/* transformers' perplexity of the first n windows of 128 of primer.txt. */
static double golden_perplexity(size_t n)
{
    struct golden g = {0};
    struct phi_json item = {0};
    double total = 0;

    golden_open(&g, PHI_SOURCE_DIR "/reference/golden/phi-openstax.json",
                "base", "128");
    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        ck_assert(phi_json_next(&g.sums, &item));
        ck_ok(phi_json_number(&item, 0, 1e9, &sum, &err));
        total += sum;
    }
    phi_json_free(g.doc);
    return exp(total / (double)(n * 63));
}

START_TEST(test_evaluate)
{
    struct phiconv_evaluate_options o = PHICONV_EVALUATE_OPTIONS;
    struct phiconv_model *m = NULL;
    struct phiconv_model *q = NULL;
    struct phiconv_error e = {0};
    struct phiconv_evaluation v, w;
    struct count calls = {0, 0};
    const double want = golden_perplexity(4);
    char *path = fixture_path(dir, "q.gguf");
    uint8_t *text = NULL;
    size_t n = 0;

    ck_ok(phi_file_load(PHI_SOURCE_DIR "/reference/sample/text/primer.txt",
                        1 << 20, &text, &n, &err));
    o.window = 128;
    o.max_windows = 4;
    o.progress = count;
    o.context = &calls;
    api_ok(phiconv_open(&m, PHI_SAMPLE, &e));
    api_ok(phiconv_evaluate(m, NULL, (const char *)text, n, &o, &v, &e));
    ck_assert_uint_eq(v.scored, 4 * 63);
    ck_assert_double_eq_tol(v.perplexity, want, GOLDEN_RELATIVE * want);
    ck_assert_double_eq(v.mean_kld, 0);
    ck_assert_uint_gt(calls.calls, 0);
    /* A model against itself: nothing is lost. */
    api_ok(phiconv_evaluate(m, m, (const char *)text, n, &o, &w, &e));
    ck_assert_double_eq(v.perplexity, w.perplexity);
    ck_assert_double_eq(w.mean_kld, 0);
    ck_assert_double_eq(w.same_top, 1);
    api_ok(phiconv_quantize(m, "q4_0", path, NULL, &e));
    api_ok(phiconv_open(&q, path, &e));
    api_ok(phiconv_evaluate(q, m, (const char *)text, n, &o, &w, &e));
    ck_assert_double_gt(w.mean_kld, 0);
    ck_assert_double_lt(w.mean_kld, 0.1);
    o.window = 1 << 19;
    ck_assert_int_ne(
        phiconv_evaluate(m, NULL, (const char *)text, n, &o, &v, &e),
        PHICONV_OK);
    o.window = 128;
    calls = (struct count){0, 1};
    api_refused(phiconv_evaluate(m, NULL, (const char *)text, n, &o, &v, &e),
                PHICONV_CANCELLED, "interrupted");
    phiconv_close(m);
    phiconv_close(q);
    free(text);
    free(path);
}
END_TEST

/* PEFT's values of what a GGUF file calls blk.L.MODULE.weight; false if the
 * adapter leaves it as it is. */
static bool golden_of(const struct phi_json *all, const char *name,
                      struct phi_json *out)
{
    static const char *const modules[][2] = {
        {"attn_q", "self_attn.q_proj"},     {"attn_k", "self_attn.k_proj"},
        {"attn_v", "self_attn.v_proj"},     {"ffn_up", "mlp.fc1"},
        {"attn_output", "self_attn.dense"}, {"ffn_down", "mlp.fc2"}};
    unsigned layer = 0;
    char module[16];
    char key[64];

    if (sscanf(name, "blk.%u.%15[^.].weight", &layer, module) != 2 ||
        strstr(name, ".weight") == NULL)
        return false;
    for (size_t i = 0; i < 6; i++) {
        if (strcmp(module, modules[i][0]) != 0)
            continue;
        snprintf(key, sizeof(key), "model.layers.%u.%s.weight", layer,
                 modules[i][1]);
        return phi_json_find(all, key, out);
    }
    return false;
}

/* Tensor i: PEFT's values in F32, or the base's bytes. True for the first. */
static bool check_adapted(struct phiconv_model *m, struct phiconv_model *base,
                          size_t i, const struct phi_json *all)
{
    struct phiconv_tensor t;
    struct phiconv_tensor b;
    struct phi_json want;
    uint8_t *now = bytes_of(m, i, &t);
    uint8_t *was = bytes_of(base, i, &b);
    const bool changed = golden_of(all, b.name, &want);
    double worst = 0;

    ck_assert_str_eq(t.name, b.name);
    if (changed) {
        const size_t n = b.nbytes / 2;
        float *x = phi_alloc(n, sizeof(*x), NULL);

        ck_assert_ptr_nonnull(x);
        ck_assert_str_eq(b.type, "F16");
        ck_assert_str_eq(t.type, "F32");
        ck_assert_uint_eq(t.nbytes, n * sizeof(*x));
        phi_widen_kernel(0, PHI_F16)(x, was, n);
        golden_merged_check(&want, x, (const float *)(const void *)now, n,
                            &worst);
        free(x);
    } else {
        ck_assert_str_eq(t.type, b.type);
        ck_assert_uint_eq(t.nbytes, b.nbytes);
        ck_assert_mem_eq(now, was, t.nbytes);
    }
    free(now);
    free(was);
    return changed;
}

START_TEST(test_adapters)
{
    const struct phiconv_adapter a = {
        PHI_SOURCE_DIR "/reference/sample/adapters/physics", 1};
    const struct phiconv_adapter missing = {"missing", 1};
    struct phiconv_model *m = NULL;
    struct phiconv_model *base = NULL;
    struct phiconv_error e = {0};
    struct phi_json_doc *doc = NULL;
    struct phi_json all;
    char *path = fixture_path(dir, "m.gguf");
    size_t changed = 0;

    api_ok(phiconv_open(&base, PHI_SAMPLE, &e));
    api_ok(phiconv_open_adapted(&m, PHI_SAMPLE, &a, 1, &e));
    ck_assert_uint_eq(phiconv_tensor_count(m), 61);
    ck_ok(phi_json_load(&doc, GOLDEN_MERGED, PHI_JSON_MAX_CONFIG, &err));
    all = phi_json_root(doc);
    ck_ok(phi_json_get(&all, "physics", PHI_JSON_OBJECT, &all, &err));
    for (size_t i = 0; i < 61; i++)
        changed += check_adapted(m, base, i, &all);
    ck_assert_uint_eq(changed, 24);
    phi_json_free(doc);
    api_ok(phiconv_quantize(m, "f16", path, NULL, &e));
    phiconv_close(m);
    phiconv_close(base);
    api_refused(phiconv_open_adapted(&m, PHI_SAMPLE, &missing, 1, &e),
                PHICONV_SYSTEM, "missing");
    free(path);
}
END_TEST

/* One that adds nothing but zeros was merged without a word, and one whose
 * scale was forgotten, which is 0 then. */
START_TEST(test_idle_adapters)
{
    static const char weights[] = "adapter_model.safetensors";
    static const char trained[] =
        PHI_SOURCE_DIR "/reference/sample/adapters/physics";
    const struct phiconv_adapter two[] = {{dir, 1}, {trained, 1}};
    struct phiconv_adapter forgotten = {.path = trained};
    struct phiconv_model *m = NULL;
    struct phiconv_error e = {0};
    size_t n;
    size_t at;
    char *bytes;

    fixture_copy(trained, dir, "adapter_config.json");
    bytes = fixture_load(trained, weights, &n);
    at = 8 + (uint8_t)bytes[0] + ((size_t)(uint8_t)bytes[1] << 8);
    memset(bytes + at, 0, n - at);
    fixture_write(dir, weights, bytes, n);
    free(bytes);
    api_ok(phiconv_open_adapted(&m, PHI_SAMPLE, two, 2, &e));
    ck_assert(phiconv_adapter_idle(m, 0));
    ck_assert(!phiconv_adapter_idle(m, 1));
    ck_assert(!phiconv_adapter_idle(m, 2));
    phiconv_close(m);
    api_refused(phiconv_open_adapted(&m, PHI_SAMPLE, &forgotten, 1, &e),
                PHICONV_MISUSE, "set scale to 1");
    forgotten.scale = NAN;
    api_refused(phiconv_open_adapted(&m, PHI_SAMPLE, &forgotten, 1, &e),
                PHICONV_MISUSE, "set scale to 1");
    api_ok(phiconv_open(&m, PHI_SAMPLE, &e));
    ck_assert(!phiconv_adapter_idle(m, 0));
    phiconv_close(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("api");
    TCase *tc = tcase_create("api");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_look);
    tcase_add_test(tc, test_quantize);
    tcase_add_test(tc, test_evaluate);
    tcase_add_test(tc, test_adapters);
    tcase_add_test(tc, test_idle_adapters);
    suite_add_tcase(s, tc);
    return unit_main(s);
}
