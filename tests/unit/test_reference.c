/* SPDX-License-Identifier: MIT */
/*
 * The reference against facts from outside: hashes of llama-quantize's files,
 * sums by gguf-py, logits by transformers. The sample is read here by a few
 * lines of this file's own, so that nothing of phiconv's is under test.
 */
#include <math.h>

#include <cjson/cJSON.h>

#include "libconv/base/sha256.h"
#include "reference/ref_half.h"
#include "reference/ref_math.h"
#include "reference/ref_phi.h"
#include "reference/ref_quant.h"
#include "tests/unit/unit.h"

#define GOLDEN PHI_SOURCE_DIR "/reference/golden/"

/* ---- a trusting reader of safetensors ----------------------------------- */

struct tensors {
    char *bytes; /* the file */
    const char *data;
    cJSON *header;
};

static struct tensors tensors_open(const char *path)
{
    struct tensors t;
    FILE *const f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s: cannot be opened", path);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    const long size = ftell(f);
    ck_assert_int_gt(size, 8);
    rewind(f);
    t.bytes = malloc((size_t)size);
    ck_assert_ptr_nonnull(t.bytes);
    ck_assert_uint_eq(fread(t.bytes, 1, (size_t)size, f), (size_t)size);
    (void)fclose(f);

    uint64_t length = 0;
    memcpy(&length, t.bytes, sizeof length);
    t.header = cJSON_ParseWithLength(t.bytes + 8, (size_t)length);
    ck_assert_ptr_nonnull(t.header);
    t.data = t.bytes + 8 + length;
    return t;
}

static void tensors_close(struct tensors *t)
{
    cJSON_Delete(t->header);
    free(t->bytes);
}

/* All values of one tensor, to be freed; NULL if it is not in the file. */
static double *tensor_values(const struct tensors *t, const char *name,
                             size_t *n)
{
    const cJSON *const entry = cJSON_GetObjectItem(t->header, name);
    if (entry == NULL) {
        return NULL;
    }
    const char *const dtype = cJSON_GetObjectItem(entry, "dtype")->valuestring;
    const cJSON *const offsets = cJSON_GetObjectItem(entry, "data_offsets");
    const size_t begin = (size_t)cJSON_GetArrayItem(offsets, 0)->valuedouble;
    const size_t end = (size_t)cJSON_GetArrayItem(offsets, 1)->valuedouble;
    const size_t width = strcmp(dtype, "F16") == 0   ? 2
                         : strcmp(dtype, "F32") == 0 ? 4
                                                     : 8;

    *n = (end - begin) / width;
    double *const values = malloc(*n * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < *n; i++) {
        const char *const at = t->data + begin + i * width;
        uint16_t half = 0;
        float single = 0.0f;
        int64_t whole = 0;
        if (width == 2) {
            memcpy(&half, at, 2);
            values[i] = ref_float_decode(REF_F16, half);
        } else if (width == 4) {
            memcpy(&single, at, 4);
            values[i] = (double)single;
        } else {
            ck_assert_str_eq(dtype, "I64");
            memcpy(&whole, at, 8);
            values[i] = (double)whole;
        }
    }
    return values;
}

/* The sample model's two shards, and what was taken from them. */
static struct tensors shards[2];
static double *taken[64];
static size_t n_taken;

static void sample_open(void)
{
    shards[0] = tensors_open(PHI_SAMPLE "/model-00001-of-00002.safetensors");
    shards[1] = tensors_open(PHI_SAMPLE "/model-00002-of-00002.safetensors");
}

static void sample_close(void)
{
    tensors_close(&shards[0]);
    tensors_close(&shards[1]);
    while (n_taken > 0) {
        free(taken[--n_taken]);
    }
}

/* Valid until sample_close(). */
static const double *sample_tensor(const char *name, size_t n)
{
    size_t found = 0;
    double *values = tensor_values(&shards[0], name, &found);
    if (values == NULL) {
        values = tensor_values(&shards[1], name, &found);
    }
    ck_assert_msg(values != NULL && found == n, "%s: %zu values", name, found);
    ck_assert_uint_lt(n_taken, 64);
    taken[n_taken++] = values;
    return values;
}

/* ---- small floats ------------------------------------------------------- */

START_TEST(codes_survive)
{
    static const enum ref_float_format formats[] = {REF_F16, REF_BF16,
                                                    REF_F8_E5M2};
    const enum ref_float_format format = formats[_i];
    const unsigned codes = format == REF_F8_E5M2 ? 256 : 65536;
    for (unsigned code = 0; code < codes; code++) {
        const double value = ref_float_decode(format, code);
        if (!isnan(value)) {
            ck_assert_uint_eq(ref_float_encode(format, value), code);
        }
    }
}
END_TEST

START_TEST(encoding_rounds_to_nearest_even)
{
    for (unsigned code = 0; code < 0x7bff; code++) {
        const double low = ref_float_decode(REF_F16, code);
        const double middle = (low + ref_float_decode(REF_F16, code + 1)) / 2;
        ck_assert_uint_eq(ref_float_encode(REF_F16, middle), code + code % 2);
        ck_assert_uint_eq(ref_float_encode(REF_F16, nextafter(middle, 0)),
                          code);
        ck_assert_uint_eq(ref_float_encode(REF_F16, nextafter(middle, 1e9)),
                          code + 1);
    }
    ck_assert_uint_eq(ref_f16_from_float(65519.996f), 0x7bff);
    ck_assert_uint_eq(ref_f16_from_float(65520.0f), 0x7c00);
    ck_assert_uint_eq(ref_f16_from_float(-NAN), 0xfe00);
    ck_assert_uint_eq(ref_bf16_from_float(3.4028235e38f), 0x7f80);
}
END_TEST

START_TEST(eight_bit_values)
{
    static const struct {
        enum ref_float_format format;
        unsigned code;
        double value;
    } rows[] = {
        {REF_F8_E4M3, 0x7e, 448.0},     {REF_F8_E4M3, 0x01, 0x1p-9},
        {REF_F8_E4M3, 0x80, -0.0},      {REF_F8_E5M2, 0x7b, 57344.0},
        {REF_F8_E5M2, 0xfc, -INFINITY}, {REF_F8_E5M2FNUZ, 0x7f, 57344.0},
        {REF_F8_E4M3FNUZ, 0x7f, 240.0}, {REF_F8_E4M3FNUZ, 0x01, 0x1p-10},
        {REF_F8_E8M0, 0, 0x1p-127},     {REF_F8_E8M0, 254, 0x1p127},
    };
    const double found = ref_float_decode(rows[_i].format, rows[_i].code);
    ck_assert_double_eq(found, rows[_i].value);
    ck_assert(signbit(found) == signbit(rows[_i].value));
    ck_assert(isnan(ref_float_decode(REF_F8_E4M3, 0x7f)));
    ck_assert(isnan(ref_float_decode(REF_F8_E4M3FNUZ, 0x80)));
    ck_assert(isnan(ref_float_decode(REF_F8_E8M0, 255)));
}
END_TEST

/* ---- blocks ------------------------------------------------------------- */

/* llama-quantize --pure, of model.layers.0.self_attn.k_proj.weight. */
static const struct {
    enum ref_type type;
    const char *sha256;
} k_proj_hashes[] = {
    {REF_Q4_0,
     "cbafcf262eb3b8a4f586a0949385778aed8f2c4248f4c4bcb85f4f4bc76a889d"},
    {REF_Q4_1,
     "4c8f1b0e1c2549193c8c1bfe8e3204e35cfe1936d4757ff8df007f5a67df2039"},
    {REF_Q5_0,
     "41ff467b0951730a8f96d5b97667c07a7b22326d38b2c6307b529bb0e4385544"},
    {REF_Q5_1,
     "2ae6004419d9735ac15af027c3ccdacbc595aa62ba8201a184fd2af0b61ab1fe"},
    {REF_Q8_0,
     "7d1fa161216bcb3e2ce449ede2f8a33e61c88f6e9034366d27c93264b9e7d9b0"},
    {REF_Q6_K,
     "28e88e1ea4ec8c551e5f3117a720f2eee1e5999e6170b38ed38b6fa614a65b36"},
    {REF_Q2_K,
     "4490421e318f6034eed476b5620aca994e452e4ba484311c5186064a872f8bbe"},
    {REF_Q3_K,
     "25713296e01129b8860bf1881a0bbb5f0dfe8602a0c5abd4f307523f026e91d8"},
    {REF_Q4_K,
     "95f2fbae1a3f89d0ad89ca3ce783648b8bdee976367ef21c9cea450e8a45e8d3"},
    {REF_Q5_K,
     "de189d5f4e283ff1af4a4899a5220d2fb6620c842e14d4226fbac51f3a0b4831"},
    {REF_IQ4_NL,
     "cd19c03a2327e3b923ec5e5db7a046debe7187e31f28c14e1d5de3dfec1e1d0e"},
    {REF_IQ4_XS,
     "f6679f53e977599535a3c18d6e5d1a9e66c4c4e660046a6081b682429c367002"},
    {REF_TQ1_0,
     "915bc6f73b9af5d49bd3f80f80ab2e8688c207560539fc8384765e8aa31cf7d4"},
    {REF_TQ2_0,
     "e4be723c6e33e9f0902b55c3e75eefc72078e478e1b38e3185fd8d13b4d94808"},
};

START_TEST(quantizers_write_the_known_bytes)
{
    enum { N = 256 * 256 };
    const enum ref_type type = k_proj_hashes[_i].type;
    sample_open();
    const double *const values =
        sample_tensor("model.layers.0.self_attn.k_proj.weight", N);
    float *const x = malloc(N * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)values[i];
    }
    const size_t size = N / ref_block_values(type) * ref_block_bytes(type);
    uint8_t *const blocks = malloc(size);
    ck_assert_ptr_nonnull(blocks);
    ck_assert_int_eq(ref_quantize(type, x, N, blocks), 0);

    struct phi_sha256 *sha = NULL;
    char hex[PHI_SHA256_HEX];
    ck_ok(phi_sha256_new(&sha, &err));
    ck_ok(phi_sha256_add(sha, blocks, size, &err));
    ck_ok(phi_sha256_hex(sha, hex, &err));
    ck_assert_str_eq(hex, k_proj_hashes[_i].sha256);
    phi_sha256_free(sha);
    free(blocks);
    free(x);
    sample_close();
}
END_TEST

START_TEST(blocks_of_zeros)
{
    static const float zeros[256];
    uint8_t out[8 * 34];
    ref_quantize_q4_0(zeros, 32, out);
    ck_assert_mem_eq(out, "\x00\x80\x88\x88", 4); /* d is 0 / -8: -0 */
    ref_quantize_q5_0(zeros, 32, out);
    ck_assert_mem_eq(out, "\x00\x80\xff\xff\xff\xff\x00", 7);
    ref_quantize_q8_0(zeros, 32, out);
    ck_assert_mem_eq(out, zeros, 34);
    ck_assert_int_eq(ref_quantize(REF_Q6_K, zeros, 256, out), 0);
    ck_assert_mem_eq(out, zeros, 210);
}
END_TEST

/* Three blocks of pseudo-random bytes; the halves, at two offsets of a block,
 * are kept finite. The sum is of gguf-py's values, times 1 to 7 in turn. */
static const struct {
    enum ref_type type;
    size_t half[2];
    double sum;
} random_blocks[] = {
    {REF_Q4_0, {0, 0}, -169.45930171012878},
    {REF_Q4_1, {0, 2}, -670.4938459396362},
    {REF_Q5_0, {0, 0}, 11.002907752990723},
    {REF_Q5_1, {0, 2}, -716.2841744422913},
    {REF_Q8_0, {0, 0}, -3.884911298751831},
    {REF_Q2_K, {80, 82}, -26.862972855567932},
    {REF_Q3_K, {108, 108}, -367.9760367870331},
    {REF_Q4_K, {0, 2}, 47950.61250305176},
    {REF_Q5_K, {0, 2}, 10917.80563545227},
    {REF_Q6_K, {208, 208}, -116013.89559078217},
    {REF_IQ4_NL, {0, 0}, -3336.721230983734},
    {REF_IQ4_XS, {0, 0}, -287.6329095363617},
    {REF_TQ1_0, {52, 52}, -4.7435302734375},
    {REF_TQ2_0, {64, 64}, 43.08661508560181},
};

START_TEST(dequantizers_agree_with_gguf_py)
{
    const enum ref_type type = random_blocks[_i].type;
    const size_t size = ref_block_bytes(type);
    const size_t n = 3 * ref_block_values(type);
    uint8_t blocks[3 * 256];
    double values[3 * 256];

    uint32_t state = 1;
    for (size_t i = 0; i < 3 * size; i++) {
        state = state * 1664525u + 1013904223u;
        blocks[i] = (uint8_t)(state >> 24);
    }
    for (size_t b = 0; b < 3; b++) {
        blocks[b * size + random_blocks[_i].half[0] + 1] &= 0xbf;
        blocks[b * size + random_blocks[_i].half[1] + 1] &= 0xbf;
    }
    ck_assert_int_eq(ref_dequantize(type, blocks, n, values), 0);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)(float)values[i] * (double)(i % 7 + 1);
    }
    ck_assert_double_eq(sum, random_blocks[_i].sum);
    ck_assert_int_eq(ref_dequantize(type, blocks, n - 1, values), -1);
}
END_TEST

/* ---- arithmetic ---------------------------------------------------------- */

START_TEST(arithmetic)
{
    double y[6];
    const double a[] = {1, 2, 3, 4, 5, 6};
    const double b[] = {1, 0, -1, 2, 2, 2};
    ref_matmul(y, a, b, 2, 2, 3);
    ck_assert_mem_eq(y, ((double[]){-2, 12, -2, 30}), 4 * sizeof *y);

    /* Mean 2, variance 2/3. */
    ref_layer_norm(y, a, (double[]){1, 1, 2}, (double[]){0, 5, 1}, 3, 0.0);
    ck_assert_double_eq_tol(y[0], -sqrt(1.5), 1e-15);
    ck_assert_double_eq_tol(y[1], 5.0, 1e-15);
    ck_assert_double_eq_tol(y[2], 2 * sqrt(1.5) + 1, 1e-15);

    /* By mpmath, 30 digits. */
    ck_assert_double_eq_tol(ref_gelu_new(1.0), 0.84119199060827670478, 1e-15);
    ck_assert_double_eq_tol(ref_gelu_new(-2.5), -0.015084266089998582079,
                            1e-15);
    ck_assert_double_eq(ref_gelu_new(0.0), 0.0);

    const double large[] = {1000.0, 1000.0 + log(3.0)};
    ref_softmax(y, large, 2);
    ck_assert_double_eq_tol(y[0], 0.25, 1e-13);
    ck_assert_double_eq_tol(ref_nll(large, 2, 0), log(4.0), 1e-12);
    ck_assert_double_eq_tol(ref_kl_divergence(large, a, 2),
                            0.25 * (log(0.25) + log1p(exp(1.0))) +
                                0.75 * (log(0.75) + log1p(exp(-1.0))),
                            1e-12);

    /* Pairs (0, 2) and (1, 3); 4 and 5 stay. theta^(-2/4) = 1/10. */
    double head[] = {1, 0, 0, 1, 7, 8};
    ref_rope_neox(head, 4, 100.0, 3);
    ck_assert_double_eq_tol(head[0], cos(3.0), 1e-15);
    ck_assert_double_eq_tol(head[2], sin(3.0), 1e-15);
    ck_assert_double_eq_tol(head[1], -sin(0.3), 1e-15);
    ck_assert_double_eq_tol(head[3], cos(0.3), 1e-15);
    ck_assert_mem_eq(head + 4, ((double[]){7, 8}), 2 * sizeof *head);
}
END_TEST

START_TEST(attention_is_causal_and_groups_heads)
{
    /* Two tokens, two query heads on one key and value head of one value.
     * Token 0 sees itself only; token 1 has scores ln 3 and 0. */
    const double q[] = {1, 1, log(3.0), 0};
    const double k[] = {1, 0};
    const double v[] = {4, 8};
    const struct ref_attention_shape shape = {2, 2, 1, 1};
    double scores[2];
    double out[4];
    ref_attention(out, q, k, v, &shape, scores);
    ck_assert_double_eq_tol(out[0], 4.0, 1e-14);
    ck_assert_double_eq_tol(out[1], 4.0, 1e-14);
    ck_assert_double_eq_tol(out[2], 0.75 * 4 + 0.25 * 8, 1e-14);
    ck_assert_double_eq_tol(out[3], 6.0, 1e-14);
}
END_TEST

/* ---- the whole model ----------------------------------------------------- */

#define LAYERS 4

static struct ref_phi_params params = {
    .n_vocab = 2048,
    .n_embd = 256,
    .n_ff = 1024,
    .n_layer = LAYERS,
    .n_head = 8,
    .n_head_kv = 8,
    .n_rot = 12, /* 0.4 * 32, cut */
    .rope_theta = 10000.0,
    .norm_eps = 1e-5,
};

static const struct {
    const char *name;
    size_t rows;
    size_t columns; /* 1 for a vector */
} parts[14] = {
    {"input_layernorm.weight", 256, 1},    {"input_layernorm.bias", 256, 1},
    {"self_attn.q_proj.weight", 256, 256}, {"self_attn.q_proj.bias", 256, 1},
    {"self_attn.k_proj.weight", 256, 256}, {"self_attn.k_proj.bias", 256, 1},
    {"self_attn.v_proj.weight", 256, 256}, {"self_attn.v_proj.bias", 256, 1},
    {"self_attn.dense.weight", 256, 256},  {"self_attn.dense.bias", 256, 1},
    {"mlp.fc1.weight", 1024, 256},         {"mlp.fc1.bias", 1024, 1},
    {"mlp.fc2.weight", 256, 1024},         {"mlp.fc2.bias", 256, 1},
};

static void fill_layer(struct ref_phi_layer *layer, int l)
{
    const double **const fields[14] = {
        &layer->norm_w,  &layer->norm_b,  &layer->q_w,   &layer->q_b,
        &layer->k_w,     &layer->k_b,     &layer->v_w,   &layer->v_b,
        &layer->dense_w, &layer->dense_b, &layer->fc1_w, &layer->fc1_b,
        &layer->fc2_w,   &layer->fc2_b,
    };
    for (size_t i = 0; i < 14; i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "model.layers.%d.%s", l,
                       parts[i].name);
        *fields[i] = sample_tensor(name, parts[i].rows * parts[i].columns);
    }
}

START_TEST(forward_agrees_with_transformers)
{
    static struct ref_phi_layer layers[LAYERS];
    sample_open();
    for (int l = 0; l < LAYERS; l++) {
        fill_layer(&layers[l], l);
    }
    const struct ref_phi_weights weights = {
        .embd = sample_tensor("model.embed_tokens.weight", 2048 * 256),
        .layers = layers,
        .norm_w = sample_tensor("model.final_layernorm.weight", 256),
        .norm_b = sample_tensor("model.final_layernorm.bias", 256),
        .head_w = sample_tensor("lm_head.weight", 2048 * 256),
        .head_b = sample_tensor("lm_head.bias", 2048),
    };

    size_t n_ids = 0;
    size_t n_logits = 0;
    struct tensors golden = tensors_open(GOLDEN "logits.safetensors");
    double *const ids = tensor_values(&golden, "tokens", &n_ids);
    double *const expected = tensor_values(&golden, "logits", &n_logits);
    ck_assert_uint_eq(n_ids, 64);
    ck_assert_uint_eq(n_logits, 64 * 2048);
    uint32_t tokens[64];
    for (size_t i = 0; i < 64; i++) {
        tokens[i] = (uint32_t)ids[i];
    }

    double *const logits = malloc(64 * 2048 * sizeof *logits);
    ck_assert_ptr_nonnull(logits);
    ck_assert_int_eq(ref_phi_forward(&params, &weights, tokens, 64, logits), 0);
    for (size_t i = 0; i < 64 * 2048; i++) {
        /* The golden values are float32 arithmetic. */
        ck_assert_double_eq_tol(logits[i], expected[i], 2e-5);
    }

    /* The window's sums are of the same predictions. */
    struct ref_ppl sums = {0, 0.0, 0.0};
    double nll = 0.0;
    for (size_t j = 32; j < 63; j++) {
        nll += ref_nll(logits + j * 2048, 2048, tokens[j + 1]);
    }
    ck_assert_int_eq(ref_phi_score_window(&params, &weights, tokens, 64, &sums),
                     0);
    ck_assert_uint_eq(sums.scored, 31);
    ck_assert_double_eq(sums.nll, nll);
    ck_assert_double_eq(ref_ppl_value(&sums), exp(nll / 31));

    tokens[5] = 2048;
    ck_assert_int_eq(ref_phi_forward(&params, &weights, tokens, 64, logits),
                     -1);
    free(logits);
    free(expected);
    free(ids);
    tensors_close(&golden);
    sample_close();
}
END_TEST

START_TEST(perplexity_error)
{
    /* -ln p of 1 and 3: mean 2, variance 1, over two. */
    const struct ref_ppl sums = {2, 4.0, 10.0};
    const struct ref_ppl one = {1, 4.0, 16.0};
    ck_assert_double_eq_tol(ref_ppl_value(&sums), exp(2.0), 1e-14);
    ck_assert_double_eq_tol(ref_ppl_error(&sums), exp(2.0), 1e-14);
    ck_assert_double_eq(ref_ppl_error(&one), 0.0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reference");
    TCase *t = tcase_create("reference");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, codes_survive, 0, 3);
    tcase_add_test(t, encoding_rounds_to_nearest_even);
    tcase_add_loop_test(t, eight_bit_values, 0, 10);
    tcase_add_loop_test(t, quantizers_write_the_known_bytes, 0,
                        sizeof k_proj_hashes / sizeof k_proj_hashes[0]);
    tcase_add_test(t, blocks_of_zeros);
    tcase_add_loop_test(t, dequantizers_agree_with_gguf_py, 0,
                        sizeof random_blocks / sizeof random_blocks[0]);
    tcase_add_test(t, arithmetic);
    tcase_add_test(t, attention_is_causal_and_groups_heads);
    tcase_add_test(t, forward_agrees_with_transformers);
    tcase_add_test(t, perplexity_error);
    suite_add_tcase(s, t);
    return unit_main(s);
}
