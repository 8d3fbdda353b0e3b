/* SPDX-License-Identifier: MIT */
/* Files: reads are whole or errors, outputs are whole or not there. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/disk.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/par.h"
#include "tests/unit/fixture.h"

static char dir[] = "/tmp/phiconv-output-XXXXXX";

static void enter(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
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
    ck_assert_uint_eq(fixture_entries("."), 1);
}
END_TEST

START_TEST(without_commit_nothing_is_left)
{
    const struct phi_output_options opt = {.replace = true};
    struct phi_output *o = NULL;

    put("out", "old");
    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_write(o, "new", 3, &err));
    ck_assert_uint_eq(fixture_entries("."), 2);
    phi_output_close(o);
    ck_holds("out", "old");
    ck_assert_uint_eq(fixture_entries("."), 1);
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
    ck_assert_uint_eq(fixture_entries("."), 0);
}
END_TEST

START_TEST(parts_come_in_any_order)
{
    const struct phi_output_options opt = {.size = 10};
    struct phi_output *o = NULL;
    uint8_t *got = NULL;
    size_t n;

    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_put(o, 7, "789", 3, &err));
    ck_ok(phi_output_put(o, 2, "23", 2, &err));
    ck_ok(phi_output_put(o, 0, "01", 2, &err));
    ck_assert_uint_eq(phi_output_size(o), 7);
    ck_assert_uint_eq(phi_output_count(o, 1, 7), 4);
    ck_ok(phi_output_put(o, 5, "", 0, &err));
    ck_ok(phi_output_zeros(o, 4, 3, &err));
    ck_ok(phi_output_commit(o, &err));
    phi_output_close(o);
    ck_ok(phi_file_load("out", 1000, &got, &n, &err));
    ck_assert_uint_eq(n, 10);
    ck_assert_mem_eq(got, "0123\0\0\000789", 10);
    free(got);
}
END_TEST

START_TEST(every_byte_is_written_once)
{
    const struct phi_output_options opt = {.size = 10};
    struct phi_output *o = NULL;

    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_ok(phi_output_put(o, 0, "0123", 4, &err));
    ck_ok(phi_output_put(o, 5, "56789", 5, &err));
    ck_refused(phi_output_commit(o, &err), PHI_E_ARG,
               "out: byte 4 was not written");
    ck_refused(phi_output_put(o, 3, "34", 2, &err), PHI_E_ARG,
               "out: bytes 3 to 4 were written twice");
    ck_ok(phi_output_put(o, 4, "4", 1, &err));
    /* Nobody knows now what bytes 3 and 4 are. */
    ck_refused(phi_output_commit(o, &err), PHI_E_IO, "earlier write failed");
    phi_output_close(o);
    ck_ok(phi_output_open(&o, "out", &opt, &err));
    ck_refused(phi_output_put(o, 9, "9a", 2, &err), PHI_E_ARG,
               "out: bytes up to 11 were written, 10 were promised");
    phi_output_close(o);
    ck_assert_uint_eq(fixture_entries("."), 0);
}
END_TEST

/* ---- a file of megabytes, from several threads --------------------------- */

enum { BIG = (5 << 20) + 1234, SHIFT = 777 };

/* Pieces of these sizes in turn: ragged, whole pages, large enough to go
 * past the page cache, and too small for it. */
static const size_t sizes[] = {1,      4096,  300001, 262144, 69632,
                               524287, 65536, 4095,   1 << 20};

struct big {
    struct phi_output *o;
    uint8_t *bytes; /* bytes[SHIFT + i] is to be byte i */
    struct {
        size_t at;
        size_t n;
    } pieces[200];
    size_t n;
};

static void put_pieces(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct big *b = ctx;

    (void)worker;
    for (size_t i = first; i < first + count; i++) {
        const size_t k = b->n - 1 - i;

        ck_ok(phi_output_put(b->o, b->pieces[k].at,
                             b->bytes + SHIFT + b->pieces[k].at, b->pieces[k].n,
                             &err));
    }
}

/* shift: where memory lies relative to the file, modulo a page. */
static void write_big(size_t shift)
{
    const struct phi_output_options opt = {.size = BIG};
    struct big b = {0};
    uint8_t *pages = phi_alloc_pages(BIG + 2 * PHI_OUTPUT_PAGE, NULL);
    uint8_t *got = NULL;
    size_t n;

    ck_assert_ptr_nonnull(pages);
    ck_assert_uint_eq((uintptr_t)pages % PHI_OUTPUT_PAGE, 0);
    b.bytes = pages + PHI_OUTPUT_PAGE - SHIFT + shift;
    for (size_t i = 0; i < BIG; i++)
        b.bytes[SHIFT + i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t at = 0; at < BIG; at += b.pieces[b.n++].n) {
        const size_t want = sizes[b.n % (sizeof(sizes) / sizeof(sizes[0]))];

        ck_assert_uint_lt(b.n, 200);
        b.pieces[b.n].at = at;
        b.pieces[b.n].n = want < BIG - at ? want : BIG - at;
    }
    ck_ok(phi_output_open(&b.o, "out", &opt, &err));
    phi_par_for(3, b.n, 1, put_pieces, &b);
    ck_ok(phi_output_commit(b.o, &err));
    phi_output_close(b.o);
    ck_ok(phi_file_load("out", BIG, &got, &n, &err));
    ck_assert_uint_eq(n, BIG);
    ck_assert_int_eq(memcmp(got, b.bytes + SHIFT, BIG), 0);
    ck_assert_uint_eq(fixture_entries("."), 1);
    ck_assert_int_eq(unlink("out"), 0);
    free(got);
    free(pages);
}

START_TEST(large_files_hold_what_was_written)
{
    write_big(0);
    write_big(1);
    write_big(2048);
}
END_TEST

/* tmpfs: the fallback, where the kernel's tmpfs does without O_DIRECT. */
START_TEST(large_files_in_memory_too)
{
    char shm[] = "/dev/shm/phiconv-output-XXXXXX";

    if (mkdtemp(shm) == NULL) {
        unit_skip("files in memory", "no folder in /dev/shm");
        return;
    }
    ck_assert_int_eq(chdir(shm), 0);
    write_big(0);
    ck_assert_int_eq(chdir(dir), 0);
    ck_assert_int_eq(rmdir(shm), 0);
}
END_TEST

/* ---- two phases ---------------------------------------------------------- */

static struct phi_output *finished(const char *path, bool replace)
{
    const struct phi_output_options opt = {.size = 3, .replace = replace};
    struct phi_output *o = NULL;

    ck_ok(phi_output_open(&o, path, &opt, &err));
    ck_refused(phi_output_publish(o, &err), PHI_E_ARG, "is not synced");
    ck_ok(phi_output_write(o, "new", 3, &err));
    ck_ok(phi_output_sync(o, &err));
    return o;
}

START_TEST(what_was_published_can_be_taken_back)
{
    struct phi_output *fresh = finished("fresh", false);
    struct phi_output *over = finished("over", true);
    struct phi_output *none = finished("none", true);

    put("over", "old");
    ck_ok(phi_output_publish(fresh, &err));
    ck_ok(phi_output_publish(over, &err));
    ck_holds("fresh", "new");
    ck_holds("over", "new");
    phi_output_retract(fresh);
    phi_output_retract(over);
    phi_output_retract(none); /* never published */
    ck_holds("over", "old");
    phi_output_close(fresh);
    phi_output_close(over);
    phi_output_close(none);
    ck_assert_uint_eq(fixture_entries("."), 1);
}
END_TEST

START_TEST(what_was_replaced_goes_in_the_end)
{
    struct phi_output *over = finished("over", true);

    put("over", "old");
    ck_ok(phi_output_publish(over, &err));
    ck_assert_uint_eq(fixture_entries("."), 2);
    ck_ok(phi_output_settle(over, &err));
    ck_assert_uint_eq(fixture_entries("."), 1);
    phi_output_close(over);
    ck_holds("over", "new");
    /* Closed between the two: the old file goes all the same. */
    over = finished("over", true);
    ck_ok(phi_output_publish(over, &err));
    phi_output_close(over);
    ck_assert_uint_eq(fixture_entries("."), 1);
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
    ck_assert_uint_eq(fixture_entries("."), 1);
}
END_TEST

/* Links and special files were replaced if they came late. */
START_TEST(what_became_no_file_stays)
{
    struct phi_output *o[] = {finished("link", true), finished("fifo", true),
                              finished("folder", true)};
    static const char *const texts[] = {
        "link: became a symbolic link meanwhile, expected a regular file",
        "fifo: became a special file meanwhile",
        "folder: became a folder meanwhile"};
    struct stat st;

    ck_assert_int_eq(symlink("nowhere", "link"), 0);
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    ck_assert_int_eq(mkdir("folder", 0777), 0);
    for (size_t i = 0; i < 3; i++) {
        ck_refused(phi_output_publish(o[i], &err), PHI_E_IO, texts[i]);
        phi_output_close(o[i]);
    }
    ck_assert_uint_eq(fixture_entries("."), 3);
    ck_assert_int_eq(lstat("link", &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(lstat("fifo", &st), 0);
    ck_assert(S_ISFIFO(st.st_mode));
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
    ck_assert_uint_eq(fixture_entries("."), 3);
}
END_TEST

START_TEST(a_check_says_so_before_and_makes_nothing)
{
    const struct phi_output_options opt = {0};
    const struct phi_output_options replace = {.replace = true};

    mkdir("folder", 0777);
    mkdir("shut", 0555);
    put("out", "old");
    ck_ok(phi_output_check("new", &opt, &err));
    ck_ok(phi_output_check("folder/new", &opt, &err));
    ck_ok(phi_output_check("out", &replace, &err));
    ck_refused(phi_output_check("out", &opt, &err), PHI_E_ARG,
               "out: exists already");
    ck_refused(phi_output_check("folder", &replace, &err), PHI_E_ARG,
               "folder: is a folder");
    ck_refused(phi_output_check("none/out", &opt, &err), PHI_E_IO,
               "its folder cannot be opened: No such file");
    if (geteuid() != 0) /* who may write everywhere */
        ck_refused(phi_output_check("shut/out", &opt, &err), PHI_E_IO,
                   "shut/out: cannot be created: Permission denied");
    ck_holds("out", "old");
    ck_assert_uint_eq(fixture_entries("."), 3);
    ck_assert_uint_eq(fixture_entries("folder"), 0);
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

START_TEST(disks_hold_all_or_are_refused)
{
    struct phi_disk_need needs[] = {
        {"a", 1}, {"none/b", UINT64_MAX}, {"./c", 1}};

    ck_ok(phi_disk_check(NULL, 0, &err));
    ck_ok(phi_disk_check(needs, 3, &err));
    needs[2].nbytes = UINT64_C(1) << 62;
    ck_refused(phi_disk_check(needs, 3, &err), PHI_E_IO,
               "a: 2 files together need 46116860184273");
    needs[2].nbytes = UINT64_MAX;
    ck_refused(phi_disk_check(needs, 3, &err), PHI_E_IO, "No space left");
    ck_refused(phi_disk_check(needs + 2, 1, &err), PHI_E_IO,
               "./c: 1 file needs 18446744073709551615 bytes, ");
    ck_assert_uint_eq(fixture_entries("."), 0);
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

/* A file put in the place of one that was read by its path went unnoticed. */
START_TEST(another_file_of_the_name_is_seen)
{
    struct phi_file *f = NULL;

    put("in", "1");
    put("other", "1");
    ck_ok(phi_file_open(&f, "in", &err));
    ck_ok(phi_file_in_place(f, &err));
    ck_assert_int_eq(rename("in", "moved"), 0);
    ck_refused(phi_file_in_place(f, &err), PHI_E_IO,
               "in: was replaced meanwhile");
    ck_ok(phi_file_not_replaced(f, &err));
    ck_assert_int_eq(symlink("moved", "in"), 0);
    ck_ok(phi_file_in_place(f, &err));
    ck_assert_int_eq(rename("other", "in"), 0);
    ck_refused(phi_file_in_place(f, &err), PHI_E_IO,
               "in: was replaced meanwhile");
    ck_refused(phi_file_not_replaced(f, &err), PHI_E_IO,
               "in: was replaced meanwhile");
    /* For who reads the open one it makes no difference. */
    ck_ok(phi_file_unchanged(f, &err));
    ck_assert_int_eq(rename("moved", "in"), 0);
    ck_ok(phi_file_in_place(f, &err));
    ck_assert_int_eq(truncate("in", 0), 0);
    ck_refused(phi_file_in_place(f, &err), PHI_E_IO, "changed while");
    phi_file_close(f);
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
    tcase_add_test(t, parts_come_in_any_order);
    tcase_add_test(t, every_byte_is_written_once);
    tcase_add_test(t, large_files_hold_what_was_written);
    tcase_add_test(t, large_files_in_memory_too);
    tcase_add_test(t, what_was_published_can_be_taken_back);
    tcase_add_test(t, what_was_replaced_goes_in_the_end);
    tcase_add_test(t, replacing_must_be_asked_for);
    tcase_add_test(t, a_file_that_came_in_between_stays);
    tcase_add_test(t, what_became_no_file_stays);
    tcase_add_test(t, only_regular_files_are_targets);
    tcase_add_test(t, a_check_says_so_before_and_makes_nothing);
    tcase_add_test(t, a_name_of_255_bytes_works);
    tcase_add_test(t, disks_hold_all_or_are_refused);
    tcase_add_test(t, input_is_known_under_every_name);
    tcase_add_test(t, reads_are_whole_or_errors);
    tcase_add_test(t, another_file_of_the_name_is_seen);
    tcase_add_test(t, only_regular_files_are_opened);
    tcase_add_test(t, paths_are_joined);
    suite_add_tcase(s, t);
    return unit_main(s);
}
