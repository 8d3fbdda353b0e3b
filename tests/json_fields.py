#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares docs/json.md with what phiconv prints.

  tests/json_fields.py PHICONV

Every key that the commands below print is in the table of its schema, and every
row of every table is printed by one of them.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SAMPLE = os.path.join(ROOT, "reference", "sample")
MODEL = SAMPLE + "/phi-openstax"
ADAPTER = SAMPLE + "/adapters/physics"
TEXT = SAMPLE + "/text/primer.txt"
IMATRIX = HERE + "/golden/imatrix.gguf"
SHORT = ["-f", TEXT, "-c", "64", "--chunks", "2", "-q"]
PERCENTILES = "0.1 1 5 10 25 50 75 90 95 99 99.9".split()

# Exit code and words, in this order, in one folder.
RUNS = [
    (0, ["quantize", MODEL, "-t", "q4_k_m=a.gguf", "-t", "pack:q8_0=b.phipack",
         "--imatrix", IMATRIX]),
    (0, ["quantize", MODEL, "-t", "q4_0=c.gguf", "--lora", ADAPTER, "-n"]),
    (0, ["merge-lora", MODEL, ADAPTER, "-o", "m.gguf"]),
    (0, ["eval-ppl", "a.gguf", "-r", MODEL, *SHORT]),
    (0, ["eval-ppl", "a.gguf", "-f", "joined.txt", *SHORT[2:]]),
    (0, ["eval-ppl", MODEL, "--save-logits", "l.logits", *SHORT]),
    (1, ["eval-ppl", "a.gguf", "-r", "l.logits", "--max-kld", "0", *SHORT]),
    (0, ["release", MODEL, "-t", "q4_0", "-e", TEXT, "-c", "64", "--chunks",
         "2", "-o", "rel", "-q"]),
    (0, ["verify-release", "rel", "--source", MODEL]),
    (0, ["export", "a.gguf", "--dequantize", "-o", "exported"]),
    (0, ["inspect", MODEL, "--hash"]),
    (0, ["inspect", "a.gguf"]),
    (0, ["inspect", "b.phipack"]),
    (0, ["inspect", ADAPTER]),
    (0, ["inspect", IMATRIX]),
    (1, ["inspect", "--compare", "a.gguf", "b.phipack"]),
    (0, ["verify", "b.phipack"]),
    (3, ["verify", "damaged.phipack"]),
    (0, ["extract", "b.phipack"]),
    (0, ["doctor", MODEL]),
    (0, ["doctor", "--checks"]),
    (0, ["set-metadata", "a.gguf", "general.name=x", "x.y:u8=1"]),
    (0, ["tokenize", MODEL, "-f", TEXT]),
    (0, ["bench", "a.gguf", "-k", "*.q8_0.exact", "-k", "model.exact", "-c",
         "16", "--seconds", "0.001", "-j", "2"]),
    (0, ["bench", "-k", "peak.int8", "--seconds", "0.001", "-j", "1"]),
    (0, ["bench", "--list"]),
]
# What is not described key by key, or elsewhere: manifest.md, merge-lora.
WHOLE = {"phiconv.inspect/1": ["metadata"]}
ELSEWHERE = {"phiconv.release/1"}
SHARED = {"phiconv.quantize/1": ("phiconv.merge-lora/1", "adapters[]")}


def expand(path):
    """a.{b,c} is a.b and a.c; P a percentile."""
    parts = [p.split(",") for p in re.split(r"[{}]", path)]
    for words in itertools.product(*parts):
        word = "".join(words)
        for p in PERCENTILES if word.endswith(".P") else [None]:
            yield word if p is None else word[:-1] + p


def documented():
    """schema -> paths"""
    tables = {}
    with open(os.path.join(ROOT, "docs", "json.md"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("## "):
                table = tables.setdefault(line[3:].strip(), set())
            elif line.startswith("| `"):
                for path in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
                    table.update(expand(path))
    return tables


def printed(value, path, whole):
    """Paths of all keys in it."""
    if path in whole or not isinstance(value, (dict, list)):
        return {path}
    found = set()
    if isinstance(value, dict):
        for key, v in value.items():
            found |= printed(v, path + "." + key if path else key, whole)
    else:
        found.add(path + "[]")
        for v in value:
            found |= printed(v, path + "[]", whole)
    return found


def prefixes(paths):
    """All that lie above: "a" of "a.b", "a[]" of "a[].b"."""
    return {p[:m.start()] for p in paths for m in re.finditer(r"\.|\[\]", p)} \
        | {p[:m.end()] for p in paths for m in re.finditer(r"\[\]", p)}


def main():
    phiconv = os.path.abspath(sys.argv[1])
    tables = documented()
    seen = {}
    problems = []
    work = tempfile.mkdtemp(prefix="json-fields-")
    with open(TEXT, encoding="utf-8") as f:
        text = f.read()
    with open(work + "/joined.txt", "w", encoding="utf-8") as f:
        f.write(text + "<|endoftext|>" + text)
    for code, words in RUNS:
        if "damaged.phipack" in words:
            with open(work + "/b.phipack", "rb") as f:
                data = bytearray(f.read())
            data[-5000] ^= 1
            with open(work + "/damaged.phipack", "wb") as f:
                f.write(data)
        done = subprocess.run([phiconv, *words, "--json"], cwd=work,
                              capture_output=True)
        if done.returncode != code:
            problems.append("%s: exit code %d, expected %d: %s" % (
                " ".join(words), done.returncode, code, done.stderr.decode()))
            continue
        value = json.loads(done.stdout)
        schema = value["schema"]
        if schema not in ELSEWHERE:
            seen.setdefault(schema, set()).update(
                printed(value, "", WHOLE.get(schema, [])))
    shutil.rmtree(work)
    progress = tables.pop("Progress")
    done = subprocess.run([phiconv, "inspect", MODEL, "--hash", "--progress",
                           "json"], capture_output=True)
    for line in done.stderr.splitlines():
        if set(json.loads(line)) != progress:
            problems.append("progress has %s" % line.decode())
    if not done.stderr:
        problems.append("no progress was printed")
    for schema, (other, path) in SHARED.items():
        tables[schema] |= {p for p in tables[other] if p.startswith(path)}
        seen[other] |= {p for p in seen[schema] if p.startswith(path)}
    for schema in sorted(set(tables) | set(seen)):
        rows, keys = tables.get(schema, set()), seen.get(schema, set())
        for path in sorted(keys - rows - prefixes(rows)):
            problems.append("%s: `%s` is not in docs/json.md" % (schema, path))
        if schema in SHARED:
            rows = {p for p in rows if not p.startswith(SHARED[schema][1])}
        for path in sorted(rows - keys - prefixes(keys)):
            problems.append("%s: nothing prints `%s`" % (schema, path))
    for text in problems:
        print(text)
    print("%d schemas, %d keys, %d problems" % (
        len(tables), sum(map(len, tables.values())), len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
