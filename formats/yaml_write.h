/* SPDX-License-Identifier: MIT */
/* Writing scalars of YAML. */
#ifndef PHI_FORMATS_YAML_WRITE_H
#define PHI_FORMATS_YAML_WRITE_H

#include <stdbool.h>

/*
 * Whether every reader of YAML takes it for text where it stands alone. What it
 * does not is to be quoted: JSON's strings are YAML's.
 */
bool phi_yaml_is_plain(const char *text);

#endif
