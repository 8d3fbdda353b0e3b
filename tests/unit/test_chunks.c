/* SPDX-License-Identifier: MIT */
/* The cutting of a model into chunks: every byte of every file, in order. */
#include "libconv/convert/chunks.h"
#include "tests/unit/unit.h"

enum { NFILES = 6, NTENSORS = 9 };

/* Files with a head, bytes between tensors and after the last, a file that
 * holds no tensor, and a tensor that another shares its bytes with. */
static const struct phi_source_file files[NFILES] = {
    {"a", 200000}, {"b", 1000}, {"none", 70000},
    {"c", 300},    {"d", 3000}, {"e", 500},
};

#define TENSOR(name, part, offset, rows, cols)                                 \
    {                                                                          \
        name, name, "f", part, offset, PHI_F16, 2, {rows, cols},               \
            2 * (rows) * (cols), 0                                             \
    }

static const struct phi_tensor tensors[NTENSORS] = {
    TENSOR("d.1", 4, 100, 100, 10),    TENSOR("a.2", 0, 150000, 10, 1000),
    TENSOR("a.1", 0, 70000, 200, 200), TENSOR("b.1", 1, 0, 10, 50),
    TENSOR("c.1", 3, 100, 2, 50),      TENSOR("c.tied", 3, 100, 2, 50),
    TENSOR("d.2", 4, 2100, 1, 400),    TENSOR("e.1", 5, 8, 3, 7),
    TENSOR("e.2", 5, 50, 10, 20)};

static const struct phi_source source = {
    .files = files, .nfiles = NFILES, .tensors = tensors, .ntensors = NTENSORS};

static struct phi_plan_step steps[NTENSORS];
static struct phi_sink_tensor planned[NTENSORS];
static const struct phi_plan plan = {
    .steps = steps, .tensors = planned, .n = NTENSORS};

/* The plan has the tensors backwards. */
static void setup(void)
{
    for (size_t i = 0; i < NTENSORS; i++) {
        const struct phi_tensor *t = &tensors[NTENSORS - 1 - i];

        steps[i].source = NTENSORS - 1 - i;
        planned[i].rank = t->rank;
        memcpy(planned[i].dim, t->dim, sizeof(t->dim));
    }
}

/* What a chunk of a tensor says of itself is so. */
static void check_tensor(const struct phi_chunk *c, uint64_t rows[NTENSORS],
                         size_t nbytes)
{
    const struct phi_tensor *t;
    uint64_t row;

    ck_assert_uint_lt(c->step, NTENSORS);
    t = &tensors[steps[c->step].source];
    row = t->nbytes / phi_tensor_rows(t);
    ck_assert_uint_eq(c->file, t->part);
    ck_assert_uint_eq(c->row, rows[c->step]);
    ck_assert_uint_gt(c->nrows, 0);
    ck_assert_uint_eq(c->nbytes, c->nrows * row);
    ck_assert(c->nbytes <= nbytes || c->nrows == 1);
    ck_assert_uint_eq(c->offset, t->offset + c->row * row);
    ck_assert_int_eq(c->again, strcmp(t->name, "c.1") == 0);
    rows[c->step] += c->nrows;
}

static void check(size_t nbytes, bool whole)
{
    struct phi_chunks chunks;
    uint64_t at[NFILES] = {0};
    uint64_t rows[NTENSORS] = {0};
    uint64_t total = 0;

    ck_ok(phi_chunks_make(&chunks, &source, &plan, nbytes, whole, &err));
    for (size_t i = 0; i < chunks.n; i++) {
        const struct phi_chunk *c = &chunks.v[i];

        ck_assert_uint_lt(c->file, NFILES);
        if (c->step == PHI_CHUNK_BETWEEN) {
            ck_assert(whole);
            ck_assert_uint_le(c->nbytes, PHI_CHUNK_BETWEEN_NBYTES);
        } else {
            check_tensor(c, rows, nbytes);
            total += c->nbytes;
        }
        if (c->again)
            continue;
        /* Files are read forwards, and wholly if that is asked for. */
        if (whole)
            ck_assert_uint_eq(c->offset, at[c->file]);
        else
            ck_assert_uint_ge(c->offset, at[c->file]);
        at[c->file] = c->offset + c->nbytes;
    }
    for (size_t i = 0; whole && i < NFILES; i++)
        ck_assert_uint_eq(at[i], files[i].nbytes);
    for (size_t i = 0; i < NTENSORS; i++)
        ck_assert_uint_eq(rows[i], phi_tensor_rows(&tensors[steps[i].source]));
    ck_assert_uint_eq(chunks.nbytes, total);
    phi_chunks_release(&chunks);
}

START_TEST(every_byte_once_and_in_order)
{
    static const size_t sizes[] = {1, 399, 400, 401, 5000, 1 << 20};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check(sizes[i], false);
        check(sizes[i], true);
    }
}
END_TEST

/* The first chunks come from four files; the next begins when one ends. */
START_TEST(files_are_read_side_by_side)
{
    static const size_t first[] = {0, 1, 2, 3, 0, 4, 2, 3, 0, 4, 5};
    struct phi_chunks chunks;

    ck_ok(phi_chunks_make(&chunks, &source, &plan, 2000, true, &err));
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        ck_assert_msg(chunks.v[i].file == first[i],
                      "chunk %zu is of file %zu, expected %zu", i,
                      chunks.v[i].file, first[i]);
    phi_chunks_release(&chunks);
}
END_TEST

/* All rows that the plan has, in order, and all bytes that the file has. */
static void resized(uint64_t want, size_t nbytes)
{
    const size_t step = NTENSORS - 1; /* d.1, of 100 rows of 20 bytes */
    struct phi_chunks chunks;
    uint64_t row = 0;
    uint64_t seen = 0;

    planned[step].dim[0] = want;
    ck_ok(phi_chunks_make(&chunks, &source, &plan, nbytes, true, &err));
    for (size_t i = 0; i < chunks.n; i++) {
        const struct phi_chunk *c = &chunks.v[i];

        if (c->step != step)
            continue;
        ck_assert_uint_eq(c->offset, 100 + seen);
        ck_assert(c->nrows == 0 || c->row == row);
        ck_assert_int_eq(c->again, c->nbytes == 0);
        ck_assert_uint_le(c->nrows, nbytes / 20);
        row += c->nrows;
        seen += c->nbytes;
    }
    ck_assert_uint_eq(row, want);
    ck_assert_uint_eq(seen, 2000);
    phi_chunks_release(&chunks);
}

START_TEST(a_tensor_may_get_other_rows)
{
    static const size_t sizes[] = {20, 60, 140, 2000, 4000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        resized(100, sizes[i]);
        resized(101, sizes[i]);
        resized(250, sizes[i]);
        resized(99, sizes[i]);
        resized(1, sizes[i]);
    }
}
END_TEST

START_TEST(nothing_makes_no_chunks)
{
    const struct phi_source empty = {.files = files};
    const struct phi_plan none = {.steps = steps};
    struct phi_chunks chunks;

    ck_ok(phi_chunks_make(&chunks, &empty, &none, 1, true, &err));
    ck_assert_uint_eq(chunks.n, 0);
    phi_chunks_release(&chunks);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("chunks");
    TCase *t = tcase_create("chunks");

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, every_byte_once_and_in_order);
    tcase_add_test(t, files_are_read_side_by_side);
    tcase_add_test(t, a_tensor_may_get_other_rows);
    tcase_add_test(t, nothing_makes_no_chunks);
    suite_add_tcase(s, t);
    return unit_main(s);
}
