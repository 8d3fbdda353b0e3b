/* SPDX-License-Identifier: MIT */
/* What killed runs left goes, and what runs are using stays. */
#define _POSIX_C_SOURCE 200809L
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libconv/base/leftovers.h"
#include "libconv/base/output_folder.h"
#include "tests/unit/fixture.h"

static char *dir; /* the working directory of each test */

static void enter(void)
{
    dir = fixture_folder();
    ck_assert_int_eq(chdir(dir), 0);
}

/* Each test removes what it made. */
static void leave(void)
{
    ck_assert_int_eq(chdir(".."), 0);
    ck_assert_int_eq(rmdir(dir), 0);
    free(dir);
}

struct told {
    size_t n[3];     /* by what it was */
    char path[4096]; /* the last one's */
};

static void note(void *ctx, const char *path, enum phi_leftover what)
{
    struct told *t = ctx;

    t->n[what]++;
    snprintf(t->path, sizeof(t->path), "%s", path);
}

static struct told clear(const char *path)
{
    struct told t = {0};

    phi_leftovers_clear(path, note, &t);
    return t;
}

static void ck_nothing(const char *path)
{
    const struct told t = clear(path);

    ck_assert_uint_eq(t.n[0] + t.n[1] + t.n[2], 0);
}

static struct phi_output *written(const char *path)
{
    const struct phi_output_options opt = {.size = 3, .replace = true};
    struct phi_output *o = NULL;

    ck_ok(phi_output_open(&o, path, &opt, &err));
    ck_ok(phi_output_write(o, "new", 3, &err));
    return o;
}

static struct phi_output_folder *written_folder(void)
{
    const struct phi_output_folder_options opt = {true, "config"};
    struct phi_output_folder *f = NULL;
    struct phi_output *o = NULL;

    ck_ok(phi_output_folder_open(&f, "out", &opt, &err));
    ck_ok(phi_output_folder_file(&o, f, "config", 3, &err));
    ck_ok(phi_output_write(o, "new", 3, &err));
    return f;
}

/* A process that ends while it writes, as a killed one does. */
static void die(const char *path, bool folder)
{
    const pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (folder)
            written_folder();
        else
            written(path);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

START_TEST(what_dead_runs_left_goes)
{
    struct told t;

    die("a", false);
    die("a", false);
    die("b", false);
    ck_assert_uint_eq(fixture_entries("."), 3);
    t = clear("a");
    ck_assert_uint_eq(t.n[PHI_LEFTOVER_REMOVED], 2);
    ck_assert_int_eq(strncmp(t.path, ".a.", 3), 0);
    ck_assert_uint_eq(fixture_entries("."), 1);
    t = clear("./b");
    ck_assert_uint_eq(t.n[PHI_LEFTOVER_REMOVED], 1);
    ck_assert_int_eq(strncmp(t.path, "./.b.", 5), 0);
    ck_assert_uint_eq(fixture_entries("."), 0);
    ck_nothing("b");
    ck_nothing("no/b");
    ck_nothing("");
}
END_TEST

START_TEST(folders_of_files_go_too)
{
    die("out", true);
    ck_assert_uint_eq(fixture_entries("."), 1);
    ck_assert_uint_eq(clear("out/").n[PHI_LEFTOVER_REMOVED], 1);
    ck_assert_uint_eq(fixture_entries("."), 0);
}
END_TEST

START_TEST(long_names_are_found)
{
    char name[241];

    memset(name, 'n', 240);
    name[240] = '\0';
    die(name, false);
    ck_assert_uint_eq(fixture_entries("."), 1);
    ck_assert_uint_eq(clear(name).n[PHI_LEFTOVER_REMOVED], 1);
    ck_assert_uint_eq(fixture_entries("."), 0);
}
END_TEST

/* At every step of an output that replaces another, to its end or back. */
START_TEST(what_is_in_use_stays)
{
    for (int back = 0; back < 2; back++) {
        struct phi_output *o;
        size_t n;
        char *got;

        fixture_text(".", "a", "old");
        o = written("a");
        ck_nothing("a");
        ck_ok(phi_output_sync(o, &err));
        ck_nothing("a");
        ck_ok(phi_output_publish(o, &err));
        ck_nothing("a");
        if (back == 1) {
            phi_output_retract(o);
            ck_nothing("a");
        } else {
            ck_ok(phi_output_settle(o, &err));
        }
        phi_output_close(o);
        ck_assert_uint_eq(fixture_entries("."), 1);
        got = fixture_load(".", "a", &n);
        ck_assert_str_eq(got, back == 1 ? "old" : "new");
        free(got);
        ck_assert_int_eq(unlink("a"), 0);
    }
}
END_TEST

START_TEST(folders_in_use_stay)
{
    struct phi_output_folder *f;

    ck_assert_int_eq(mkdir("out", 0777), 0);
    fixture_text("out", "config", "old");
    f = written_folder();
    ck_nothing("out");
    ck_ok(phi_output_folder_sync(f, &err));
    ck_ok(phi_output_folder_publish(f, &err));
    ck_nothing("out");
    ck_assert_uint_eq(fixture_entries("."), 2);
    phi_output_folder_retract(f);
    ck_nothing("out");
    phi_output_folder_close(f);
    ck_assert_uint_eq(fixture_entries("."), 1);
    ck_assert_int_eq(unlink("out/config"), 0);
    ck_assert_int_eq(rmdir("out"), 0);
}
END_TEST

START_TEST(what_is_no_leftover_stays)
{
    static const char *const names[] = {
        ".a.0123456789abcde.tmp",   ".a.0123456789abcdef0.tmp",
        ".a.0123456789ABCDEF.tmp",  ".a.0123456789abcdef.tmp~",
        ".ab.0123456789abcdef.tmp", "a.0123456789abcdef.tmp"};
    const size_t n = sizeof(names) / sizeof(names[0]);
    struct told t;

    for (size_t i = 0; i < n; i++)
        fixture_text(".", names[i], "x");
    ck_nothing("a");
    ck_assert_uint_eq(fixture_entries("."), n);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(unlink(names[i]), 0);
    /* What stepped aside may be all that there is of it. */
    fixture_text(".", ".a.0123456789abcdef.old", "x");
    t = clear("a");
    ck_assert_uint_eq(t.n[PHI_LEFTOVER_OLD], 1);
    ck_assert_str_eq(t.path, ".a.0123456789abcdef.old");
    ck_assert_int_eq(unlink(t.path), 0);
    /* A folder that holds one is none of ours; its files are gone. */
    ck_assert_int_eq(mkdir(".a.0123456789abcdef.tmp", 0777), 0);
    ck_assert_int_eq(mkdir(".a.0123456789abcdef.tmp/sub", 0777), 0);
    t = clear("a");
    ck_assert_uint_eq(t.n[PHI_LEFTOVER_STAYS], 1);
    ck_assert_int_eq(rmdir(".a.0123456789abcdef.tmp/sub"), 0);
    ck_assert_int_eq(rmdir(".a.0123456789abcdef.tmp"), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("leftovers");
    TCase *t = tcase_create("leftovers");

    tcase_add_checked_fixture(t, enter, leave);
    tcase_add_test(t, what_dead_runs_left_goes);
    tcase_add_test(t, folders_of_files_go_too);
    tcase_add_test(t, long_names_are_found);
    tcase_add_test(t, what_is_in_use_stays);
    tcase_add_test(t, folders_in_use_stay);
    tcase_add_test(t, what_is_no_leftover_stays);
    suite_add_tcase(s, t);
    return unit_main(s);
}
