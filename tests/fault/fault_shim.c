/* SPDX-License-Identifier: MIT */
/*
 * Preloaded by run.py: makes one call of the system go wrong. Needs glibc.
 *
 *   FAULT=CALL:WHAT:K    the K-th call of CALL; K+ for it and all later ones;
 *                        another one may follow after a ';'
 *   FAULT_HIT=PATH       a file that is made when the fault happens
 *   FAULT_PATH=PATH      the file that WHAT is done to
 *   FAULT_COUNT=PATH     a file that gets the number of calls of CALL in the
 *                        end
 *   FAULT_FLOATS=1       numbers are rounded toward zero, and flushed to it
 *
 * CALL  alloc read write sync reserve rename close open unlink mkdir list cut
 *       thread any
 * WHAT  an errno's number; or
 *       short     takes between 1 and 7 bytes of what is asked for
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wredundant-decls"

#define EXPORT __attribute__((visibility("default")))

enum what { PASS, FAIL, SHORT };

/* glibc's own, under the names that nothing replaces. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t n);

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

static enum what act(const char *what)
{
    const char *path = getenv("FAULT_PATH");

    switch (what[0]) {
    case 's':
        return SHORT;
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
    const char *what, *at, *next;
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
    if (i == 0 && now == k && getenv("FAULT_HIT") != NULL)
        mark(getenv("FAULT_HIT"));
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

__attribute__((destructor)) static void write_count(void)
{
    const char *path = getenv("FAULT_COUNT");
    char text[32];
    long fd;

    if (path == NULL)
        return;
    fd = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0600);
    snprintf(text, sizeof(text), "%ld", atomic_load(&calls[0]));
    if (syscall(SYS_write, fd, text, strlen(text)) < 0)
        raise(SIGABRT);
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

EXPORT void *malloc(size_t n)
{
    return fault("alloc") == FAIL ? NULL : __libc_malloc(n);
}

EXPORT void *calloc(size_t n, size_t size)
{
    return fault("alloc") == FAIL ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *p, size_t size)
{
    return fault("alloc") == FAIL ? NULL : __libc_realloc(p, size);
}

EXPORT void *aligned_alloc(size_t align, size_t n)
{
    return fault("alloc") == FAIL ? NULL : __libc_memalign(align, n);
}

/* 1 to 7 bytes, not always the same number. */
static size_t some(size_t n)
{
    static atomic_uint turn;
    const size_t take = atomic_fetch_add(&turn, 1) % 7 + 1;

    return take < n ? take : n;
}

EXPORT ssize_t pread64(int fd, void *to, size_t n, off64_t at)
{
    const enum what w = fault("read");

    return w == FAIL ? -1
                     : syscall(SYS_pread64, fd, to, w == SHORT ? some(n) : n,
                               (long)at);
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    const enum what w = fault("write");

    return w == FAIL ? -1
                     : syscall(SYS_pwrite64, fd, p, w == SHORT ? some(n) : n,
                               (long)at);
}

EXPORT int fsync(int fd)
{
    return fault("sync") == FAIL ? -1 : (int)syscall(SYS_fsync, fd);
}

EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t n)
{
    return fault("reserve") == FAIL
               ? -1
               : (int)syscall(SYS_fallocate, fd, mode, (long)at, (long)n);
}

EXPORT int renameat2(int from, const char *a, int to, const char *b,
                     unsigned flags)
{
    return fault("rename") == FAIL
               ? -1
               : (int)syscall(SYS_renameat2, from, a, to, b, flags);
}

EXPORT int renameat(int from, const char *a, int to, const char *b)
{
    return renameat2(from, a, to, b, 0);
}

EXPORT int unlinkat(int at, const char *path, int flags)
{
    return fault("unlink") == FAIL
               ? -1
               : (int)syscall(SYS_unlinkat, at, path, flags);
}

/* As the kernel: the descriptor is gone whatever close() says. */
EXPORT int close(int fd)
{
    const enum what w = fault("close");
    const int sys = errno;
    const int rc = (int)syscall(SYS_close, fd);

    if (w == FAIL)
        errno = sys;
    return w == FAIL ? -1 : rc;
}

static int open_at(int at, const char *path, int flags, unsigned mode)
{
    return fault("open") == FAIL
               ? -1
               : (int)syscall(SYS_openat, at, path, flags, mode);
}

static unsigned mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, unsigned) : 0;
}

EXPORT int openat64(int at, const char *path, int flags, ...)
{
    va_list args;
    unsigned mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_at(at, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
    va_list args;
    unsigned mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int mkdirat(int at, const char *path, mode_t mode)
{
    return fault("mkdir") == FAIL
               ? -1
               : (int)syscall(SYS_mkdirat, at, path, (long)mode);
}

EXPORT int ftruncate64(int fd, off64_t n)
{
    return fault("cut") == FAIL ? -1 : (int)syscall(SYS_ftruncate, fd, (long)n);
}

/* The next function of that name behind this library. */
static void find(void *to, const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    memcpy(to, &p, sizeof(p));
}

EXPORT struct dirent64 *readdir64(DIR *dir)
{
    static struct dirent64 *(*real)(DIR *);

    if (fault("list") == FAIL)
        return NULL;
    if (real == NULL)
        find(&real, "readdir64");
    return real(dir);
}

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
