/* SPDX-License-Identifier: MIT */
/* libphiconv: what it makes of an output, beside and instead of it. */
#define _POSIX_C_SOURCE 200809L
#include "formats/api/phiconv.h"
#include "formats/gguf_copy.h"
#include "formats/gguf_sink.h"
#include "formats/model.h"
#include "formats/pack_sink.h"
#include "libconv/base/output.h"
#include "tests/unit/api_checks.h"
#include "tests/unit/fixture.h"
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
}

/* The tensors of a source, as they are, into a sink that has them from the
 * last to the first, or in order. */
static void carry(struct phi_source *s, struct phi_sink *to, bool back)
{
    for (size_t i = 0; i < s->ntensors; i++) {
        const size_t n = (size_t)s->tensors[i].nbytes;
        uint8_t *bytes = malloc(n);

        ck_assert_ptr_nonnull(bytes);
        ck_ok(phi_source_read(s, i, 0, bytes, n, &err));
        ck_ok(phi_sink_write(to, back ? s->ntensors - 1 - i : i, 0, bytes, n,
                             &err));
        free(bytes);
    }
    ck_ok(phi_sinks_commit(&to, 1, &err));
    phi_sink_close(to);
    phi_source_close(s);
}

static struct phi_sink_tensor *listed(const struct phi_source *s, bool back)
{
    struct phi_sink_tensor *list = calloc(s->ntensors, sizeof(*list));

    ck_assert_ptr_nonnull(list);
    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t =
            &s->tensors[back ? s->ntensors - 1 - i : i];

        list[i] = (struct phi_sink_tensor){
            .name = t->name, .dtype = t->dtype, .rank = t->rank};
        memcpy(list[i].dim, t->dim, sizeof(list[i].dim));
        list[i].nbytes = t->nbytes;
    }
    return list;
}

/* A GGUF file whose tensors are in another order than plans have, packed. */
static void pack(const char *from, const char *gguf, const char *packed)
{
    const struct phi_gguf_options plain = {.replace = false};
    struct phi_pack_options opt = {.nthreads = 1};
    struct phi_gguf_copy copy = {0};
    struct phi_sink_tensor *list;
    struct phi_source *s = NULL;
    struct phi_sink *to = NULL;
    size_t *map;

    ck_ok(phi_model_open(&s, from, &err));
    list = listed(s, true);
    ck_ok(phi_gguf_sink_open(&to, gguf, &s->meta, list, s->ntensors, &plain,
                             &err));
    carry(s, to, true);
    free(list);
    ck_ok(phi_model_open(&s, gguf, &err));
    list = listed(s, false);
    map = phi_alloc(s->ntensors, sizeof(*map), NULL);
    ck_assert_ptr_nonnull(map);
    for (size_t i = 0; i < s->ntensors; i++)
        map[i] = i;
    ck_ok(phi_gguf_copy_make(&copy, s, true, list, map, s->ntensors, &err));
    opt.head = copy.head;
    opt.head_nbytes = copy.head_nbytes;
    opt.gguf_nbytes = copy.gguf_nbytes;
    ck_ok(phi_pack_sink_open(&to, packed, &s->meta, list, s->ntensors, &opt,
                             &err));
    carry(s, to, false);
    phi_gguf_copy_release(&copy);
    free(list);
}

/* A copy of a packed file was planned like any other file: with another
 * provenance and in another order than the GGUF file that it stands for. */
START_TEST(test_copy)
{
    struct phiconv_model *m = NULL;
    struct phiconv_error e = {0};
    char *made = fixture_path(dir, "made.gguf");
    char *gguf = fixture_path(dir, "a.gguf");
    char *packed = fixture_path(dir, "a.phipack");
    char *path = fixture_path(dir, "b.gguf");
    char *want, *got;
    size_t nwant, ngot;

    api_ok(phiconv_open(&m, PHI_SAMPLE, &e));
    api_ok(phiconv_quantize(m, "q4_k_m", made, NULL, &e));
    phiconv_close(m);
    pack(made, gguf, packed);
    api_ok(phiconv_open(&m, packed, &e));
    ck_assert_str_eq(phiconv_format(m), "phipack");
    api_ok(phiconv_quantize(m, "copy", path, NULL, &e));
    phiconv_close(m);
    want = fixture_load(dir, "a.gguf", &nwant);
    got = fixture_load(dir, "b.gguf", &ngot);
    ck_assert_uint_eq(ngot, nwant);
    ck_assert_mem_eq(got, want, nwant);
    free(want);
    free(got);
    free(made);
    free(gguf);
    free(packed);
    free(path);
}
END_TEST

/* What a host that was killed had left stayed for good, as large as a model. */
START_TEST(test_leftovers)
{
    const struct phi_output_options opt = {.size = 3};
    struct phiconv_model *m = NULL;
    struct phiconv_error e = {0};
    char *path = fixture_path(dir, "a.gguf");
    const pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct phi_output *o = NULL;

        _exit(phi_output_open(&o, path, &opt, NULL) != PHI_OK);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(fixture_entries(dir), 1);
    api_ok(phiconv_open(&m, PHI_SAMPLE, &e));
    api_ok(phiconv_quantize(m, "q4_0", path, NULL, &e));
    phiconv_close(m);
    ck_assert_uint_eq(fixture_entries(dir), 1);
    ck_assert_int_eq(phi_path_kind(path), PHI_PATH_FILE);
    free(path);
}
END_TEST

/* A limit of file sizes ended the process that the library was in: SIGXFSZ. */
START_TEST(test_limit)
{
    struct phiconv_model *m = NULL;
    struct phiconv_error e = {0};
    char *path = fixture_path(dir, "a.gguf");
    const pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        const struct rlimit limit = {1 << 20, 1 << 20};

        if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
            phiconv_open(&m, PHI_SAMPLE, &e) != PHICONV_OK)
            _exit(1);
        _exit(phiconv_quantize(m, "f16", path, NULL, &e) != PHICONV_SYSTEM ||
              e.system != EFBIG || strstr(e.message, "reserved") == NULL);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(fixture_entries(dir), 0);
    free(path);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("api_outputs");
    TCase *tc = tcase_create("api_outputs");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_copy);
    tcase_add_test(tc, test_leftovers);
    tcase_add_test(tc, test_limit);
    suite_add_tcase(s, tc);
    return unit_main(s);
}
