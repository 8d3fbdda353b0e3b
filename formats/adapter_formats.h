/* SPDX-License-Identifier: MIT */
/* The formats of adapters, for adapter_open.c. */
#ifndef PHI_FORMATS_ADAPTER_FORMATS_H
#define PHI_FORMATS_ADAPTER_FORMATS_H

#include "formats/adapter_open.h"

/* As phi_adapter_open(): a folder of PEFT's, a file of convert_lora_to_gguf's.
 */
enum phi_status phi_adapter_peft_open(struct phi_adapter **out,
                                      const char *path, struct phi_err *err);
enum phi_status phi_adapter_gguf_open(struct phi_adapter **out,
                                      const char *path, struct phi_err *err);

#endif
