/* SPDX-License-Identifier: MIT */
/*
 * Outputs on file systems that rename, but know none of the flags that make a
 * rename an exchange or keep it from replacing. The call is replaced below.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/output_folder.h"
#include "tests/unit/fixture.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wredundant-decls"

int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    if (flags == 0)
        return renameat(a, from, b, to);
    errno = EINVAL;
    return -1;
}

static char *dir; /* the working directory of each test */

static void enter(void)
{
    dir = fixture_folder();
    ck_assert_int_eq(chdir(dir), 0);
}

static void leave(void)
{
    ck_assert_int_eq(chdir(".."), 0);
    fixture_remove(dir);
}

static void ck_holds(const char *folder, const char *name, const char *text)
{
    size_t n;
    char *got = fixture_load(folder, name, &n);

    ck_assert_str_eq(got, text);
    free(got);
}

static struct phi_output *finished(bool replace)
{
    const struct phi_output_options opt = {.size = 3, .replace = replace};
    struct phi_output *o = NULL;

    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_write(o, "new", 3, &err));
    ck_ok(phi_output_sync(o, &err));
    return o;
}

/* It was replaced. */
START_TEST(a_file_that_came_in_between_stays)
{
    struct phi_output *o = finished(false);

    fixture_text(".", "out", "theirs");
    ck_refused(phi_output_publish(o, &err), PHI_E_IO,
               "out: cannot be put in place: File exists");
    phi_output_close(o);
    ck_holds(".", "out", "theirs");
    ck_assert_uint_eq(fixture_entries("."), 1);
}
END_TEST

START_TEST(files_appear_and_are_replaced)
{
    for (int i = 0; i < 2; i++) {
        struct phi_output *o = finished(i == 1);

        ck_ok(phi_output_publish(o, &err));
        ck_ok(phi_output_settle(o, &err));
        phi_output_close(o);
        ck_holds(".", "out", "new");
        ck_assert_uint_eq(fixture_entries("."), 1);
        fixture_text(".", "out", "old");
    }
}
END_TEST

static struct phi_output_folder *finished_folder(bool replace)
{
    const struct phi_output_folder_options opt = {replace, "config"};
    struct phi_output_folder *f = NULL;
    struct phi_output *o = NULL;

    ck_ok(phi_output_folder_open(&f, "out", &opt, &err));
    ck_ok(phi_output_folder_file(&o, f, "config", 3, &err));
    ck_ok(phi_output_write(o, "new", 3, &err));
    ck_ok(phi_output_folder_sync(f, &err));
    return f;
}

/* The one that is replaced steps aside, and comes back. */
START_TEST(folders_take_turns)
{
    for (int back = 0; back < 2; back++) {
        struct phi_output_folder *f;

        ck_assert_int_eq(mkdir("out", 0777), 0);
        fixture_text("out", "config", "old");
        f = finished_folder(true);
        ck_ok(phi_output_folder_publish(f, &err));
        ck_holds("out", "config", "new");
        if (back == 1)
            phi_output_folder_retract(f);
        else
            ck_ok(phi_output_folder_settle(f, &err));
        phi_output_folder_close(f);
        ck_holds("out", "config", back == 1 ? "old" : "new");
        ck_assert_uint_eq(fixture_entries("."), 1);
        ck_assert_int_eq(unlink("out/config"), 0);
        ck_assert_int_eq(rmdir("out"), 0);
    }
}
END_TEST

START_TEST(a_folder_that_came_in_between_stays)
{
    for (int replace = 0; replace < 2; replace++) {
        struct phi_output_folder *f = finished_folder(replace == 1);

        ck_assert_int_eq(mkdir("out", 0777), 0);
        ck_refused(phi_output_folder_publish(f, &err), PHI_E_IO,
                   "out: cannot be put in place: File exists");
        phi_output_folder_close(f);
        ck_assert_uint_eq(fixture_entries("."), 1);
        ck_assert_uint_eq(fixture_entries("out"), 0);
        ck_assert_int_eq(rmdir("out"), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("output_flags");
    TCase *t = tcase_create("output_flags");

    tcase_add_checked_fixture(t, enter, leave);
    tcase_add_test(t, a_file_that_came_in_between_stays);
    tcase_add_test(t, files_appear_and_are_replaced);
    tcase_add_test(t, folders_take_turns);
    tcase_add_test(t, a_folder_that_came_in_between_stays);
    suite_add_tcase(s, t);
    return unit_main(s);
}
