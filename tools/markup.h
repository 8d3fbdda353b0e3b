/* SPDX-License-Identifier: MIT */
/* Text within XML and HTML. */
#ifndef PHICONV_TOOLS_MARKUP_H
#define PHICONV_TOOLS_MARKUP_H

#include "libconv/base/buf.h"

/* The text as printable UTF-8 with & < > " escaped. */
void markup_text(struct phi_buf *b, const char *text);

/* ` name="text"` */
void markup_attribute(struct phi_buf *b, const char *name, const char *text);

#endif
