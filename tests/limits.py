#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares docs/limits.md with the constants and with the tests.

  tests/limits.py

Every row has a constant of the value that the page says, a test at the limit
and a test one past it, whose message has the limit in it. Every constant that
looks like a limit is on the page, or in OTHER below with the reason.
"""

import fnmatch
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "malformed"))
sys.path.insert(0, os.path.join(HERE, "release"))
sys.dont_write_bytecode = True

import hostile  # noqa: E402
import run  # noqa: E402,F401  it loads all cases
from case import ACCEPTED, CASES  # noqa: E402

# file: name -> why it is no limit on what comes from a file.
OTHER = {
    "formats/hf_cut.h: PHI_HF_MAX_SHARD": "how shards are cut by default",
    "formats/hf_naming.h: PHI_SIZE_LABEL_MAX": "a buffer for \"2.8B\"",
    "libconv/base/decimal.h: PHI_DECIMAL_MAX": "a buffer for a number",
    "formats/hf_side_files.c: MAX_LINKS": "the system ends loops of links",
    "formats/json_get.c: PATH_MAX_BYTES": "a name in a message, cut",
    "formats/pack_extras.h: PHI_PACK_MAX_OTHER": "larger ones are left, by name",
    "formats/pack_verify.h: PHI_PACK_MAX_DAMAGE": "told of; all is counted",
    "libconv/base/err.h: PHI_ERR_MAX": "a message, under Runs",
    "libconv/base/output.c: DIRECT_MIN": "when a file is written directly",
    "libconv/base/output_write.c: CALL_MAX": "one call of the system",
    "libconv/kernels/lane_search.h: ROUND_LIMIT": "arithmetic",
    "libconv/kernels/lane_search.h: SIDE_MAX": "arithmetic",
    "libconv/kernels/lane_search.h: ZERO_LIMIT": "arithmetic",
    "libconv/kernels/quant_k_body.h: BATCH_MAX": "rows of a kernel",
    "libconv/kernels/quant_k_body.h: SUBS_MAX": "rows of a kernel",
    "libconv/lora/adapter_key.h: PHI_ADAPTER_KEY_MAX": "that of the files",
    "libconv/lora/module_names.h: PHI_LORA_PATH_MAX": "a buffer for our names",
    "libconv/tensor/model_parts.c: MAX_LAYER": "no name of a module",
    "tools/doctor_names.c: MAX_KINDS": "rows of a table of ours",
    "tools/doctor_weights.c: MAX_ROWS": "what a hint is worth",
    "tools/eval_html.c: MAX_POINTS": "dots of a plot",
    "tools/help_shells.c: MAX_WORDS": "a buffer for values of our options",
    "tools/plot.c: MAX_TICKS": "marks of an axis",
    "tools/quantize_target.c: MAX_TYPES": "rows of a table of ours",
    "tools/relcheck_files.c: MAX_FOUND": "differences that are told",
    "tools/release_manifest.c: MAX_EPOCH": "a date's place in a buffer",
    "tools/release_job.h: RELEASE_MAX_RATIO": "the gate that holds without one",
    "tools/release_words.c: STEM_MAX": "names of files of ours, cut",
}

problems = []


def constants():
    """name -> [(file, text)]"""
    found = {}
    files = [os.path.relpath(os.path.join(folder, name), ROOT)
             for room in ("libconv", "formats", "tools")
             for folder, _, names in os.walk(os.path.join(ROOT, room))
             for name in names]
    for path in sorted(files):
        if not path.endswith((".c", ".h")):
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            for name, text in re.findall(
                    r"^#define\s+([A-Z0-9_]*(?:MAX|MIN|LIMIT)(?:_[A-Z0-9_]+)?)"
                    r"[ \t]+(.+)$", f.read(), re.M):
                text = re.sub(r"/\*.*", "", text).strip()
                found.setdefault(name, []).append((path, text))
    return found


def value_of(text):
    """Of a constant expression of C."""
    text = re.sub(r"\((?:u?int\d+_t|size_t|float)\)", "", text)
    text = re.sub(r"U?INT\d+_C\((.*?)\)", r"(\1)", text)
    text = text.replace("UINT16_MAX", "65535")
    text = re.sub(r"\b(\d[\d.e+-]*)[uULlf]+\b", r"\1", text)
    if not re.fullmatch(r"[-+*/()<> \d.e]+", text):
        return None
    return eval(text)  # digits and operators, as the line above says


def value_said(cell):
    """Of "1,024 bytes", "64 MiB", "2^24 - 1", "1e-12"; None without one."""
    cell = cell.replace(",", "")
    m = re.match(r"2\^(\d+)( - 1)?", cell)
    if m:
        return (1 << int(m.group(1))) - (1 if m.group(2) else 0)
    m = re.match(r"(\d[\d.]*(?:e-?\d+)?)(?: ([KMG])iB)?", cell)
    if not m:
        return None
    shift = {None: 0, "K": 10, "M": 20, "G": 30}[m.group(2)]
    number = m.group(1)
    return float(number) if shift == 0 and not number.isdigit() \
        else int(number) << shift


def read(*path):
    try:
        with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
            return f.read()
    except OSError:
        return None


def printed(limit, text):
    spelled = {str(limit), "%g" % limit, "%de" % limit}
    return any(re.search(r"(?<![\d.])%s(?!\d)" % re.escape(s),
                         text.replace("\\", "")) for s in spelled)


def check_release(row, test, limit, past):
    """One of release/hostile.py."""
    cases = [c for c in hostile.CASES if c[0] == test.replace("_", "-")]
    if not cases:
        problems.append("%s: there is no release %s" % (row, test))
    for _, _, code, pattern, _ in cases:
        if past and code == 0:
            problems.append("%s: %s is accepted" % (row, test))
        elif past and not printed(limit, pattern.decode()):
            problems.append("%s: the message of %s has no %s" % (
                row, test, limit))


def check_test(row, test, limit, past):
    """A test that is there and is of the kind that it is called."""
    if test.startswith("release: "):
        check_release(row, test[len("release: "):], limit, past)
        return
    if ": " in test:
        module, name = test.split(": ")
        text = next(filter(None, (
            read("tests", room, module + ".c") for room in
            ("unit", "kernels"))), None)
        if text is None or "START_TEST(%s)" % name not in text:
            problems.append("%s: there is no unit test %s" % (row, test))
        elif past and limit is not None and not printed(limit, text):
            problems.append("%s: %s has no message with %s" % (
                row, module, limit))
        return
    if test.startswith("cli/"):
        if read("tests", test + ".sh") is None:
            problems.append("%s: there is no case %s" % (row, test))
        elif past and limit is not None and \
                not printed(limit, read("tests", test + ".err") or ""):
            problems.append("%s: %s has no message with %s" % (
                row, test, limit))
        return
    cases = [c for c in CASES if fnmatch.fnmatchcase(c.name, test)]
    if not cases:
        problems.append("%s: there is no case %s" % (row, test))
    for case in cases:
        if past and case.code == ACCEPTED:
            problems.append("%s: %s is accepted" % (row, case.name))
        elif limit is None:
            continue
        elif past and not printed(limit, case.says):
            problems.append("%s: the message of %s has no %s" % (
                row, case.name, limit))


def main():
    known = constants()
    seen = set()
    rows = 0
    page = read("docs", "limits.md")
    for line in page.split("\n"):
        cells = [c.strip() for c in line.split("|")[1:-1]]
        if len(cells) != 5 or cells[0] in ("what", "---"):
            continue
        rows += 1
        row, said, names, at, over = cells
        limit = value_said(said)
        names = re.findall(r"`(.*?)`", names)
        if not names and limit is not None:
            problems.append("%s: no constant" % row)
        for name in names:
            place, _, name = name.rpartition(": ")
            here = [(p, t) for p, t in known.get(name, []) if
                    place in ("", p)]
            if not here:
                problems.append("%s: there is no constant %s" % (row, name))
            for path, text in here:
                seen.add("%s: %s" % (path, name))
                if value_of(text) != limit:
                    problems.append("%s: %s is %s in %s, expected %s" % (
                        row, name, text, path, said))
        tests = re.findall(r"`(.*?)`", at)
        if not tests and names:
            problems.append("%s: no test at the limit" % row)
        for test in tests:
            check_test(row, test, limit, False)
        tests = re.findall(r"`(.*?)`", over)
        if not tests:
            problems.append("%s: no test past the limit" % row)
        for test in tests:
            check_test(row, test, limit, True)
    for name, places in known.items():
        for path, _ in places:
            key = "%s: %s" % (path, name)
            if key not in seen and key not in OTHER:
                problems.append("%s is not in docs/limits.md" % key)
    for key in OTHER:
        path, name = key.split(": ")
        if path not in [p for p, _ in known.get(name, [])]:
            problems.append("%s: listed here, and is no constant" % key)
    for problem in problems:
        print(problem)
    print("%d limits, %d problems" % (rows, len(problems)))
    # A page that is not understood has nothing wrong with it.
    return 1 if problems or rows < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
