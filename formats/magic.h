/* SPDX-License-Identifier: MIT */
/* Says what a file is that is not the model file it was taken for. */
#ifndef PHI_FORMATS_MAGIC_H
#define PHI_FORMATS_MAGIC_H

#include "libconv/base/err.h"
#include "libconv/base/file.h"

/*
 * Always fails, with PHI_E_FORMAT: names what f is by its first bytes (a Git
 * LFS pointer, a pickle, ...), says that `expected` ("a GGUF file") was
 * wanted and hints at the cure. For callers that have missed their magic.
 */
enum phi_status phi_magic_refuse(const struct phi_file *f, const char *expected,
                                 struct phi_err *err);

/*
 * For formats without a magic, whose files may begin with any bytes: true,
 * with err filled as above, if these are another format's.
 */
bool phi_magic_is_other(const struct phi_file *f, const char *expected,
                        struct phi_err *err);

/* *what becomes what f is ("a GGUF file", "a PyTorch pickle") if it begins as
 * files of weights do, NULL otherwise. */
enum phi_status phi_magic_weights(const struct phi_file *f, const char **what,
                                  struct phi_err *err);

#endif
