/* SPDX-License-Identifier: MIT */
/*
 * The K types with importance and without, every level of instructions that
 * this machine runs: against known bytes.
 */
#include "libconv/base/sha256.h"
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_kernels.h"
#include "tests/unit/unit.h"

/* What each level makes of x (1, 256) hashes to `want`. */
static void check_hash(enum phi_dtype t, const float *x,
                       const float *importance, const char *want)
{
    for (size_t i = 0; phi_cpu_level_name(i) != NULL; i++) {
        char hex[PHI_SHA256_HEX];
        struct phi_sha256 *sha = NULL;
        uint8_t block[210];
        uint32_t features = 0;
        uint64_t n = 0;

        if (!phi_cpu_level(phi_cpu_level_name(i), &features) ||
            (features & ~phi_cpu_detect()) != 0)
            continue;
        phi_quantize_kernel(features, t)(block, x, 1, 256, importance);
        ck_ok(phi_sha256_new(&sha, &err));
        ck_assert(phi_dtype_nbytes(t, 256, &n));
        ck_ok(phi_sha256_add(sha, block, n, &err));
        ck_ok(phi_sha256_hex(sha, hex, &err));
        phi_sha256_free(sha);
        ck_assert_msg(strcmp(hex, want) == 0, "%s, level %s: %s",
                      phi_dtype_info(t)->name, phi_cpu_level_name(i), hex);
    }
}

/*
 * One column of a sub-block counts, and the line through it falls: the level
 * of this scale wraps past 63. Hashes are of ggml_quantize_chunk()'s bytes.
 */
static void fill_falling(float *x, float *w, float step, float top, float odd)
{
    for (int i = 0; i < 256; i++) {
        x[i] = i / 32 == 1 ? 0 : (float)(i % 32 - 8) * step;
        w[i] = i / 32 == 1 ? 0 : 1;
    }
    x[32] = -8;
    x[33] = top;
    x[34] = odd;
    w[34] = 1;
}

START_TEST(a_falling_line_wraps)
{
    float x[256];
    float w[256];

    fill_falling(x, w, 1.0f / 32, 3, -2.5f);
    check_hash(
        PHI_Q4_K, x, w,
        "56550835adc73f780cfacddab5f1df13d75b6d9871840d0fad4ae512c5e1d274");
    fill_falling(x, w, 1.0f / 256, 8, -1.5f);
    check_hash(
        PHI_Q5_K, x, w,
        "8391683293882df084304ed51f99fe0233d647d57ae1e12728a7f28d48ef4da5");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quant k");
    TCase *t = tcase_create("quant k");

    tcase_add_test(t, a_falling_line_wraps);
    tcase_set_timeout(t, 300);
    suite_add_tcase(s, t);
    return unit_main(s);
}
