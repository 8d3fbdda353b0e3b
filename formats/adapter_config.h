/* SPDX-License-Identifier: MIT */
/*
 * adapter_config.json of PEFT (peft/tuners/lora/config.py, 0.21). Every key
 * is one that is understood, one that cannot change a merge, or one that must
 * be empty; whatever else is refused by name, with the reason.
 */
#ifndef PHI_FORMATS_ADAPTER_CONFIG_H
#define PHI_FORMATS_ADAPTER_CONFIG_H

#include "libconv/base/err.h"
#include "libconv/lora/lora_config.h"

/*
 * Reads the file. PHI_E_FORMAT for values of the wrong kind,
 * PHI_E_UNSUPPORTED for what cannot be merged. Fills *out, which must be
 * zeroed; the caller ends it with phi_lora_config_release(), after an error
 * too.
 */
enum phi_status phi_adapter_config_read(struct phi_lora_config *out,
                                        const char *path, struct phi_err *err);

#endif
