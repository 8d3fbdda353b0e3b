#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lines of libconv and formats that the tests run, by gcov's counts.

  tests/coverage.py BUILD [LEAST]    fails below LEAST percent (90)

Lines of a header count once, whoever includes it. Kernels of instruction
sets that this processor lacks are left out, as is what another build runs.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    build = os.path.abspath(sys.argv[1])
    least = float(sys.argv[2]) if len(sys.argv) > 2 else 90.0
    objects = [os.path.join(d, n) for d, _, names in os.walk(build)
               for n in names if n.endswith(".gcda")]
    lines = {}
    with tempfile.TemporaryDirectory() as work:
        for i in range(0, len(objects), 50):
            subprocess.run(["gcov", "--json-format", "--hash-filenames"] +
                           objects[i:i + 50], cwd=work, check=True,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        for name in os.listdir(work):
            with gzip.open(os.path.join(work, name)) as f:
                report = json.load(f)
            for entry in report["files"]:
                path = os.path.normpath(os.path.join(
                    report["current_working_directory"], entry["file"]))
                path = os.path.relpath(path, root)
                if not path.startswith(("libconv/", "formats/")):
                    continue
                counts = lines.setdefault(path, {})
                for line in entry["lines"]:
                    n = line["line_number"]
                    counts[n] = counts.get(n, 0) + line["count"]
    rows = []
    for path, counts in lines.items():
        ran = sum(c > 0 for c in counts.values())
        rows.append((ran / len(counts), path, ran, len(counts)))
    for share, path, ran, total in sorted(rows)[:12]:
        print("%6.1f %%  %4d of %4d  %s" % (100 * share, ran, total, path))
    for room in ("libconv/", "formats/", ""):
        ran = sum(r[2] for r in rows if r[1].startswith(room))
        total = sum(r[3] for r in rows if r[1].startswith(room))
        if total == 0:
            sys.exit("no counts: were the tests run?")
        print("%6.1f %%  %5d of %5d  %s" % (100 * ran / total, ran, total,
                                            room or "all"))
    return 0 if 100 * ran / total >= least else 1


if __name__ == "__main__":
    sys.exit(main())
