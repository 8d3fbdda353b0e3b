/* SPDX-License-Identifier: MIT */
/* Gives a target all files of the folders named: without a fuzzer. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <string.h>

#include "libconv/base/file.h"
#include "tests/fuzz/fuzz_input.h"

static size_t replay(const char *path)
{
    uint8_t *data = NULL;
    size_t n = 0;
    struct phi_err err;

    if (phi_file_load(path, UINT32_MAX, &data, &n, &err) != PHI_OK) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    /* To be found in the log if the target does not come back. */
    printf("%s\n", path);
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, n);
    free(data);
    return 1;
}

static size_t replay_all(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;
    size_t n = 0;

    if (dir == NULL)
        return replay(folder);
    while ((e = readdir(dir)) != NULL) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (phi_path_kind(path) == PHI_PATH_FILE)
            n += replay(path);
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    size_t n = 0;

    for (int i = 1; i < argc; i++)
        n += replay_all(argv[i]);
    printf("%zu inputs\n", n);
    return n > 0 ? 0 : 1;
}
