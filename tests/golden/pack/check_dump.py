#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the hex dumps of formats/PACK.md with the file they are of.

  check_dump.py PACK.md blocks.phipack
"""

import re
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    lines = f.read().splitlines()
with open(sys.argv[2], "rb") as f:
    content = f.read()
seen = wrong = 0
for line in lines:
    match = re.fullmatch(r"    ([0-9a-f]{8})  ((?:[0-9a-f]{2} ?){1,16})  *(\S.*)",
                         line)
    if not match:
        continue
    at, want = int(match[1], 16), bytes.fromhex(match[2])
    have = content[at:at + len(want)]
    text = "".join(chr(b) if 32 <= b < 127 else "." for b in have)
    seen += len(want)
    if have != want or match[3] != text.lstrip():
        print("%s: expected %s  %s" % (line.strip(), have.hex(" "), text))
        wrong += 1
print("%d bytes compared, %d lines are wrong" % (seen, wrong))
sys.exit(1 if wrong or seen < 700 else 0)
