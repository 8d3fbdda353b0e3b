/* SPDX-License-Identifier: MIT */
/* Folders of outputs: there as a whole, or not at all. */
#define _POSIX_C_SOURCE 200809L
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/folder.h"
#include "libconv/base/output_folder.h"
#include "tests/unit/fixture.h"

static char *dir; /* the working directory of each test */

static void enter(void)
{
    dir = fixture_folder();
    ck_assert_int_eq(chdir(dir), 0);
}

/* Removes all that is in the folder. */
static void empty(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *e;

    ck_assert_ptr_nonnull(d);
    while ((e = readdir(d)) != NULL) {
        char *sub;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            unlinkat(dirfd(d), e->d_name, 0) == 0)
            continue;
        sub = fixture_path(path, e->d_name);
        empty(sub);
        ck_assert_int_eq(rmdir(sub), 0);
        free(sub);
    }
    closedir(d);
}

static void leave(void)
{
    empty(".");
    ck_assert_int_eq(chdir(".."), 0);
    ck_assert_int_eq(rmdir(dir), 0);
    free(dir);
}

static void ck_holds(const char *folder, const char *name, const char *text)
{
    size_t n;
    char *got = fixture_load(folder, name, &n);

    ck_assert_str_eq(got, text);
    free(got);
}

/* A folder with "config" and "data", as one that is replaced or stays. */
static void make_old(void)
{
    ck_assert_int_eq(mkdir("out", 0777), 0);
    fixture_text("out", "config", "old");
    fixture_text("out", "more", "old");
}

static struct phi_output_folder *begun(bool replace)
{
    const struct phi_output_folder_options opt = {replace, "config"};
    struct phi_output_folder *f = NULL;
    struct phi_output *a = NULL, *b = NULL;

    ck_ok(phi_output_folder_open(&f, "out/", &opt, &err));
    ck_ok(phi_output_folder_file(&a, f, "config", 3, &err));
    ck_ok(phi_output_folder_file(&b, f, "data", 0, &err));
    ck_ok(phi_output_write(b, "12345", 5, &err));
    ck_ok(phi_output_sync(b, &err)); /* one may be ended early */
    ck_ok(phi_output_put(a, 1, "ew", 2, &err));
    ck_ok(phi_output_put(a, 0, "n", 1, &err));
    return f;
}

static void ck_new(void)
{
    ck_assert_uint_eq(fixture_entries("."), 1);
    ck_assert_uint_eq(fixture_entries("out"), 2);
    ck_holds("out", "config", "new");
    ck_holds("out", "data", "12345");
}

static void ck_old(void)
{
    ck_assert_uint_eq(fixture_entries("."), 1);
    ck_assert_uint_eq(fixture_entries("out"), 2);
    ck_holds("out", "config", "old");
    ck_holds("out", "more", "old");
}

START_TEST(a_folder_appears_whole)
{
    struct phi_output_folder *f;
    struct stat s;

    umask(027);
    f = begun(false);
    ck_assert_uint_eq(fixture_entries("."), 1);
    ck_assert_int_ne(stat("out", &s), 0);
    ck_refused(phi_output_folder_publish(f, &err), PHI_E_ARG,
               "out: is not synced yet");
    ck_ok(phi_output_folder_sync(f, &err));
    ck_assert_int_ne(stat("out", &s), 0);
    ck_ok(phi_output_folder_publish(f, &err));
    ck_ok(phi_output_folder_settle(f, &err));
    phi_output_folder_close(f);
    ck_new();
    ck_assert_int_eq(stat("out", &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0750);
    ck_assert_int_eq(stat("out/config", &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0640);
}
END_TEST

START_TEST(without_publish_nothing_is_left)
{
    struct phi_output_folder *f = begun(false);

    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 0);
    f = begun(false);
    ck_ok(phi_output_folder_sync(f, &err));
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 0);
    phi_output_folder_close(NULL);
}
END_TEST

START_TEST(a_missing_byte_ends_it)
{
    struct phi_output_folder *f = begun(false);
    struct phi_output *o = NULL;

    ck_ok(phi_output_folder_file(&o, f, "short", 4, &err));
    ck_ok(phi_output_write(o, "abc", 3, &err));
    ck_refused(phi_output_folder_sync(f, &err), PHI_E_ARG,
               "out/short: 3 bytes were written, 4 were promised");
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 0);
}
END_TEST

START_TEST(replacing_swaps_folders)
{
    struct phi_output_folder *f;

    make_old();
    f = begun(true);
    ck_ok(phi_output_folder_sync(f, &err));
    ck_assert_uint_eq(fixture_entries("."), 2);
    ck_holds("out", "config", "old");
    ck_ok(phi_output_folder_publish(f, &err));
    ck_holds("out", "config", "new");
    ck_ok(phi_output_folder_settle(f, &err));
    ck_new();
    phi_output_folder_close(f);
    ck_new();
    /* Closed between the two: the old folder goes all the same. */
    f = begun(true);
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    phi_output_folder_close(f);
    ck_new();
}
END_TEST

START_TEST(what_was_published_can_be_taken_back)
{
    struct phi_output_folder *f = begun(false);

    phi_output_folder_retract(f); /* never published */
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    ck_new();
    phi_output_folder_retract(f);
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 0);
    make_old();
    f = begun(true);
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    phi_output_folder_retract(f);
    ck_holds("out", "config", "old");
    phi_output_folder_close(f);
    ck_old();
}
END_TEST

START_TEST(an_empty_folder_is_replaced)
{
    struct phi_output_folder *f;

    ck_assert_int_eq(mkdir("out", 0777), 0);
    f = begun(true);
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    ck_ok(phi_output_folder_settle(f, &err));
    phi_output_folder_close(f);
    ck_new();
}
END_TEST

START_TEST(a_folder_that_came_in_between_stays)
{
    struct phi_output_folder *f = begun(false);

    ck_assert_int_eq(mkdir("out", 0777), 0);
    ck_ok(phi_output_folder_sync(f, &err));
    ck_refused(phi_output_folder_publish(f, &err), PHI_E_IO,
               "out: cannot be put in place: File exists");
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 1);
    ck_assert_uint_eq(fixture_entries("out"), 0);
}
END_TEST

/* Nothing but a folder of files with the marker is ever removed. */
START_TEST(only_models_are_replaced)
{
    struct phi_output_folder_options opt = {false, "config"};
    struct phi_output_folder *f = NULL;

    make_old();
    ck_refused(phi_output_folder_open(&f, "out", &opt, &err), PHI_E_ARG,
               "out: exists already");
    opt.replace = true;
    ck_assert_int_eq(mkdir("out/sub", 0777), 0);
    ck_refused(phi_output_folder_open(&f, "out", &opt, &err), PHI_E_ARG,
               "out: holds the folder \"sub\", expected files only");
    ck_assert_int_eq(rmdir("out/sub"), 0);
    ck_assert_int_eq(unlink("out/config"), 0);
    ck_refused(phi_output_folder_open(&f, "out", &opt, &err), PHI_E_ARG,
               "out: holds files, but no config, expected a model");
    fixture_text(".", "file", "x");
    ck_refused(phi_output_folder_open(&f, "file", &opt, &err), PHI_E_ARG,
               "file: is a file, expected a folder or nothing");
    ck_assert_int_eq(symlink("out", "link"), 0);
    ck_refused(phi_output_folder_open(&f, "link", &opt, &err), PHI_E_ARG,
               "link: is a symbolic link");
    ck_refused(phi_output_folder_open(&f, "link/", &opt, &err), PHI_E_ARG,
               "link: is a symbolic link");
    ck_refused(phi_output_folder_open(&f, ".", &opt, &err), PHI_E_ARG,
               "is no name");
    ck_refused(phi_output_folder_open(&f, "out/..", &opt, &err), PHI_E_ARG,
               "is no name");
    ck_refused(phi_output_folder_open(&f, "/", &opt, &err), PHI_E_ARG,
               "is no name");
    ck_refused(phi_output_folder_open(&f, "none/out", &opt, &err), PHI_E_IO,
               "none/out: its folder cannot be opened: No such file");
    ck_refused(phi_output_folder_open(&f, "file/out", &opt, &err), PHI_E_IO,
               "file/out: its folder cannot be opened: Not a directory");
    ck_assert_ptr_null(f);
    ck_assert_uint_eq(fixture_entries("."), 3);
    ck_holds("out", "more", "old");
}
END_TEST

START_TEST(links_in_what_is_replaced_are_not_followed)
{
    struct phi_output_folder *f;

    make_old();
    ck_assert_int_eq(mkdir("other", 0777), 0);
    fixture_text("other", "precious", "x");
    ck_assert_int_eq(symlink("../other", "out/folder"), 0);
    ck_assert_int_eq(symlink("../other/precious", "out/file"), 0);
    f = begun(true);
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    ck_ok(phi_output_folder_settle(f, &err));
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 2);
    ck_holds("other", "precious", "x");
}
END_TEST

START_TEST(what_cannot_be_removed_is_named)
{
    struct phi_output_folder *f;
    char *temp;
    char *late;

    make_old();
    f = begun(true);
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    temp = phi_output_folder_temp(f, NULL);
    late = fixture_path(temp, "late");
    ck_assert_int_eq(mkdir(late, 0777), 0);
    ck_refused(phi_output_folder_settle(f, &err), PHI_E_IO,
               "out: is complete and in place, but what it replaces cannot be "
               "removed; it is .out.");
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("out"), 2);
    ck_assert_uint_eq(fixture_entries("."), 2);
    free(late);
    free(temp);
}
END_TEST

/* Nothing is left but what is at the name. */
static void ck_not_published(struct phi_output_folder *f, const char *text)
{
    ck_ok(phi_output_folder_sync(f, &err));
    ck_refused(phi_output_folder_publish(f, &err), PHI_E_IO, text);
    phi_output_folder_close(f);
}

/* Whatever was in it at the end was removed. */
START_TEST(a_folder_that_grew_stays)
{
    struct phi_output_folder *f;

    make_old();
    f = begun(true);
    fixture_text("out", "mine", "text");
    ck_not_published(f, "out: \"mine\" was put there meanwhile, expected what "
                        "it held at the start");
    ck_holds("out", "mine", "text");
    ck_assert_int_eq(unlink("out/mine"), 0);
    ck_old();
    f = begun(true);
    ck_assert_int_eq(mkdir("out/late", 0777), 0);
    ck_not_published(f, "out: \"late\" was put there meanwhile");
    ck_assert_int_eq(rmdir("out/late"), 0);
    ck_old();
    /* The name is the same. */
    f = begun(true);
    ck_assert_int_eq(unlink("out/more"), 0);
    ck_assert_int_eq(mkdir("out/more", 0777), 0);
    ck_not_published(f, "out: \"more\" was put there meanwhile");
    ck_holds("out", "config", "old");
}
END_TEST

START_TEST(another_folder_stays)
{
    struct phi_output_folder *f;

    make_old();
    f = begun(true);
    ck_assert_int_eq(rename("out", "was"), 0);
    make_old();
    ck_not_published(f, "out: was replaced meanwhile, expected the folder that "
                        "was there at the start");
    ck_assert_uint_eq(fixture_entries("."), 2);
    empty("was");
    ck_assert_int_eq(rmdir("was"), 0);
    ck_old();
    /* Its number may be that of the one that is gone. */
    f = begun(true);
    empty("out");
    ck_assert_int_eq(rmdir("out"), 0);
    make_old();
    ck_not_published(f, "out: was replaced meanwhile");
    ck_old();
    f = begun(true);
    ck_assert_int_eq(rename("out", "was"), 0);
    fixture_text(".", "out", "a file");
    ck_not_published(f, "out: was replaced meanwhile");
    ck_holds(".", "out", "a file");
    ck_assert_int_eq(unlink("out"), 0);
    /* There was none. */
    f = begun(true);
    make_old();
    ck_not_published(f, "out: cannot be put in place: File exists");
    ck_assert_uint_eq(fixture_entries("out"), 2);
    ck_assert_uint_eq(fixture_entries("."), 2);
}
END_TEST

START_TEST(a_folder_that_shrank_is_replaced)
{
    struct phi_output_folder *f;

    make_old();
    f = begun(true);
    empty("out");
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    ck_ok(phi_output_folder_settle(f, &err));
    phi_output_folder_close(f);
    ck_new();
    f = begun(true);
    empty("out");
    ck_assert_int_eq(rmdir("out"), 0);
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    ck_ok(phi_output_folder_settle(f, &err));
    phi_output_folder_close(f);
    ck_new();
}
END_TEST

START_TEST(names_are_single_and_fresh)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "/etc/passwd"};
    struct phi_output_folder *f = begun(false);
    struct phi_output *o = NULL;

    for (size_t i = 0; i < 5; i++)
        ck_refused(phi_output_folder_file(&o, f, bad[i], 1, &err), PHI_E_ARG,
                   "is no name for a file");
    ck_refused(phi_output_folder_file(&o, f, "data", 1, &err), PHI_E_IO,
               "out/data: cannot be created: File exists");
    ck_refused(phi_output_folder_file(&o, f, "huge", UINT64_C(1) << 60, &err),
               PHI_E_IO, "out/huge: 1152921504606846976 bytes cannot be");
    ck_assert_ptr_null(o);
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 0);
}
END_TEST

START_TEST(folders_are_listed_in_order)
{
    struct phi_names names = {0};

    make_old();
    fixture_text("out", ".hidden", "x");
    fixture_text("out", "a", "x");
    ck_assert_int_eq(symlink("nowhere", "out/link"), 0);
    ck_ok(phi_folder_list(&names, "out", &err));
    ck_assert_uint_eq(names.n, 5);
    ck_assert_str_eq(names.v[0], ".hidden");
    ck_assert_str_eq(names.v[1], "a");
    ck_assert_str_eq(names.v[2], "config");
    ck_assert_str_eq(names.v[3], "link");
    ck_assert_str_eq(names.v[4], "more");
    phi_names_release(&names);
    ck_refused(phi_folder_list(&names, "none", &err), PHI_E_IO,
               "none: cannot be opened: No such file");
    ck_refused(phi_folder_list(&names, "out/a", &err), PHI_E_IO,
               "out/a: cannot be opened: Not a directory");
    phi_names_release(&names);
}
END_TEST

/* Files that others have put into the temporary folder belong to it. */
START_TEST(others_may_write_into_it)
{
    for (int publish = 0; publish < 2; publish++) {
        struct phi_output_folder *f = begun(false);
        char *temp = phi_output_folder_temp(f, NULL);

        ck_assert_ptr_nonnull(temp);
        fixture_text(temp, "theirs", "text");
        ck_ok(phi_output_folder_sync(f, &err));
        if (publish) {
            ck_ok(phi_output_folder_publish(f, &err));
            ck_ok(phi_output_folder_settle(f, &err));
        }
        phi_output_folder_close(f);
        ck_assert_uint_eq(fixture_entries("."), (size_t)publish);
        free(temp);
    }
    ck_holds("out", "theirs", "text");
}
END_TEST

START_TEST(it_may_get_another_name)
{
    struct phi_output_folder *f = begun(false);

    fixture_text(".", "taken", "a file");
    ck_refused(phi_output_folder_rename(f, "taken", &err), PHI_E_ARG,
               "taken: is a file, expected a folder or nothing");
    ck_ok(phi_output_folder_rename(f, "other/", &err));
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    ck_ok(phi_output_folder_settle(f, &err));
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 2);
    ck_holds("other", "config", "new");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("output_folder");
    TCase *t = tcase_create("output_folder");

    tcase_add_checked_fixture(t, enter, leave);
    tcase_add_test(t, a_folder_appears_whole);
    tcase_add_test(t, without_publish_nothing_is_left);
    tcase_add_test(t, a_missing_byte_ends_it);
    tcase_add_test(t, replacing_swaps_folders);
    tcase_add_test(t, what_was_published_can_be_taken_back);
    tcase_add_test(t, an_empty_folder_is_replaced);
    tcase_add_test(t, a_folder_that_came_in_between_stays);
    tcase_add_test(t, only_models_are_replaced);
    tcase_add_test(t, links_in_what_is_replaced_are_not_followed);
    tcase_add_test(t, what_cannot_be_removed_is_named);
    tcase_add_test(t, a_folder_that_grew_stays);
    tcase_add_test(t, another_folder_stays);
    tcase_add_test(t, a_folder_that_shrank_is_replaced);
    tcase_add_test(t, names_are_single_and_fresh);
    tcase_add_test(t, folders_are_listed_in_order);
    tcase_add_test(t, others_may_write_into_it);
    tcase_add_test(t, it_may_get_another_name);
    suite_add_tcase(s, t);
    return unit_main(s);
}
