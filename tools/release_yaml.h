/* SPDX-License-Identifier: MIT */
/* Front matter and markdown, written so that any text is only text. */
#ifndef PHICONV_TOOLS_RELEASE_YAML_H
#define PHICONV_TOOLS_RELEASE_YAML_H

#include "libconv/base/buf.h"

/* "key: text\n"; nothing if text is NULL. The text is plain where every reader
 * of YAML takes it for one, else quoted. */
void yaml_put_text(struct phi_buf *b, const char *key, const char *text);

/* "- text\n", of such a text. */
void yaml_put_item(struct phi_buf *b, const char *text);

/*
 * Text within a paragraph, a heading or a cell of a table, also as the first
 * of a line: any text is only text in CommonMark and in GitHub's flavour. What
 * looks like the address of a mail may be shown as a link to it.
 */
void markdown_put_text(struct phi_buf *b, const char *text);

#endif
