/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64
#include "libconv/base/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

/* The file system of a file to come. */
struct place {
    bool known;
    dev_t dev;
    uint64_t free;
    uint64_t unit; /* files take whole ones */
};

static enum phi_status look(struct place *out, const char *path,
                            struct phi_err *err)
{
    const size_t n = (size_t)(phi_path_base(path) - path);
    char *dir = n > 0 ? phi_strndup(path, n, err) : phi_strdup(".", err);
    struct stat st;
    struct statvfs fs;

    *out = (struct place){0};
    if (dir == NULL)
        return PHI_E_NOMEM;
    if (stat(dir, &st) == 0 && statvfs(dir, &fs) == 0 && fs.f_frsize > 0 &&
        phi_mul_u64(fs.f_bavail, fs.f_frsize, &out->free)) {
        out->known = true;
        out->dev = st.st_dev;
        out->unit = fs.f_frsize;
    }
    free(dir);
    return PHI_OK;
}

enum phi_status phi_disk_check(const struct phi_disk_need *needs, size_t n,
                               struct phi_err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct place here;
        struct place other;
        uint64_t total = 0;
        size_t files = 0;
        enum phi_status st = look(&here, needs[i].path, err);

        for (size_t k = 0; st == PHI_OK && here.known && k < n; k++) {
            uint64_t units = needs[k].nbytes / here.unit +
                             (needs[k].nbytes % here.unit != 0);

            st = look(&other, needs[k].path, err);
            if (!other.known || other.dev != here.dev)
                continue;
            files++;
            if (!phi_mul_u64(units, here.unit, &units) ||
                !phi_add_u64(total, units, &total))
                total = UINT64_MAX;
        }
        if (st != PHI_OK)
            return st;
        if (here.known && total > here.free)
            return phi_fail_sys(
                err, ENOSPC, "%s: %zu file%s %llu bytes, %llu are free",
                needs[i].path, files, files > 1 ? "s together need" : " needs",
                (unsigned long long)total, (unsigned long long)here.free);
    }
    return PHI_OK;
}
