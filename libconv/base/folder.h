/* SPDX-License-Identifier: MIT */
/* What is in a folder. */
#ifndef PHI_BASE_FOLDER_H
#define PHI_BASE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "libconv/base/err.h"

/* A list of owned names. Zero-initialise; end with phi_names_release(). */
struct phi_names {
    char **v; /* (n) */
    size_t n;
    size_t cap;
};

enum phi_status phi_names_add(struct phi_names *names, const char *name,
                              struct phi_err *err);
void phi_names_release(struct phi_names *names);

/* In the order of their bytes, which phi_names_have() needs. */
void phi_names_sort(struct phi_names *names);
bool phi_names_have(const struct phi_names *names, const char *name);

/*
 * Adds the names of everything in the folder but "." and "..", hidden or not,
 * in the order of their bytes.
 */
enum phi_status phi_folder_list(struct phi_names *names, const char *path,
                                struct phi_err *err);

/*
 * Opens the folder that the last part of path lies in. *out is the caller's;
 * -1 after a failure.
 */
enum phi_status phi_folder_around(int *out, const char *path,
                                  struct phi_err *err);

/* Makes the name of what is at path durable: syncs the folder around it. */
enum phi_status phi_folder_sync_name(const char *path, struct phi_err *err);

#endif
