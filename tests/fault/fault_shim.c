/* SPDX-License-Identifier: MIT */
/*
 * Preloaded by run.py: makes one call of the system go wrong. Needs glibc.
 *
 *   FAULT=CALL:WHAT:K    the K-th call of CALL; K+ for it and all later ones;
 *                        another one may follow after a ';'
 *   FAULT_HIT=PATH       a file that is made when the fault happens; and
 *   FAULT_HIT2=PATH      when the other does
 *   FAULT_PATH=PATH      the file that WHAT is done to
 *   FAULT_COUNT=PATH     a file that gets the number of calls of CALL in the
 *                        end
 *   FAULT_LEAKS=PATH     a file that is made in the end if the program has not
 *                        given back what it got, and says what: leaks.h
 *   FAULT_FLOATS=1       numbers are rounded toward zero, and flushed to it
 *
 * CALL  alloc read write copy sync reserve rename close open unlink mkdir list
 *       cut stat mode lock dup random thread any; "open" is opendir() too;
 *       free, which is not in "any"; "here" is a read of FAULT_PATH
 * WHAT  an errno's number; or
 *       short     takes between 1 and 7 bytes of what is asked for
 *       forget    free and close only: the call is not made
 *       slow      does not begin before the file FAULT_GO is there, whatever
 *                 signals come, as a disk does
 *       kill int term   this process gets the signal before the call
 *       cut       FAULT_PATH ends after 4096 bytes from now on
 *       touch     its first byte is written again
 *       replace   FAULT_NEW takes its name
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "tests/fault/leaks.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wredundant-decls"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmissing-attributes"
#endif

#define EXPORT __attribute__((visibility("default")))

enum what { PASS, FAIL, SHORT, FORGET };

/* glibc's own, under the names that nothing replaces. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

static void mark(const char *path)
{
    const long fd =
        syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0600);

    if (fd >= 0)
        syscall(SYS_close, fd);
}

static void cut(const char *path)
{
    syscall(SYS_truncate, path, 4096L);
}

static void touch(const char *path)
{
    const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR);
    char byte;

    if (syscall(SYS_pread64, fd, &byte, 1L, 0L) == 1)
        syscall(SYS_pwrite64, fd, &byte, 1L, 0L);
    syscall(SYS_close, fd);
}

static void replace(const char *path)
{
    const char *other = getenv("FAULT_NEW");

    if (other != NULL)
        syscall(SYS_renameat, AT_FDCWD, other, AT_FDCWD, path);
}

static void wait_for_disk(void)
{
    const char *go = getenv("FAULT_GO");
    const struct timespec step = {0, 2000000};

    while (go != NULL && syscall(SYS_faccessat, AT_FDCWD, go, F_OK) != 0)
        syscall(SYS_nanosleep, &step, NULL);
}

static enum what act(const char *what)
{
    const char *path = getenv("FAULT_PATH");

    switch (what[0]) {
    case 's':
        if (what[1] == 'h')
            return SHORT;
        wait_for_disk();
        return PASS;
    case 'f':
        return FORGET;
    case 'k':
        raise(SIGKILL);
        return PASS;
    case 'i':
        raise(SIGINT);
        return PASS;
    case 't':
        if (what[1] == 'e')
            raise(SIGTERM);
        else
            touch(path);
        return PASS;
    case 'c':
        cut(path);
        return PASS;
    case 'r':
        replace(path);
        return PASS;
    default:
        errno = atoi(what);
        return FAIL;
    }
}

/* The numbers of calls that each of two faults has seen. */
static atomic_long calls[2];

static enum what one_fault(const char *spec, size_t i, const char *call)
{
    const size_t n = strlen(call);
    const char *what, *at, *next, *hit;
    char name[16];
    long k, now;
    bool ever;

    if (strncmp(spec, "any:", 4) != 0 &&
        (strncmp(spec, call, n) != 0 || spec[n] != ':'))
        return PASS;
    what = strchr(spec, ':') + 1;
    at = strchr(what, ':') + 1;
    next = strchr(at, '+');
    ever = next != NULL && memchr(at, ';', (size_t)(next - at)) == NULL;
    k = atol(at);
    now = atomic_fetch_add(&calls[i], 1) + 1;
    if (now != k && !(now > k && ever))
        return PASS;
    hit = getenv(i == 0 ? "FAULT_HIT" : "FAULT_HIT2");
    if (now == k && hit != NULL)
        mark(hit);
    snprintf(name, sizeof(name), "%.*s", (int)(at - what - 1), what);
    return act(name);
}

/* As a library does that was linked with -ffast-math, and worse. */
__attribute__((constructor)) static void change_floats(void)
{
    if (getenv("FAULT_FLOATS") == NULL)
        return;
    fesetround(FE_TOWARDZERO);
#ifdef __SSE2__
    _mm_setcsr(_mm_getcsr() | 0x8040u);
#endif
}

static void write_text(const char *path, const char *text)
{
    const long fd =
        syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0600);

    if (syscall(SYS_write, fd, text, strlen(text)) < 0)
        raise(SIGABRT);
}

__attribute__((destructor)) static void say(void)
{
    const char *count = getenv("FAULT_COUNT");
    const char *leaks = getenv("FAULT_LEAKS");
    char text[80];

    if (leaks != NULL) {
        leaks_say(text, sizeof(text));
        if (text[0] != '\0')
            write_text(leaks, text);
    }
    if (count != NULL) {
        snprintf(text, sizeof(text), "%ld", atomic_load(&calls[0]));
        write_text(count, text);
    }
}

static enum what fault(const char *call)
{
    const char *spec = getenv("FAULT");

    for (size_t i = 0; i < 2 && spec != NULL; i++) {
        const enum what w = one_fault(spec, i, call);

        if (w != PASS)
            return w;
        spec = strchr(spec, ';');
        if (spec != NULL)
            spec++;
    }
    return PASS;
}

/* ---- memory -------------------------------------------------------------- */

#define ALLOC(name, args, ...)                                                 \
    EXPORT void *name args                                                     \
    {                                                                          \
        void *p = fault("alloc") == FAIL ? NULL : __VA_ARGS__;                 \
                                                                               \
        leaks_got(p, __builtin_return_address(0));                             \
        return p;                                                              \
    }

ALLOC(malloc, (size_t n), __libc_malloc(n))
ALLOC(calloc, (size_t n, size_t size), __libc_calloc(n, size))
ALLOC(aligned_alloc, (size_t align, size_t n), __libc_memalign(align, n))

EXPORT void *realloc(void *p, size_t size)
{
    void *more;

    if (fault("alloc") == FAIL)
        return NULL;
    leaks_gave(p);
    more = __libc_realloc(p, size);
    leaks_got(more, __builtin_return_address(0));
    return more;
}

EXPORT void free(void *p)
{
    const char *spec = getenv("FAULT");

    if (p == NULL || (spec != NULL && strncmp(spec, "free:", 5) == 0 &&
                      fault("free") == FORGET))
        return;
    leaks_gave(p);
    __libc_free(p);
}

/* 1 to 7 bytes, not always the same number. */
static size_t some(size_t n)
{
    static atomic_uint turn;
    const size_t take = atomic_fetch_add(&turn, 1) % 7 + 1;

    return take < n ? take : n;
}

/* ---- calls of the system ------------------------------------------------- */

/* One that succeeds or fails. */
#define CALL(call, type, name, args, ...)                                      \
    EXPORT type name args                                                      \
    {                                                                          \
        return fault(call) == FAIL ? -1 : (type)syscall(__VA_ARGS__);          \
    }

/* One that may do less than it is asked for. */
#define PART(call, name, args, n, ...)                                         \
    EXPORT ssize_t name args                                                   \
    {                                                                          \
        const enum what w = fault(call);                                       \
                                                                               \
        n = w == SHORT ? some(n) : n;                                          \
        return w == FAIL ? -1 : syscall(__VA_ARGS__);                          \
    }

/*
 * Files that define _FILE_OFFSET_BITS=64 call name64(), the others name().
 * Both are the same where a long has 64 bits.
 */
#define BOTH(name)                                                             \
    EXPORT extern __typeof__(name) name##_64 __asm__(#name "64")               \
        __attribute__((alias(#name)));
_Static_assert(sizeof(off_t) == 8, "name() and name64() differ here");

/* Whether only reads of FAULT_PATH are looked at, and this is one. */
static bool is_here(int fd)
{
    const char *spec = getenv("FAULT");
    struct stat is, wanted;

    return spec != NULL && strncmp(spec, "here:", 5) == 0 &&
           syscall(SYS_fstat, fd, &is) == 0 &&
           syscall(SYS_newfstatat, AT_FDCWD, getenv("FAULT_PATH"), &wanted,
                   0) == 0 &&
           is.st_dev == wanted.st_dev && is.st_ino == wanted.st_ino;
}

PART(is_here(fd) ? "here" : "read", pread,
     (int fd, void *to, size_t n, off_t at), n, SYS_pread64, fd, to, n, at)
PART("write", pwrite, (int fd, const void *p, size_t n, off_t at), n,
     SYS_pwrite64, fd, p, n, at)
PART("copy", copy_file_range,
     (int from, off_t *a, int to, off_t *b, size_t n, unsigned flags), n,
     SYS_copy_file_range, from, a, to, b, n, flags)
PART("random", getrandom, (void *to, size_t n, unsigned flags), n,
     SYS_getrandom, to, n, flags)
CALL("sync", int, fsync, (int fd), SYS_fsync, fd)
CALL("reserve", int, fallocate, (int fd, int mode, off_t at, off_t n),
     SYS_fallocate, fd, mode, at, n)
CALL("cut", int, ftruncate, (int fd, off_t n), SYS_ftruncate, fd, n)
CALL("rename", int, renameat2,
     (int a, const char *from, int b, const char *to, unsigned flags),
     SYS_renameat2, a, from, b, to, flags)
CALL("rename", int, renameat, (int a, const char *from, int b, const char *to),
     SYS_renameat2, a, from, b, to, 0)
CALL("unlink", int, unlinkat, (int at, const char *path, int flags),
     SYS_unlinkat, at, path, flags)
CALL("mkdir", int, mkdirat, (int at, const char *path, mode_t mode),
     SYS_mkdirat, at, path, mode)
CALL("mode", int, fchmod, (int fd, mode_t mode), SYS_fchmod, fd, mode)
CALL("lock", int, flock, (int fd, int how), SYS_flock, fd, how)
CALL("stat", int, fstat, (int fd, struct stat *s), SYS_fstat, fd, s)
CALL("stat", int, stat, (const char *path, struct stat *s), SYS_newfstatat,
     AT_FDCWD, path, s, 0)
CALL("stat", int, lstat, (const char *path, struct stat *s), SYS_newfstatat,
     AT_FDCWD, path, s, AT_SYMLINK_NOFOLLOW)
CALL("stat", int, fstatat,
     (int at, const char *path, struct stat *s, int flags), SYS_newfstatat, at,
     path, s, flags)
BOTH(pread)
BOTH(pwrite)
BOTH(fallocate)
BOTH(ftruncate)
BOTH(fstat)
BOTH(stat)
BOTH(lstat)
BOTH(fstatat)

/* As the kernel: the descriptor is gone whatever close() says. */
EXPORT int close(int fd)
{
    const enum what w = fault("close");
    const int sys = errno;
    const int rc = w == FORGET ? 0 : (int)syscall(SYS_close, fd);

    if (w == FAIL)
        errno = sys;
    return w == FAIL ? -1 : rc;
}

static unsigned mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, unsigned) : 0;
}

#define OPEN(name, args, at)                                                   \
    EXPORT int name args                                                       \
    {                                                                          \
        va_list list;                                                          \
        unsigned mode;                                                         \
                                                                               \
        va_start(list, flags);                                                 \
        mode = mode_of(flags, list);                                           \
        va_end(list);                                                          \
        return fault("open") == FAIL                                           \
                   ? -1                                                        \
                   : (int)syscall(SYS_openat, at, path, flags, mode);          \
    }

OPEN(openat, (int at, const char *path, int flags, ...), at)
OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
BOTH(openat)
BOTH(open)

/* Another descriptor for a file; what else it does has no faults. */
EXPORT int fcntl(int fd, int cmd, ...)
{
    va_list list;
    long arg;

    va_start(list, cmd);
    arg = va_arg(list, long);
    va_end(list);
    if (cmd == F_DUPFD_CLOEXEC && fault("dup") == FAIL)
        return -1;
    return (int)syscall(SYS_fcntl, fd, cmd, arg);
}
BOTH(fcntl)

/* The next function of that name behind this library. */
static void find(void *to, const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    memcpy(to, &p, sizeof(p));
}

EXPORT DIR *opendir(const char *path)
{
    static DIR *(*real)(const char *);

    if (fault("open") == FAIL)
        return NULL;
    if (real == NULL)
        find(&real, "opendir");
    return real(path);
}

EXPORT struct dirent *readdir(DIR *dir)
{
    static struct dirent *(*real)(DIR *);

    if (fault("list") == FAIL)
        return NULL;
    if (real == NULL)
        find(&real, "readdir");
    return real(dir);
}
BOTH(readdir)

/* Threads: there are none more. */
EXPORT int pthread_create(pthread_t *t, const pthread_attr_t *a,
                          void *(*f)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                       void *);

    if (fault("thread") == FAIL)
        return EAGAIN;
    if (real == NULL)
        find(&real, "pthread_create");
    return real(t, a, f, arg);
}
