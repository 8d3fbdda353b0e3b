/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create() */
#include "tests/fuzz/fuzz_input.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void fill(int fd, const uint8_t *data, size_t n)
{
    while (n > 0) {
        const ssize_t put = write(fd, data, n);

        PROMISE(put > 0);
        data += put;
        n -= (size_t)put;
    }
}

const char *fuzz_path(const uint8_t *data, size_t n)
{
    static char path[64];
    static int fd = -1;

    if (fd >= 0)
        close(fd);
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    PROMISE(fd >= 0);
    fill(fd, data, n);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return path;
}

#define MAX_FILES 2

/* In memory: a disk's file system takes longer to create a file than most
 * inputs take. */
static char folder[] = "/dev/shm/phiconv-fuzz-XXXXXX";
static char files[MAX_FILES][sizeof(folder) + 256];

static void remove_folder(void)
{
    for (size_t i = 0; i < MAX_FILES; i++)
        unlink(files[i]);
    rmdir(folder);
}

const char *fuzz_folder(const char *name, const uint8_t *data, size_t n)
{
    char file[sizeof(files[0])];
    size_t i = 0;
    int fd;

    if (files[0][0] == '\0') {
        PROMISE(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    snprintf(file, sizeof(file), "%s/%s", folder, name);
    while (i < MAX_FILES && files[i][0] != '\0' && strcmp(files[i], file) != 0)
        i++;
    PROMISE(i < MAX_FILES);
    memcpy(files[i], file, sizeof(file));
    fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    PROMISE(fd >= 0);
    fill(fd, data, n);
    close(fd);
    return folder;
}
