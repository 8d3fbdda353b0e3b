/* SPDX-License-Identifier: MIT */
/* A sink that compares: every byte that differs is noticed, and where. */
#include "libconv/convert/check_sink.h"
#include "tests/unit/memory_model.h"

enum { BIG = 20000 }; /* weights: more than is read at a time */

static float big[BIG];
static float small[4] = {1, 2, 3, 4};

/* What the sink is asked to write: "big" and "small". */
static struct phi_sink_tensor tensors[] = {
    {.name = "big",
     .dtype = PHI_F32,
     .rank = 2,
     .dim = {BIG / 4, 4},
     .nbytes = sizeof(big)},
    {.name = "small",
     .dtype = PHI_F32,
     .rank = 1,
     .dim = {4},
     .nbytes = sizeof(small)},
};

static void fill(struct memory_source *m)
{
    for (size_t i = 0; i < BIG; i++)
        big[i] = (float)i;
    memory_add(m, "small", PHI_F32, 0, 4, small);
    memory_add(m, "big", PHI_F32, BIG / 4, 4, big);
}

static void write_all(struct phi_sink *s, const void *b)
{
    ck_ok(phi_sink_write(s, 1, 0, small, sizeof(small), &err));
    /* In two pieces, the second first. */
    ck_ok(phi_sink_write(s, 0, 40000, (const uint8_t *)b + 40000,
                         sizeof(big) - 40000, &err));
    ck_ok(phi_sink_write(s, 0, 0, b, 40000, &err));
}

START_TEST(equal_bytes_are_the_same)
{
    struct memory_source m = {0};
    struct phi_check checks[2];
    struct phi_sink *s = NULL;

    fill(&m);
    ck_ok(phi_check_sink_open(&s, &m.base, tensors, 2, checks, &err));
    ck_assert_uint_eq(s->nbytes, sizeof(big) + sizeof(small));
    write_all(s, big);
    ck_ok(phi_sink_set_meta(s, &m.base.meta, &err));
    ck_refused(phi_sinks_commit(&s, 1, &err), PHI_E_ARG, "nothing to commit");
    phi_sink_close(s);
    ck_assert_int_eq(checks[0].verdict, PHI_CHECK_SAME);
    ck_assert_int_eq(checks[1].verdict, PHI_CHECK_SAME);
    m.base.ops->close(&m.base);
}
END_TEST

/* The first byte, the last, either side of where it reads anew. */
static const size_t places[] = {0, 1, 8191, 8192, 39999, 40000, 79999};

START_TEST(any_other_byte_is_noticed)
{
    struct memory_source m = {0};
    struct phi_check checks[2];
    struct phi_sink *s = NULL;
    uint8_t *copy = malloc(sizeof(big));

    fill(&m);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, big, sizeof(big));
    copy[places[_i]] ^= 0x10;
    ck_ok(phi_check_sink_open(&s, &m.base, tensors, 2, checks, &err));
    write_all(s, copy);
    phi_sink_close(s);
    ck_assert_int_eq(checks[0].verdict, PHI_CHECK_BYTES);
    ck_assert_uint_eq(checks[0].first, places[_i]);
    ck_assert_uint_eq(checks[0].count, 1);
    ck_assert_int_eq(checks[1].verdict, PHI_CHECK_SAME);
    m.base.ops->close(&m.base);
    free(copy);
}
END_TEST

START_TEST(the_first_of_several_is_said)
{
    struct memory_source m = {0};
    struct phi_check checks[2];
    struct phi_sink *s = NULL;
    uint8_t *copy = malloc(sizeof(big));

    fill(&m);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, big, sizeof(big));
    copy[70000] ^= 1;
    copy[123] ^= 1;
    copy[9000] ^= 1;
    ck_ok(phi_check_sink_open(&s, &m.base, tensors, 2, checks, &err));
    write_all(s, copy);
    phi_sink_close(s);
    ck_assert_uint_eq(checks[0].first, 123);
    ck_assert_uint_eq(checks[0].count, 3);
    m.base.ops->close(&m.base);
    free(copy);
}
END_TEST

START_TEST(other_shapes_and_strangers_are_not_compared)
{
    struct memory_source m = {0};
    struct phi_sink_tensor other[3] = {tensors[0], tensors[1], tensors[1]};
    struct phi_check checks[3];
    struct phi_sink *s = NULL;

    fill(&m);
    other[0].dim[0] = 4;
    other[0].dim[1] = BIG / 4;
    other[1].name = "stranger";
    other[2].dtype = PHI_F16;
    ck_ok(phi_check_sink_open(&s, &m.base, other, 3, checks, &err));
    ck_ok(phi_sink_write(s, 0, 0, small, sizeof(small), &err));
    ck_ok(phi_sink_write(s, 1, 0, big, sizeof(small), &err));
    ck_ok(phi_sink_write(s, 2, 0, big, sizeof(small), &err));
    phi_sink_close(s);
    ck_assert_int_eq(checks[0].verdict, PHI_CHECK_SHAPE);
    ck_assert_int_eq(checks[1].verdict, PHI_CHECK_MISSING);
    ck_assert_int_eq(checks[2].verdict, PHI_CHECK_SHAPE);
    m.base.ops->close(&m.base);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("check_sink");
    TCase *t = tcase_create("check_sink");

    tcase_add_test(t, equal_bytes_are_the_same);
    tcase_add_loop_test(t, any_other_byte_is_noticed, 0,
                        (int)(sizeof(places) / sizeof(places[0])));
    tcase_add_test(t, the_first_of_several_is_said);
    tcase_add_test(t, other_shapes_and_strangers_are_not_compared);
    suite_add_tcase(s, t);
    return unit_main(s);
}
