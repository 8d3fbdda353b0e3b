/* SPDX-License-Identifier: MIT */
/* The one place for the version; CMakeLists.txt reads it from here. */
#ifndef PHICONV_TOOLS_VERSION_H
#define PHICONV_TOOLS_VERSION_H

#define PHICONV_VERSION "0.1.0"

/* Of this version, for manual pages. */
#define PHICONV_DATE "2026-11-26"

#endif
