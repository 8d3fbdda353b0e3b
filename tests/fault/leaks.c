/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "tests/fault/leaks.h"

#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A power of two, more than twice the blocks that a run has at a time. */
#define SLOTS ((size_t)1 << 20)

/* Descriptors that are looked at. */
#define FDS 1024

struct block {
    uintptr_t at; /* 0: none */
    uintptr_t caller;
};

/* Open addressing without marks: what follows a hole is moved into it. */
static struct block blocks[SLOTS];
static size_t nblocks;
static atomic_flag busy = ATOMIC_FLAG_INIT;

/* The program's code. */
static uintptr_t base, code, code_end;

static void take(void)
{
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
        ;
}

static void give(void)
{
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

static size_t home(uintptr_t at)
{
    return (size_t)((uint64_t)at * 0x9e3779b97f4a7c15u >> 44) % SLOTS;
}

/* Where `at` is, or the hole where it would be. */
static size_t find(uintptr_t at)
{
    size_t i = home(at);

    while (blocks[i].at != 0 && blocks[i].at != at)
        i = (i + 1) % SLOTS;
    return i;
}

/* The program is the first object; those behind it are libraries. */
static int learn_code(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    base = info->dlpi_addr;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];

        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0) {
            code = base + p->p_vaddr;
            code_end = code + p->p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    (void)dl_iterate_phdr(learn_code, NULL);
}

void leaks_got(const void *block, const void *caller)
{
    const uintptr_t by = (uintptr_t)caller;

    if (block == NULL || by < code || by >= code_end)
        return;
    take();
    if (nblocks < SLOTS / 2) {
        blocks[find((uintptr_t)block)] =
            (struct block){(uintptr_t)block, by - base};
        nblocks++;
    }
    give();
}

bool leaks_gave(const void *block)
{
    size_t i, k;
    bool ours;

    take();
    i = find((uintptr_t)block);
    ours = block != NULL && blocks[i].at != 0;
    if (ours) {
        nblocks--;
        for (k = (i + 1) % SLOTS; blocks[k].at != 0; k = (k + 1) % SLOTS) {
            /* Whether its home is not between the hole and it. */
            if ((k - home(blocks[k].at)) % SLOTS >= (k - i) % SLOTS) {
                blocks[i] = blocks[k];
                i = k;
            }
        }
        blocks[i] = (struct block){0};
    }
    give();
    return ours;
}

void leaks_say(char *out, size_t n)
{
    size_t i = 0;

    *out = '\0';
    while (nblocks > 0 && blocks[i].at == 0)
        i++;
    if (nblocks > 0)
        snprintf(out, n, "%zu blocks, one of them by 0x%lx", nblocks,
                 (unsigned long)blocks[i].caller);
    for (int fd = 3; nblocks == 0 && fd < FDS; fd++) {
        if (syscall(SYS_fcntl, fd, F_GETFD) < 0)
            continue;
        snprintf(out, n, "descriptor %d", fd);
        return;
    }
}
