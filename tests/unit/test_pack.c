/* SPDX-License-Identifier: MIT */
/* The packed format: written in any order, read back, every damage noticed. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/pack_model.h"

#include <fcntl.h>
#include <unistd.h>

#include "formats/pack.h"
#include "formats/pack_verify.h"
#include "libconv/base/deflate.h"

/* ---- there and back ------------------------------------------------------ */

static void check_tensor(const struct pack_model *m, const struct phi_source *s,
                         size_t i, size_t piece)
{
    const struct phi_tensor *t = &s->tensors[i];
    const size_t n = (size_t)m->tensors[i].nbytes;
    uint8_t *back = malloc(n);
    size_t wrong = 0;

    ck_assert_ptr_nonnull(back);
    ck_assert_str_eq(t->name, m->tensors[i].name);
    ck_assert_uint_eq(t->nbytes, n);
    for (size_t at = 0; at < n; at += piece)
        ck_ok(phi_source_read(s, i, at, back + at,
                              n - at < piece ? n - at : piece, &err));
    ck_assert_mem_eq(back, m->bytes[i], n);
    if (phi_source_has_panels(s, i)) {
        ck_ok(phi_source_read_panels(s, i, 0, back, n, &err));
        for (size_t at = 0; at < n; at++)
            wrong +=
                back[pack_model_place(&m->tensors[i], t->panel_rows, at)] !=
                m->bytes[i][at];
        ck_assert_uint_eq(wrong, 0);
    }
    free(back);
}

static void check_file(const struct pack_model *m, size_t piece)
{
    static const uint32_t panels[PACK_TENSORS] = {0, 32, 0, 32, 16, 16};
    struct phi_pack_verify_options opt = {.nthreads = 3};
    struct phi_pack_verified v;
    struct phi_source *s = NULL;

    ck_ok(phi_pack_open(&s, path, &err));
    ck_assert_uint_eq(s->ntensors, m->n);
    for (size_t i = 0; i < m->n; i++) {
        ck_assert_uint_eq(s->tensors[i].panel_rows, panels[i]);
        check_tensor(m, s, i, piece);
    }
    ck_ok(phi_pack_verify(&v, s, &opt, &err));
    ck_assert_uint_eq(v.sections, 3);
    ck_assert_uint_eq(v.chunks, m->n == PACK_TENSORS ? 7 : 5);
    phi_pack_verified_release(&v);
    phi_source_close(s);
}

static void check_pieces(bool large, const struct phi_pack_options *opt,
                         size_t piece)
{
    struct pack_model m;

    pack_model_make(&m, large);
    pack_model_write(&m, path, piece, opt);
    check_file(&m, piece);
    ck_assert_int_eq(remove(path), 0);
    pack_model_release(&m);
}

START_TEST(in_pieces)
{
    const struct phi_pack_options opt = {0};

    check_pieces(false, &opt, 1);
    check_pieces(false, &opt, 7);
    check_pieces(false, &opt, 100000);
    check_pieces(true, &opt, 1201);
    check_pieces(true, &opt, 400000);
}
END_TEST

/*
 * Panel 52 has 256 bytes in the first chunk: some of its rows have none there.
 * Two writes that meet in it, in either order.
 */
START_TEST(cut_anywhere)
{
    enum { ROWS = 53 * 32, COLS = 768, AT = 52 * 32 };
    const struct phi_pack_options opt = {0};
    struct pack_model m;
    const struct phi_sink_tensor large = {
        "output.weight", PHI_Q6_K, 2, {ROWS, COLS}, ROWS * (COLS / 256) * 210};

    pack_model_make(&m, true);
    m.tensors[0] = large;
    m.n = 1;
    free(m.bytes[0]);
    m.bytes[0] = malloc(large.nbytes);
    ck_assert_ptr_nonnull(m.bytes[0]);
    for (size_t k = 0; k < large.nbytes; k++)
        m.bytes[0][k] = (uint8_t)(k * 2654435761u >> 13);
    for (size_t row = AT + 1; row < ROWS; row++) {
        const size_t cut = row * (large.nbytes / ROWS);

        for (int order = 0; order < 2; order++) {
            struct phi_source *s = NULL;
            struct phi_sink *sink = NULL;

            ck_ok(phi_pack_sink_open(&sink, path, &m.meta, m.tensors, 1, &opt,
                                     &err));
            for (int k = 0; k < 2; k++) {
                const size_t from = k == order ? 0 : cut;
                const size_t to = k == order ? cut : large.nbytes;

                ck_ok(phi_sink_write(sink, 0, from, m.bytes[0] + from,
                                     to - from, &err));
            }
            ck_ok(phi_sinks_commit(&sink, 1, &err));
            phi_sink_close(sink);
            ck_ok(phi_pack_open(&s, path, &err));
            check_tensor(&m, s, 0, 100000);
            phi_source_close(s);
            ck_assert_int_eq(remove(path), 0);
        }
    }
    m.n = PACK_TENSORS;
    pack_model_release(&m);
}
END_TEST

START_TEST(in_planes)
{
    const struct phi_pack_options opt = {.planes = true};

    check_pieces(false, &opt, 100);
    check_pieces(true, &opt, 50001);
}
END_TEST

/* Hashes are known late: the same file as if they had been known before. */
START_TEST(late_metadata)
{
    const struct phi_pack_options opt = {0};
    char *other = fixture_path(dir, "n.phipack");
    struct phi_sink *s = NULL;
    struct pack_model m;
    uint8_t *a, *b;
    size_t na, nb;

    pack_model_make(&m, false);
    ck_ok(phi_pack_sink_open(&s, other, &m.meta, m.tensors, m.n, &opt, &err));
    for (size_t i = 0; i < m.n; i++)
        ck_ok(phi_sink_write(s, i, 0, m.bytes[i], (size_t)m.tensors[i].nbytes,
                             &err));
    ck_ok(phi_meta_set_str(&m.meta, "phiconv.version", "a?z", 3, &err));
    ck_ok(phi_sink_set_meta(s, &m.meta, &err));
    ck_ok(phi_sinks_commit(&s, 1, &err));
    phi_sink_close(s);
    pack_model_write(&m, path, 64, &opt);
    ck_ok(phi_file_load(path, 1 << 20, &a, &na, &err));
    ck_ok(phi_file_load(other, 1 << 20, &b, &nb, &err));
    ck_assert_uint_eq(na, nb);
    ck_assert_mem_eq(a, b, na);
    free(a);
    free(b);
    free(other);
    pack_model_release(&m);
}
END_TEST

START_TEST(refused_writes)
{
    const struct phi_pack_options opt = {0};
    struct phi_sink *s = NULL;
    struct pack_model m;

    pack_model_make(&m, false);
    ck_ok(phi_pack_sink_open(&s, path, &m.meta, m.tensors, m.n, &opt, &err));
    ck_refused(phi_sink_write(s, 5, 0, m.bytes[0], 1, &err), PHI_E_ARG,
               "expected one of 5");
    ck_refused(phi_sink_write(s, 2, 100, m.bytes[0], 29, &err), PHI_E_ARG,
               "tensor \"output_norm.weight\": 29 bytes were written at 100");
    ck_ok(phi_meta_set_str(&m.meta, "phiconv.version", "0000", 4, &err));
    ck_refused(phi_sink_set_meta(s, &m.meta, &err), PHI_E_ARG,
               "the metadata changed");
    ck_ok(phi_sink_write(s, 2, 0, m.bytes[2], 128, &err));
    ck_refused(phi_sinks_commit(&s, 1, &err), PHI_E_ARG,
               "tensor \"token_embd.weight\": chunk 0 has not all bytes");
    phi_sink_close(s);
    ck_assert_int_eq(phi_path_kind(path), PHI_PATH_NONE);
    pack_model_release(&m);
}
END_TEST

/* ---- damage -------------------------------------------------------------- */

/* Opens and verifies; the message of what was found, "" if nothing. */
static void look(struct phi_err *err)
{
    const struct phi_pack_verify_options opt = {.nthreads = 1};
    struct phi_pack_verified v = {0};
    struct phi_source *s = NULL;

    *err = (struct phi_err){0};
    if (phi_pack_open(&s, path, err) != PHI_OK)
        return;
    phi_pack_verify(&v, s, &opt, err);
    phi_pack_verified_release(&v);
    phi_source_close(s);
}

static void put_byte(int fd, size_t at, uint8_t byte)
{
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
}

/* Every `step`-th byte changed by `flip` is found, and says where. */
static void flip_all(size_t step, unsigned flip)
{
    uint8_t *bytes;
    size_t n;
    int fd = open(path, O_WRONLY);
    struct phi_err found;

    ck_assert_int_ge(fd, 0);
    ck_ok(phi_file_load(path, 1 << 24, &bytes, &n, &err));
    look(&found);
    ck_assert_msg(found.status == PHI_OK, "%s", found.msg);
    for (size_t at = 0; at < n; at += step) {
        const uint8_t mask = (uint8_t)(flip != 0 ? flip : 1u << at % 8);

        put_byte(fd, at, bytes[at] ^ mask);
        look(&found);
        ck_assert_msg(found.status == PHI_E_FORMAT, "byte %zu: \"%s\"", at,
                      found.msg);
        ck_assert_msg(strncmp(found.msg, path, strlen(path)) == 0 &&
                          (at < 8 || strstr(found.msg, "header") != NULL ||
                           strstr(found.msg, "section") != NULL ||
                           strstr(found.msg, "tensor \"") != NULL),
                      "byte %zu: \"%s\"", at, found.msg);
        put_byte(fd, at, bytes[at]);
    }
    look(&found);
    ck_assert_msg(found.status == PHI_OK, "%s", found.msg);
    close(fd);
    free(bytes);
}

START_TEST(every_byte)
{
    const struct phi_pack_options opt = {0};
    struct pack_model m;

    pack_model_make(&m, false);
    pack_model_write(&m, path, 100, &opt);
    flip_all(1, 0);
    flip_all(1, 0xff);
    pack_model_release(&m);
}
END_TEST

START_TEST(bytes_of_planes)
{
    const struct phi_pack_options opt = {.planes = true};
    struct pack_model m;

    pack_model_make(&m, true);
    pack_model_write(&m, path, 100000, &opt);
    flip_all(9973, 0x10);
    pack_model_release(&m);
}
END_TEST

START_TEST(every_length)
{
    static const uint8_t more[5000];
    const struct phi_pack_options opt = {0};
    struct pack_model m;
    struct phi_err found;
    uint8_t *bytes;
    size_t n;

    pack_model_make(&m, false);
    pack_model_write(&m, path, 100, &opt);
    ck_ok(phi_file_load(path, 1 << 20, &bytes, &n, &err));
    for (size_t k = n; k-- > 0;) {
        ck_assert_int_eq(truncate(path, (off_t)k), 0);
        look(&found);
        ck_assert_msg(found.status == PHI_E_FORMAT, "%zu bytes: \"%s\"", k,
                      found.msg);
    }
    for (size_t k = 1; k < sizeof(more); k += 1237) {
        fixture_write(dir, "m.phipack", bytes, n);
        ck_assert_int_eq(truncate(path, (off_t)(n + k)), 0);
        look(&found);
        ck_assert_msg(found.status == PHI_E_FORMAT &&
                          strstr(found.msg, "by its header") != NULL,
                      "%zu more: \"%s\"", k, found.msg);
    }
    free(bytes);
    pack_model_release(&m);
}
END_TEST

/* A chunk is looked at before its first byte is used, and by itself. */
START_TEST(first_touch)
{
    const struct phi_pack_options opt = {0};
    const struct phi_pack *pack;
    struct pack_model m;
    struct phi_source *s = NULL;
    uint8_t byte;
    int fd;

    pack_model_make(&m, true);
    pack_model_write(&m, path, 100000, &opt);
    fd = open(path, O_WRONLY);
    ck_ok(phi_pack_open(&s, path, &err));
    pack = phi_pack_of(s);
    /* The last byte of the second chunk of the large tensor. */
    put_byte(fd,
             (size_t)(pack->tensors[PACK_LARGE].offset +
                      m.tensors[PACK_LARGE].nbytes - 1),
             (uint8_t)~m.bytes[PACK_LARGE][m.tensors[PACK_LARGE].nbytes - 1]);
    ck_ok(phi_source_read_panels(s, PACK_LARGE, 0, &byte, 1, &err));
    ck_refused(phi_source_read_panels(s, PACK_LARGE, 1 << 20, &byte, 1, &err),
               PHI_E_FORMAT,
               "tensor \"blk.0.ffn_down.weight\": chunk 1 of 2 is damaged");
    ck_refused(phi_source_read(s, PACK_LARGE, m.tensors[PACK_LARGE].nbytes - 1,
                               &byte, 1, &err),
               PHI_E_FORMAT, "chunk 1 of 2 is damaged");
    ck_ok(phi_source_read(s, 1, 0, &byte, 1, &err));
    close(fd);
    phi_source_close(s);
    pack_model_release(&m);
}
END_TEST

/* ---- planes -------------------------------------------------------------- */

START_TEST(bounded)
{
    static const uint8_t zeros[5000];
    uint8_t back[5000];
    struct phi_buf b = {0};
    size_t made;

    ck_ok(phi_deflate(&b, zeros, 5000, 100, 200, NULL, &err));
    ck_ok(phi_inflate(back, 5000, b.p, b.n, &err));
    ck_assert_mem_eq(back, zeros, 5000);
    ck_refused(phi_inflate(back, 4999, b.p, b.n, &err), PHI_E_FORMAT,
               "inflates to more than the 4999 bytes");
    ck_refused(phi_inflate(back, 5000, b.p, b.n - 1, &err), PHI_E_FORMAT,
               "is no whole zlib stream");
    phi_buf_u8(&b, 0);
    ck_refused(phi_inflate(back, 5000, b.p, b.n, &err), PHI_E_FORMAT,
               "ends after");
    b.p[0] ^= 1;
    ck_refused(phi_inflate(back, 5000, b.p, b.n, &err), PHI_E_FORMAT,
               "is no whole zlib stream");
    ck_ok(phi_deflate_even(back, 5000, &made, zeros, 5000, &err));
    ck_assert_uint_gt(made, 0);
    ck_ok(phi_deflate_even(back, 5, &made, zeros, 5000, &err));
    ck_assert_uint_eq(made, 0);
    phi_buf_release(&b);
}
END_TEST

static bool stop_later(void *ctx, uint64_t done, uint64_t total,
                       const char *note)
{
    size_t *left = ctx;

    (void)done;
    (void)total;
    (void)note;
    return (*left)-- > 0;
}

/* A large file is deflated for seconds: it can be stopped in the middle. */
START_TEST(stopped)
{
    static uint8_t noise[1 << 20];
    struct phi_tally tally;
    size_t left = 3;
    const struct phi_monitor monitor = {stop_later, &left};
    struct phi_buf b = {0};
    struct phi_err other = {0};
    uint32_t seed = 1;

    for (size_t i = 0; i < sizeof(noise); i++) {
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (uint8_t)(seed >> 24);
    }
    ck_ok(phi_tally_init(&tally, &monitor, 0, &err));
    ck_refused(phi_deflate(&b, noise, sizeof(noise), 0, 0, &tally, &err),
               PHI_E_CANCELLED, "interrupted");
    ck_assert_uint_lt(b.n, sizeof(noise) / 2);
    phi_buf_release(&b);
    phi_tally_release(&tally);
    /* An error of somebody else is none of this. */
    ck_ok(phi_tally_init(&tally, NULL, 0, &err));
    phi_fail(&other, PHI_E_IO, "other");
    phi_tally_fail(&tally, 0, &other);
    ck_ok(phi_deflate(&b, noise, sizeof(noise), 0, 0, &tally, &err));
    phi_buf_release(&b);
    phi_tally_release(&tally);
}
END_TEST

struct late {
    bool stop;
    size_t asked; /* since stop */
};

static bool stop_at_end(void *ctx, uint64_t done, uint64_t total,
                        const char *note)
{
    struct late *l = ctx;

    (void)done;
    (void)total;
    (void)note;
    l->asked += l->stop;
    return !l->stop;
}

/* With planes all of the file is copied at the end; nobody was asked then. */
START_TEST(stopped_at_the_end)
{
    struct late late = {.stop = false};
    const struct phi_monitor monitor = {stop_at_end, &late};
    const struct phi_pack_options opt = {.planes = true, .monitor = &monitor};
    struct pack_model m;
    struct phi_sink *s = NULL;

    pack_model_make(&m, true);
    ck_ok(phi_pack_sink_open(&s, path, &m.meta, m.tensors, m.n, &opt, &err));
    for (size_t i = 0; i < m.n; i++)
        ck_ok(phi_sink_write(s, i, 0, m.bytes[i], (size_t)m.tensors[i].nbytes,
                             &err));
    late.stop = true;
    ck_refused(phi_sinks_commit(&s, 1, &err), PHI_E_CANCELLED, "interrupted");
    ck_assert_uint_eq(late.asked, 1);
    phi_sink_close(s);
    ck_assert_uint_eq(fixture_entries(dir), 0);
    pack_model_release(&m);
}
END_TEST

/* ---- files of version 1 -------------------------------------------------- */

START_TEST(golden)
{
    static const struct {
        const char *name;
        const char *root;
        size_t nfiles;
    } files[] = {
#include "tests/golden/pack/roots.h"
    };
    const struct phi_pack_verify_options opt = {.nthreads = 2};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char *at =
            fixture_path(PHI_SOURCE_DIR "/tests/golden/pack", files[i].name);
        struct phi_hf_side_files side = {0};
        struct phi_pack_verified v = {0};
        struct phi_source *s = NULL;
        char root[PHI_SHA256_HEX];

        ck_ok(phi_pack_open(&s, at, &err));
        ck_ok(phi_pack_verify(&v, s, &opt, &err));
        phi_sha256_text(root, phi_pack_of(s)->front.root);
        ck_assert_str_eq(root, files[i].root);
        ck_ok(phi_pack_side_files(&side, s, &err));
        ck_assert_uint_eq(side.n, files[i].nfiles);
        for (size_t k = 0; k < side.n; k++) {
            uint8_t *bytes = NULL;
            size_t nbytes;

            /* Held is only what is read on the way. */
            ck_assert_int_eq(side.v[k].bytes != NULL,
                             strcmp(side.v[k].name, "config.json") == 0);
            if (side.v[k].bytes == NULL)
                ck_ok(phi_hf_side_item_load(&side.v[k], 0, &bytes, &nbytes,
                                            &err));
            free(bytes);
        }
        phi_hf_side_files_release(&side);
        phi_pack_verified_release(&v);
        phi_source_close(s);
        free(at);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pack");
    TCase *t = tcase_create("pack");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, in_pieces);
    tcase_add_test(t, cut_anywhere);
    tcase_add_test(t, in_planes);
    tcase_add_test(t, late_metadata);
    tcase_add_test(t, refused_writes);
    tcase_add_test(t, every_byte);
    tcase_add_test(t, bytes_of_planes);
    tcase_add_test(t, every_length);
    tcase_add_test(t, first_touch);
    tcase_add_test(t, bounded);
    tcase_add_test(t, stopped);
    tcase_add_test(t, stopped_at_the_end);
    tcase_add_test(t, golden);
    suite_add_tcase(s, t);
    return unit_main(s);
}
