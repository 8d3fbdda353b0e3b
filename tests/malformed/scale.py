#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Time and memory of files that are n, 10 n and 100 n of something. Measures,
decides nothing: README.md has a table.

  scale.py PHICONV
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import cases_gguf  # noqa: E402
import tiny  # noqa: E402

BIG = ["--max-memory", "1G"]
QUANTIZE = ["quantize", "-q", "-f", "-j", "1", "-t", "q4_0=out.gguf"]
KEYS = tiny.gguf_keys()


def gguf_keys(n):
    return {"in.gguf": tiny.gguf_file(nkeys=len(KEYS) + n, raw_keys=b"".join(
        tiny.gguf_key("k%06d" % i, tiny.U8, 1) for i in range(n)))}


def gguf_tensors(n):
    return {"in.gguf": cases_gguf.long_model(n // 16)}


def gguf_array(n):
    return {"in.gguf": tiny.gguf_file(KEYS + [
        ("k", tiny.ARRAY, (tiny.STRING, ["x"] * n))])}


def json_values(n):
    return {"model/config.json": json.dumps(
        {**tiny.CONFIG, "id2label": [0] * n}).encode()}


def json_keys(n):
    return {"model/config.json": json.dumps(
        {**tiny.CONFIG, "id2label": {str(i): 0 for i in range(n)}}).encode()}


def st_tensors(n):
    header = tiny.st_header(tiny.tensors())
    data = b"".join(e[2] for e in tiny.tensors().values())
    for i in range(n):
        at = len(data) + i
        header["x%06d" % i] = {"dtype": "U8", "shape": [1],
                               "data_offsets": [at, at + 1]}
    return {"model/model.safetensors": tiny.st_pack(header,
                                                    data + bytes(n))}


def tokens(n):
    tokenizer = tiny.tokenizer()
    for i in range(n):
        tokenizer["model"]["vocab"]["h%07d" % i] = 1000 + i
    return {"model/tokenizer.json": json.dumps(tokenizer).encode()}


def text(unit):
    return lambda n: {"in.txt": unit * n}


TOKENIZE = ["tokenize", "model", "--count", "-f", "in.txt"]
ROWS = [("keys of a GGUF file", gguf_keys, QUANTIZE + BIG + ["in.gguf"], 2000),
        ("tensors of a GGUF file", gguf_tensors,
         ["quantize", "-q", "-f", "-j", "1", "-t", "copy=out.gguf"] + BIG +
         ["in.gguf"], 2000),
        ("strings of a GGUF array", gguf_array, QUANTIZE + BIG + ["in.gguf"],
         2000),
        ("values in config.json", json_values, QUANTIZE + ["model"], 20000),
        ("keys in config.json", json_keys, QUANTIZE + ["model"], 5000),
        ("tensors in safetensors, refused", st_tensors, QUANTIZE + ["model"],
         2000),
        ("tokens in tokenizer.json, refused", tokens, QUANTIZE + ["model"],
         2000),
        ("letters of a text", text(b"h"), TOKENIZE, 100000),
        ("words of a text", text(b" hello"), TOKENIZE, 20000),
        ("blanks of a text", text(b" "), TOKENIZE, 100000)]


def measure(phiconv, work, files, args):
    for name, content in files.items():
        with open(os.path.join(work, name), "wb") as f:
            f.write(content)
    # The least of three: what else the machine does only adds.
    best = None
    for _ in range(3):
        process = subprocess.Popen(
            [phiconv] + args, cwd=work, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):
            sys.exit("%s: exit code %d" % (args, process.returncode))
        now = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
        best = now if best is None else min(best, now)
    return best


def main():
    phiconv = os.path.abspath(sys.argv[1])
    work = tempfile.mkdtemp(prefix="scale-")
    print("| what | n | n, 10 n, 100 n: seconds | MiB |\n|---|---|---|---|")
    for what, make, args, n in ROWS:
        os.makedirs(work + "/model", exist_ok=True)
        for name, content in tiny.model().items():
            with open(work + "/model/" + name, "wb") as f:
                f.write(content)
        all_of_them = [measure(phiconv, work, make(n * by), args)
                       for by in (1, 10, 100)]
        print("| %s | %d | %s | %s |" % (
            what, n, ", ".join("%.2f" % t for t, _ in all_of_them),
            ", ".join("%.0f" % m for _, m in all_of_them)), flush=True)
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
