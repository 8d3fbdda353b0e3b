#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes packed files of version 1 with a phiconv.

  tests/golden/pack/make.py PHICONV FOLDER

Files in the tree are never written again: they are what later versions must
read. For a later version, FOLDER is a new one. Now phiconv packs no part of a
model, as planes and blocks are.
"""

import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "malformed"))
sys.dont_write_bytecode = True

import tiny  # noqa: E402

phiconv, out = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
os.makedirs(out, exist_ok=True)


def floats(n, period, form):
    return b"".join(struct.pack(form, (i % period - 3) / 8) for i in range(n))


# Two chunks and a small tensor, floats that are easy to deflate.
planes = tiny.gguf_file(entries=[
    ("token_embd.weight", [64, 3], 1, floats(192, 7, "<e")),
    ("blk.0.ffn_up.weight", [300, 1030], 0, floats(309000, 11, "<f")),
    ("blk.0.ffn_down.weight", [500, 67], 30,
     b"".join(struct.pack("<H", 0x3f80 + i % 5) for i in range(33500))),
])
# Blocks of 256, panels that are not full, and rows of one dimension.
blocks = tiny.gguf_file(entries=[
    ("output.weight", [256, 5], 14, bytes(i % 53 for i in range(5 * 210))),
    ("blk.0.attn_q.weight", [64, 33], 2,
     bytes(i % 53 for i in range(33 * 36))),
    ("output_norm.weight", [32], 0, floats(32, 5, "<f")),
    ("token_embd.weight", [32, 3], 1, floats(96, 9, "<e")),
])

with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    os.mkdir("tiny")
    for name, content in {**tiny.model(), "LICENSE": b"MIT\n",
                          "code.py": b"raise SystemExit('never run')\n",
                          "empty.txt": b""}.items():
        with open("tiny/" + name, "wb") as f:
            f.write(content)
    for name, content in [("planes.gguf", planes), ("blocks.gguf", blocks)]:
        with open(name, "wb") as f:
            f.write(content)
    run = [phiconv, "quantize", "-q"]
    subprocess.check_call(run + [
        "tiny", "-t", "pack=" + out + "/folder.phipack",
        "-t", "pack:q4_0=" + out + "/q4_0.phipack"])
    subprocess.check_call(run + [
        "blocks.gguf", "-t", "pack=" + out + "/blocks.phipack"])
    subprocess.check_call(run + [
        "planes.gguf", "--pack-planes",
        "-t", "pack=" + out + "/planes.phipack"])
