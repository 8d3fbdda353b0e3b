/* SPDX-License-Identifier: MIT */
/*
 * Every call of the system that writing a folder makes fails once: the first,
 * then the second, until a run passes. After each failure the target holds
 * what it held before, or all of the new model where the message says so, and
 * nothing else is left. The calls are replaced below, with which glibc's
 * allocator and the kernel's calls are reached by other names.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "formats/hf_folder_sink.h"
#include "tests/unit/folder_model.h"
#include "tests/unit/tiny_model.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(__GLIBC__) && defined(__LP64__) && !defined(SANITIZED)

enum kind {
    ALLOC,
    OPEN,
    READ,
    WRITE,
    RESERVE,
    MKDIR,
    RENAME,
    SYNC,
    CLOSE,
    NKINDS
};

static enum kind armed = NKINDS;
static long countdown; /* calls of that kind until the one that fails */

/* Whether this call is the one; errno is set then. */
static bool fails(enum kind kind, int sys)
{
    if (armed != kind || --countdown != 0)
        return false;
    errno = sys;
    return true;
}

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wredundant-decls"

extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *calloc(size_t n, size_t size)
{
    return fails(ALLOC, ENOMEM) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return fails(ALLOC, ENOMEM) ? NULL : __libc_realloc(p, size);
}

int openat64(int at, const char *path, int flags, ...)
{
    va_list args;
    unsigned mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return fails(OPEN, EMFILE)
               ? -1
               : (int)syscall(SYS_openat, at, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    unsigned mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return openat64(AT_FDCWD, path, flags, mode);
}

ssize_t pread64(int fd, void *to, size_t n, off_t at)
{
    return fails(READ, EIO) ? -1 : syscall(SYS_pread64, fd, to, n, at);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at)
{
    return fails(WRITE, ENOSPC) ? -1 : syscall(SYS_pwrite64, fd, from, n, at);
}

int fallocate64(int fd, int mode, off_t at, off_t n)
{
    return fails(RESERVE, ENOSPC)
               ? -1
               : (int)syscall(SYS_fallocate, fd, mode, at, n);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    return fails(MKDIR, EROFS) ? -1 : (int)syscall(SYS_mkdirat, at, path, mode);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    return fails(RENAME, EIO)
               ? -1
               : (int)syscall(SYS_renameat2, a, from, b, to, flags);
}

int fsync(int fd)
{
    return fails(SYNC, EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

/* The descriptor is gone whatever close() says. */
int close(int fd)
{
    const bool failed = fails(CLOSE, EIO);
    const int rc = (int)syscall(SYS_close, fd);

    if (failed)
        errno = EIO;
    return failed ? -1 : rc;
}

/* ---- a run that may fail ------------------------------------------------- */

static enum phi_status fill(const struct folder_copy *c, struct phi_err *err)
{
    uint8_t bytes[4096];
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < c->n; i++) {
        st = phi_source_read(c->source, c->from[i], 0, bytes,
                             c->tensors[i].nbytes, err);
        if (st == PHI_OK)
            st =
                phi_sink_write(c->sink, i, 0, bytes, c->tensors[i].nbytes, err);
    }
    return st;
}

static enum phi_status run(struct folder_copy *c, bool replace,
                           struct phi_err *err)
{
    const struct phi_hf_folder_options opt = {.replace = replace,
                                              .max_shard = 5000};
    enum phi_status st = phi_hf_folder_sink_open(&c->sink, "out", c->source,
                                                 c->tensors, c->n, &opt, err);

    if (st == PHI_OK)
        st = fill(c, err);
    if (st == PHI_OK)
        st = phi_sinks_commit(&c->sink, 1, err);
    phi_sink_close(c->sink);
    c->sink = NULL;
    return st;
}

static void ck_old(bool replace, size_t others)
{
    ck_assert_uint_eq(folder_count("."), others + replace);
    if (!replace)
        return;
    ck_assert_uint_eq(folder_count("out"), 1);
    folder_has("out", "config.json", "old");
}

static void make_old(bool replace)
{
    if (!replace)
        return;
    ck_assert_int_eq(mkdir("out", 0777), 0);
    fixture_text("out", "config.json", "old");
}

/* All of the new model, and nothing more. */
static void remove_new(size_t others)
{
    ck_assert_uint_eq(folder_count("."), others + 1);
    folder_same_bytes("want", "out");
    folder_empty("out");
    ck_assert_int_eq(rmdir("out"), 0);
}

START_TEST(each_call_fails_once)
{
    const enum kind kind = (enum kind)(_i / 2);
    const bool replace = _i % 2 != 0;
    struct folder_copy c;
    long k = 0;
    long left;
    enum phi_status st;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    fixture_text("in", "README.md", "# A model\n");
    folder_begin(&c, PHI_BF16);
    ck_ok(run(&c, false, &err));
    ck_assert_int_eq(rename("out", "want"), 0);
    do {
        struct phi_err err = {0};

        make_old(replace);
        countdown = ++k;
        armed = kind;
        st = run(&c, replace, &err);
        left = countdown;
        armed = NKINDS;
        if (st == PHI_OK) {
            /* Closing what was read or is done can fail unnoticed. */
            ck_assert(left > 0 || kind == CLOSE || kind == OPEN);
            remove_new(2);
        } else if (strstr(err.msg, "is complete and in place") != NULL) {
            remove_new(2);
        } else {
            ck_assert_int_le(left, 0);
            ck_assert_int_eq(st, kind == ALLOC ? PHI_E_NOMEM : PHI_E_IO);
            ck_old(replace, 2);
            if (replace) {
                folder_empty("out");
                ck_assert_int_eq(rmdir("out"), 0);
            }
        }
    } while (left <= 0);
    ck_assert_int_gt(k, 1);
    folder_end(&c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_folder_fault");
    TCase *t = tcase_create("hf_folder_fault");

    tcase_add_checked_fixture(t, folder_setup, folder_teardown);
    tcase_add_loop_test(t, each_call_fails_once, 0, 2 * NKINDS);
    suite_add_tcase(s, t);
    return unit_main(s);
}

#else

int main(void)
{
    printf("skipped: calls are replaced on 64-bit glibc without sanitizers\n");
    return 77;
}

#endif
