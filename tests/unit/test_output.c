/* SPDX-License-Identifier: MIT */
/* Files: reads are whole or errors, outputs are whole or not there. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/file.h"
#include "libconv/base/output.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/phiconv-output-XXXXXX";

static void enter(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
}

static size_t entries(void)
{
    DIR *d = opendir(".");
    size_t n = 0;

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n - 2;
}

static void leave(void)
{
    DIR *d = opendir(".");
    const struct dirent *e;

    while ((e = readdir(d)) != NULL) {
        if (unlink(e->d_name) != 0)
            rmdir(e->d_name);
    }
    closedir(d);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(dir);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
}

static void ck_holds(const char *path, const char *text)
{
    uint8_t *p = NULL;
    size_t n;

    ck_ok(phi_file_load(path, 1000, &p, &n, &err));
    ck_assert_str_eq((char *)p, text);
    ck_assert_uint_eq(n, strlen(text));
    free(p);
}

START_TEST(commit_makes_the_file)
{
    const struct phi_output_options opt = {.size = 8};
    struct phi_output *o = NULL;
    struct stat st;

    umask(027);
    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_write(o, "12345", 5, &err));
    ck_ok(phi_output_write(o, "678", 3, &err));
    ck_assert_uint_eq(phi_output_size(o), 8);
    ck_assert_int_eq(phi_path_kind("out"), PHI_PATH_NONE);
    ck_ok(phi_output_commit(o, &err));
    phi_output_close(o);
    ck_holds("out", "12345678");
    ck_assert_int_eq(stat("out", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0640);
    ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(without_commit_nothing_is_left)
{
    const struct phi_output_options opt = {.replace = true};
    struct phi_output *o = NULL;

    put("out", "old");
    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_write(o, "new", 3, &err));
    ck_assert_uint_eq(entries(), 2);
    phi_output_close(o);
    ck_holds("out", "old");
    ck_assert_uint_eq(entries(), 1);
    phi_output_close(NULL);
}
END_TEST

START_TEST(a_wrong_size_is_not_committed)
{
    const struct phi_output_options opt = {.size = 4};
    struct phi_output *o = NULL;

    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_write(o, "abc", 3, &err));
    ck_refused(phi_output_commit(o, &err), PHI_E_ARG,
               "3 bytes were written, 4 were promised");
    phi_output_close(o);
    ck_assert_uint_eq(entries(), 0);
}
END_TEST

START_TEST(replacing_must_be_asked_for)
{
    struct phi_output_options opt = {0};
    struct phi_output *o = NULL;

    put("out", "old");
    ck_refused(phi_output_open(&o, "out", &opt, &err), PHI_E_ARG,
               "out: exists already");
    ck_assert_ptr_null(o);
    opt.replace = true;
    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_write(o, "new", 3, &err));
    ck_ok(phi_output_commit(o, &err));
    phi_output_close(o);
    ck_holds("out", "new");
}
END_TEST

START_TEST(a_file_that_came_in_between_stays)
{
    const struct phi_output_options opt = {0};
    struct phi_output *o = NULL;

    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_write(o, "mine", 4, &err));
    put("out", "theirs");
    ck_refused(phi_output_commit(o, &err), PHI_E_IO, "out: cannot be put");
    phi_output_close(o);
    ck_holds("out", "theirs");
    ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(only_regular_files_are_targets)
{
    const struct phi_output_options opt = {.replace = true};
    struct phi_output *o = NULL;

    mkdir("folder", 0777);
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    ck_assert_int_eq(symlink("nowhere", "link"), 0);
    ck_refused(phi_output_open(&o, "folder", &opt, &err), PHI_E_ARG,
               "folder: is a folder");
    ck_refused(phi_output_open(&o, "fifo", &opt, &err), PHI_E_ARG,
               "fifo: is a special file");
    ck_refused(phi_output_open(&o, "link", &opt, &err), PHI_E_ARG,
               "link: is a symbolic link");
    ck_refused(phi_output_open(&o, "folder/", &opt, &err), PHI_E_ARG,
               "is no name");
    ck_refused(phi_output_open(&o, "none/out", &opt, &err), PHI_E_IO,
               "its folder cannot be opened: No such file");
    ck_assert_uint_eq(entries(), 3);
}
END_TEST

START_TEST(a_name_of_255_bytes_works)
{
    const struct phi_output_options opt = {0};
    struct phi_output *o = NULL;
    char name[256];

    memset(name, 'n', 255);
    name[255] = '\0';
    ck_ok(phi_output_open(&o, name, &opt, &err));
    ck_ok(phi_output_commit(o, &err));
    phi_output_close(o);
    ck_holds(name, "");
}
END_TEST

START_TEST(input_is_known_under_every_name)
{
    struct phi_file *f = NULL;

    put("in", "x");
    ck_assert_int_eq(link("in", "hard"), 0);
    ck_assert_int_eq(symlink("in", "soft"), 0);
    put("other", "x");
    ck_ok(phi_file_open(&f, "in", &err));
    ck_refused(phi_output_not_input("hard", phi_file_identity(f), &err),
               PHI_E_ARG, "same file");
    ck_refused(phi_output_not_input("./soft", phi_file_identity(f), &err),
               PHI_E_ARG, "same file");
    ck_ok(phi_output_not_input("other", phi_file_identity(f), &err));
    ck_ok(phi_output_not_input("none", phi_file_identity(f), &err));
    phi_file_close(f);
}
END_TEST

START_TEST(reads_are_whole_or_errors)
{
    struct phi_file *f = NULL;
    char b[8] = {0};

    put("in", "0123456789");
    ck_ok(phi_file_open(&f, "in", &err));
    ck_assert_uint_eq(phi_file_size(f), 10);
    ck_ok(phi_file_read(f, 7, b, 3, &err));
    ck_assert_str_eq(b, "789");
    ck_ok(phi_file_read(f, 10, b, 0, &err));
    ck_refused(phi_file_read(f, 8, b, 3, &err), PHI_E_FORMAT,
               "in: 3 bytes wanted at byte 8, but the file has 10");
    ck_refused(phi_file_read(f, UINT64_MAX, b, 3, &err), PHI_E_FORMAT, "in: ");
    ck_ok(phi_file_unchanged(f, &err));
    ck_assert_int_eq(truncate("in", 5), 0);
    ck_refused(phi_file_read(f, 4, b, 3, &err), PHI_E_IO, "became shorter");
    ck_refused(phi_file_unchanged(f, &err), PHI_E_IO, "changed while");
    phi_file_close(f);
    phi_file_close(NULL);
}
END_TEST

START_TEST(only_regular_files_are_opened)
{
    struct phi_file *f = NULL;
    uint8_t *p = NULL;
    size_t n;

    mkdir("folder", 0777);
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    put("in", "0123456789");
    ck_refused(phi_file_open(&f, "folder", &err), PHI_E_IO, "is a folder");
    ck_refused(phi_file_open(&f, "fifo", &err), PHI_E_IO, "special file");
    ck_refused(phi_file_open(&f, "none", &err), PHI_E_IO, "No such file");
    ck_refused(phi_file_load("in", 9, &p, &n, &err), PHI_E_FORMAT,
               "in: has 10 bytes, the limit is 9");
    ck_assert_ptr_null(f);
}
END_TEST

START_TEST(paths_are_joined)
{
    static const char *const rows[][3] = {{"a", "b", "a/b"},
                                          {"a/", "b", "a/b"},
                                          {"", "b", "b"},
                                          {"/", "b", "/b"}};

    for (size_t i = 0; i < 4; i++) {
        char *p = phi_path_join(rows[i][0], rows[i][1], NULL);

        ck_assert_str_eq(p, rows[i][2]);
        ck_assert_str_eq(phi_path_base(p), "b");
        free(p);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("output");
    TCase *t = tcase_create("output");

    tcase_add_checked_fixture(t, enter, leave);
    tcase_add_test(t, commit_makes_the_file);
    tcase_add_test(t, without_commit_nothing_is_left);
    tcase_add_test(t, a_wrong_size_is_not_committed);
    tcase_add_test(t, replacing_must_be_asked_for);
    tcase_add_test(t, a_file_that_came_in_between_stays);
    tcase_add_test(t, only_regular_files_are_targets);
    tcase_add_test(t, a_name_of_255_bytes_works);
    tcase_add_test(t, input_is_known_under_every_name);
    tcase_add_test(t, reads_are_whole_or_errors);
    tcase_add_test(t, only_regular_files_are_opened);
    tcase_add_test(t, paths_are_joined);
    suite_add_tcase(s, t);
    return unit_main(s);
}
