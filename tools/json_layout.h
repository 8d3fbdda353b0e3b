/* SPDX-License-Identifier: MIT */
/* JSON for people: lines and indentation. */
#ifndef PHICONV_TOOLS_JSON_LAYOUT_H
#define PHICONV_TOOLS_JSON_LAYOUT_H

#include "libconv/base/buf.h"

/*
 * Appends a text as struct json_out makes it, with a line a member; objects
 * and lists that fit a line and hold no others than short ones stay on it.
 */
void json_lay_out(struct phi_buf *to, const struct phi_buf *from);

#endif
