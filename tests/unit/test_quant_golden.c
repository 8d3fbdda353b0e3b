/* SPDX-License-Identifier: MIT */
/*
 * Every matrix of the sample as every type of blocks, with and without its
 * importance matrix, against the hashes of llama-quantize's bytes: on all
 * levels of instructions that this machine runs.
 */
#include "formats/imatrix_read.h"
#include "formats/model.h"
#include "libconv/base/sha256.h"
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_kernels.h"
#include "libconv/quant/quant.h"
#include "tests/kernels/here.h"
#include "tests/unit/unit.h"

#define GOLDEN PHI_SOURCE_DIR "/tests/golden/"

/* The types of quantize-blocks.txt, and how many matrices the sample has. */
static const enum phi_dtype types[] = {
    PHI_Q8_0, PHI_Q5_1, PHI_Q5_0, PHI_Q4_1,   PHI_Q4_0,   PHI_Q2_K,  PHI_Q3_K,
    PHI_Q4_K, PHI_Q5_K, PHI_Q6_K, PHI_IQ4_NL, PHI_IQ4_XS, PHI_TQ1_0, PHI_TQ2_0,
};

enum { NTYPES = sizeof(types) / sizeof(types[0]), NMATRICES = 26 };

/* A tensor in f32. */
struct matrix {
    float *x; /* (nrows, ncols) */
    size_t nrows;
    size_t ncols;
};

static struct matrix matrix_read(const struct phi_source *s, const char *name)
{
    struct matrix m = {0};
    const struct phi_tensor *t;
    uint8_t *stored;
    size_t i = 0;

    ck_assert_msg(phi_source_find(s, name, &i), "no tensor %s", name);
    t = &s->tensors[i];
    m.nrows = (size_t)phi_tensor_rows(t);
    m.ncols = (size_t)phi_tensor_cols(t);
    stored = malloc((size_t)t->nbytes);
    m.x = malloc(m.nrows * m.ncols * sizeof(*m.x));
    ck_assert(stored != NULL && m.x != NULL);
    ck_ok(phi_source_read(s, i, 0, stored, (size_t)t->nbytes, &err));
    phi_quant_to_f32(t->dtype, stored, m.nrows * m.ncols, m.x);
    free(stored);
    return m;
}

static void check_hash(const uint8_t *bytes, size_t n, const char *want,
                       const char *what)
{
    struct phi_sha256 *sha = NULL;
    char hex[PHI_SHA256_HEX];

    ck_ok(phi_sha256_new(&sha, &err));
    ck_ok(phi_sha256_add(sha, bytes, n, &err));
    ck_ok(phi_sha256_hex(sha, hex, &err));
    phi_sha256_free(sha);
    ck_assert_msg(strcmp(hex, want) == 0, "%s: %s, expected %s", what, hex,
                  want);
}

/* One line of the golden file, on every level with a kernel of its own. */
static void check_matrix(const struct matrix *m, const char *name,
                         enum phi_dtype t, const float *importance,
                         const char *want)
{
    phi_quantize_fn last = NULL;
    const char *level;
    uint32_t features;
    uint64_t nbytes = 0;
    uint8_t *out;

    ck_assert(phi_dtype_nbytes(t, m->nrows * m->ncols, &nbytes));
    out = malloc((size_t)nbytes);
    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; level_next(&i, &level, &features); i++) {
        const phi_quantize_fn fn = phi_quantize_kernel(features, t);
        char what[160];

        ck_assert_msg(fn != NULL, "no kernel for %s", phi_dtype_info(t)->name);
        if (fn == last)
            continue;
        last = fn;
        memset(out, 0xa5, (size_t)nbytes);
        fn(out, m->x, m->nrows, m->ncols, importance);
        (void)snprintf(what, sizeof(what), "%s as %s%s, level %s", name,
                       phi_dtype_info(t)->name,
                       importance != NULL ? " with importance" : "", level);
        check_hash(out, (size_t)nbytes, want, what);
    }
    ck_assert(last != NULL);
    free(out);
}

START_TEST(bytes_are_llama_quantizes)
{
    struct phi_source *s = NULL;
    struct phi_imatrix imatrix;
    FILE *f = fopen(GOLDEN "quantize-blocks.txt", "r");
    char line[256];
    size_t n = 0;
    size_t nweighted = 0;

    ck_assert_ptr_nonnull(f);
    ck_ok(phi_model_open(&s, PHI_SAMPLE, &err));
    ck_ok(phi_imatrix_read(&imatrix, GOLDEN "imatrix.gguf", &err));
    while (fgets(line, sizeof(line), f) != NULL) {
        char name[64], type[16], plain[80], weighted[80];
        const struct phi_imatrix_entry *e;
        struct matrix m;
        enum phi_dtype t;

        if (line[0] == '#')
            continue;
        ck_assert_int_eq(
            sscanf(line, "%63s %15s %79s %79s", name, type, plain, weighted),
            4);
        ck_assert_msg(phi_dtype_from_name(type, &t), "type %s", type);
        if (t != types[_i])
            continue;
        m = matrix_read(s, name);
        n++;
        check_matrix(&m, name, t, NULL, plain);
        e = phi_imatrix_find(&imatrix, name);
        if (e == NULL) { /* then the file with the matrix has the same bytes */
            ck_assert(strcmp(weighted, plain) == 0 ||
                      strcmp(weighted, "-") == 0);
        } else if (strcmp(weighted, "-") != 0) {
            ck_assert_uint_eq(e->n, m.ncols);
            check_matrix(&m, name, t, e->importance, weighted);
            nweighted++;
        }
        free(m.x);
    }
    ck_assert_uint_eq(n, NMATRICES);
    ck_assert_uint_eq(nweighted, types[_i] == PHI_Q8_0 ? 0 : NMATRICES - 2);
    fclose(f);
    phi_imatrix_release(&imatrix);
    phi_source_close(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quant golden");
    TCase *t = tcase_create("quant golden");

    tcase_add_loop_test(t, bytes_are_llama_quantizes, 0, NTYPES);
    tcase_set_timeout(t, 600);
    suite_add_tcase(s, t);
    return unit_main(s);
}
