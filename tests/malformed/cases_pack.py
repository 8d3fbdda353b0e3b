# SPDX-License-Identifier: MIT
"""Packed files, with checksums that are right where the fault is another."""

import json
import os
import struct
import zlib

import tiny
from case import (ACCEPTED, EVALUATE, QUANTIZE, REFUSED, USAGE, add)
from packed import CHUNKS, DATA, HEAD, TENSORS, build, sections

HERE = os.path.dirname(os.path.abspath(__file__))
VERIFY = ["verify", "-q", "-j", "1"]
EXPORT = ["export", "-q", "-o", "out"]


def load(name):
    path = os.path.join(HERE, "..", "golden", "pack", name + ".phipack")
    with open(path, "rb") as f:
        return f.read()


ALL = load("q4_0")
PARTS = sections(ALL)
ROOT = ALL[32:64]
AT = {p[4].decode(): i for i, p in enumerate(PARTS)}


def parts(**changes):
    """The sections, some with other fields (codec, stored, plain, name)."""
    out = [list(p) for p in PARTS]
    for name, change in changes.items():
        p = out[AT[name.replace("__", "/")]]
        for field, value in change.items():
            p[{"kind": 0, "codec": 1, "stored": 2, "plain": 3,
               "name": 4}[field]] = value
    return out


def refuse(name, content, says, args=None):
    add("pk-" + name, (args or QUANTIZE) + ["in.phipack"],
        {"in.phipack": content}, REFUSED, r"in\.phipack: " + says)


def accept(name, content, args):
    add("pk-ok-" + name, args + ["in.phipack"], {"in.phipack": content},
        ACCEPTED)


def entry(index, field, value):
    """A change of the table: fields are numbered as they are packed."""
    def change(i, fields):
        if i == index:
            fields[field] = value
    return change


assert build(PARTS, root=ROOT) == ALL
COPY = ["quantize", "-q", "-j", "1", "-t", "copy=out.gguf"]
accept("copy", ALL, COPY)
accept("engine", ALL, EVALUATE)
accept("verify-eval", ALL, EVALUATE + ["--verify"])
accept("minor", build(PARTS, root=ROOT, minor=7, flags=1 << 16), COPY)
accept("optional", build(
    PARTS[:-1] + [[0x80000001, 0, b"later", 5, b"later"]] + PARTS[-1:],
    root=ROOT), COPY)
accept("folder", load("folder"), QUANTIZE)
# Some tensors, and no whole model.
refuse("part", load("planes"), r'tensor "blk\.0\.ffn_up\.weight": has shape '
       r"\[1030, 300\], expected \[64, 64\] by the metadata", COPY)
add("pk-ok-planes", ["extract", "-q", "in.phipack", "gguf", "-o", "out.gguf"],
    {"in.phipack": load("planes")}, ACCEPTED)

# --- header -----------------------------------------------------------------

refuse("magic", b"PHIPACK\n" + ALL[8:], "begins with the bytes 50 48 49")
for n in (8, 64, 127):
    refuse("cut-%d" % n, ALL[:n], "has %d bytes, expected the 128 of" % n)
for n in (128, 1000, len(ALL) - 1):
    refuse("cut-%d" % n, ALL[:n], "has %d bytes, expected %d by its header"
           % (n, len(ALL)))
refuse("longer", ALL + b"\0", "has %d bytes, expected %d by its header"
       % (len(ALL) + 1, len(ALL)))
refuse("header-sum", ALL[:124] + b"\0\0\0\0" + ALL[128:],
       "header: its CRC-32 is")
for major in (0, 2, 65535):
    refuse("major-%d" % major, build(PARTS, major=major),
           r"header: is version %d\.0 of the packed format" % major)
refuse("flags", build(PARTS, flags=1), "header: has the flags 0x00000001")
refuse("header-zero", build(PARTS, zero=bytes(55) + b"\1"),
       "header: bytes 68 to 123 are not all zero")
for n in (0, 3, 65536, 0xffffffff):
    refuse("sections-%d" % n, build(
        PARTS, header=lambda h, n=n: h[:24] + struct.pack("<I", n) + h[28:]),
        "header: %d sections, expected 4 to 65535" % n)
refuse("sections-more", build(
    PARTS, header=lambda h: h[:24] + struct.pack("<I", 65535) + h[28:]),
    "header: the section table ends at byte 3146067")
accept("sections-4", build(
    [p for p in PARTS if p[0] in (HEAD, TENSORS, CHUNKS, DATA)], root=ROOT),
    COPY)
for n in ((1 << 24) + 1, 0xffffffff):
    refuse("names-%d" % n, build(
        PARTS, header=lambda h, n=n: h[:28] + struct.pack("<I", n) + h[32:]),
        "header: names of %d bytes, expected at most 16777216" % n)

# --- section table ----------------------------------------------------------

refuse("table-sum", ALL[:128] + b"\2" + ALL[129:], "section table: its CRC-32")
refuse("kind", build(PARTS, entry=entry(3, 0, 7)),
       "section 3 of the table: kind 7 is not known")
refuse("codec", build(PARTS, entry=entry(0, 1, 2)),
       "section 0 of the table: the codec is 2, expected 1")
refuse("codec-chunks", build(PARTS, entry=entry(2, 1, 1)),
       "section 2 of the table: the codec is 1, expected 0")
for value in (0, 1, ALL.index(b"head") + 1, (1 << 64) - 8):
    refuse("offset-%d" % value, build(PARTS, entry=entry(0, 2, value)),
           "section 0 of the table: the offset is %d" % value)
for value in ((1 << 64) - 1, 1 << 63, len(ALL)):
    refuse("stored-%d" % value, build(PARTS, entry=entry(0, 3, value)),
           "section 0 of the table: %d bytes at .* end beyond" % value)
for value in ((1 << 64) - 1, (1 << 28) + 1):
    refuse("plain-%d" % value, build(PARTS, entry=entry(0, 4, value)),
           "section 0 of the table: has .* expected at most 268435456")
refuse("bomb", build(PARTS, entry=entry(0, 4, 1 << 28)),
       "section 0 of the table: the plain length is 268435456, but")
MOST = len(PARTS[0][2]) * 1032 + 64
refuse("inflates-at", build(PARTS, entry=entry(0, 4, MOST)),
       'section "head": inflates to')
refuse("inflates-over", build(PARTS, entry=entry(0, 4, MOST + 1)),
       "section 0 of the table: the plain length is %d, but %d bytes inflate "
       "to at most %d" % (MOST + 1, len(PARTS[0][2]), MOST))
refuse("entry-zero", build(PARTS, entry=entry(1, 7, 1)),
       "section 1 of the table: the last field is 1, expected 0")
refuse("name-0", build(PARTS, entry=entry(1, 6, 0)),
       "section 1 of the table: its name has 0 bytes")
refuse("name-long", build(PARTS, entry=entry(1, 6, 262)),
       "section 1 of the table: its name has 262 bytes, expected at most the "
       "6 of files/ and 255")
refuse("name-left", build(PARTS, names=b"".join(p[4] for p in PARTS) + b"x"),
       "section table: 1 bytes of names are left over")
refuse("name-other", build(parts(head={"name": b"haed"})),
       'section 0 of the table: is named "haed"')
for i, name in enumerate([b"files/../x", b"files/", b"files/.hidden", b"filesX",
                          b"files/a\n", b"files/\xff", b"files/a/b",
                          b"files/" + b"a" * 256, b"files/model.safetensors",
                          b"files/model.safetensors.index.json"]):
    refuse("file-name-%d" % i, build(parts(files__LICENSE={"name": name})),
           "section 4 of the table: its name")
accept("file-name-255", build(
    parts(files__LICENSE={"name": b"files/" + b"A" * 255}), root=ROOT), COPY)
refuse("file-name-256", build(
    parts(files__LICENSE={"name": b"files/" + b"A" * 256})),
    "section 4 of the table: its name has 262 bytes, expected .* 255$")
refuse("file-nul", build(parts(files__LICENSE={"name": b"files/a\0b"})),
       "section 4 of the table: its name has a NUL")
refuse("file-order", build(parts(files__LICENSE={"name": b"files/zz"})),
       'section 5 of the table: "files/README.md" is out of order')
refuse("file-twice", build(parts(files__LICENSE={"name": b"files/README.md"})),
       'section 5 of the table: "files/README.md" is out of order')
refuse("twice", build(PARTS[:1] + PARTS),
       'section 1 of the table: "head" is there twice')
refuse("late", build(PARTS[1:3] + PARTS[:1] + PARTS[3:]),
       "section 2 of the table: kind 1 comes too late")
for kind in ("head", "tensors", "chunks", "data"):
    refuse("without-" + kind, build([p for p in PARTS if p[4].decode() != kind]),
           'section "%s": is missing' % kind)
refuse("section-sum", build(PARTS, entry=entry(0, 5, 1)),
       'section "head": its CRC-32 is .* expected 00000001')

# --- streams ----------------------------------------------------------------

HEAD_PLAIN = zlib.decompress(PARTS[0][2])
for name, stored, plain, says in [
        ("short", PARTS[0][2], len(HEAD_PLAIN) + 1, "inflates to"),
        ("long", PARTS[0][2], len(HEAD_PLAIN) - 1, "inflates to more than"),
        ("rest", PARTS[0][2] + b"\0", len(HEAD_PLAIN), "inflates to"),
        ("cut", PARTS[0][2][:-1], len(HEAD_PLAIN), "is no whole zlib stream"),
        ("none", b"\0" * 64, 1000, "is no whole zlib stream")]:
    refuse("stream-" + name, build(parts(head={"stored": stored,
                                               "plain": plain})),
           'section "head": ' + says)


def head(content):
    return {"head": {"codec": 0, "stored": content, "plain": len(content)}}


refuse("head-magic", build(parts(**head(b"GGUX" + HEAD_PLAIN[4:]))),
       'section "head": the head does not begin with GGUF')
refuse("head-cut", build(parts(**head(HEAD_PLAIN[:-32]))),
       r'section "head": tensor ".*": dimension at byte \d+ needs 8 bytes but '
       "only 3 are left")
refuse("head-pad", build(parts(**head(HEAD_PLAIN + bytes(32)))),
       'section "head": has')

# --- tensors and chunks -----------------------------------------------------

LIST = PARTS[1][2]


def tensors(at, form, value):
    bad = bytearray(LIST)
    struct.pack_into(form, bad, at, value)
    return build(parts(tensors={"stored": bytes(bad)}))


refuse("list-short", build(parts(tensors={"stored": b"\0" * 8, "plain": 8})),
       'section "tensors": has 8 bytes')
refuse("list-cut", build(parts(tensors={"stored": LIST[:-1],
                                        "plain": len(LIST) - 1})),
       'section "tensors": has %d bytes' % (len(LIST) - 1))
refuse("list-number", tensors(8, "<I", 32), 'section "tensors": has')
refuse("list-zero", tensors(12, "<I", 1), 'section "tensors": has')
refuse("gguf-length", tensors(0, "<Q", 1 << 40), 'section "head": has')
refuse("gguf-short", tensors(0, "<Q", 1000), 'section "head": tensor ".*": its '
       r"\d+ bytes end at byte \d+, but the file has 1000")
for i in (0, 5, 32):
    at = 16 + 32 * i
    for name, where, form, value, says in [
            ("offset", 0, "<Q", 1 << 60, "the offset is"),
            ("stored", 8, "<Q", 12, "the stored length is 12"),
            ("rows", 16, "<I", 8, "the number of rows of a panel is 8"),
            ("codec", 20, "<I", 1, "the codec is 1"),
            ("chunks", 24, "<I", 9, "the number of chunks is 9"),
            ("zero", 28, "<I", 1, "the last field is 1")]:
        refuse("tensor-%d-%s" % (i, name), tensors(at + where, form, value),
               'section "tensors": tensor ".*": ' + says)
refuse("chunks-length", build(parts(chunks={
    "stored": PARTS[2][2][:-40], "plain": len(PARTS[2][2]) - 40})),
    'section "chunks": has')
for value in (0, 1, 1 << 20, 0xffffffff):
    refuse("chunk-stored-%d" % value, build(parts(chunks={
        "stored": struct.pack("<I", value) + PARTS[2][2][4:]})),
        'section "chunks": tensor ".*", chunk 0: the stored length is %d'
        % value)
refuse("data-longer", build(parts(data={
    "stored": PARTS[-1][2] + b"\0", "plain": PARTS[-1][3] + 1})),
    'section "data": has')

# --- origin -----------------------------------------------------------------

PLACES = zlib.decompress(PARTS[3][2])


def origin(content):
    return build(parts(origin={"codec": 0, "stored": content,
                               "plain": len(content)}))


for n, says in [
        (0, "count at byte 0 needs 4 bytes but only 0 are left"),
        (3, "count at byte 0 needs 4 bytes but only 3 are left"),
        (4, "has a count of 1, too many for the 0 bytes left"),
        (7, "has a count of 1, too many for the 3 bytes left"),
        (8, "name at byte 8 needs 17 bytes but only 0 are left"),
        (30, "has a count of 33, too many for the 1 bytes left"),
        (40, "has a count of 33, too many for the 11 bytes left"),
        (100, "has a count of 33, too many for the 71 bytes left"),
        (len(PLACES) - 1,
         r"name at byte \d+ needs 29 bytes but only 28 are left")]:
    refuse("origin-cut-%d" % n, origin(PLACES[:n]),
           'section "origin": ' + says)
refuse("origin-long", origin(PLACES + b"\0"), 'section "origin": has 1 bytes')
refuse("origin-files", origin(struct.pack("<I", 1 << 31) + PLACES[4:]),
       'section "origin": has a count of 2147483648')
refuse("origin-name", origin(PLACES[:8] + b"/" + PLACES[9:]),
       'section "origin": file name ')


SHARD = b".safetensors"


def long_name(at, n):
    """The name whose length is at `at` has n bytes."""
    length, = struct.unpack_from("<I", PLACES, at)
    name = (b"n" * n)[:n - len(SHARD)] + SHARD
    content = (PLACES[:at] + struct.pack("<I", n) + name +
               PLACES[at + 4 + length:])
    return build(parts(origin={"codec": 0, "stored": content,
                               "plain": len(content)}), root=ROOT)


# One file; then the number of tensors, and of the first its file and place.
FILE_AT = 4
TENSOR_AT = FILE_AT + 4 + struct.unpack_from("<I", PLACES, FILE_AT)[0] + 16
accept("origin-file-255", long_name(FILE_AT, 255), COPY)
refuse("origin-file-256", long_name(FILE_AT, 256),
       'section "origin": a name has 256 bytes, expected at most 255')
accept("origin-tensor-1024", long_name(TENSOR_AT, 1024), COPY)
refuse("origin-tensor-1025", long_name(TENSOR_AT, 1025),
       'section "origin": a name has 1025 bytes, expected at most 1024')

# A folder could not be written back with them.
for name in (b"weights.txt", b"config.json", b"model.safetensors.index.json",
             b".safetensors", b".a.safetensors", b"a/b.safetensors",
             b"a\\b.safetensors", b"a\nb.safetensors", b"a.SAFETENSORS"):
    refuse("origin-called-" + name.hex(), origin(
        PLACES[:FILE_AT] + struct.pack("<I", len(name)) + name +
        PLACES[FILE_AT + 4 + struct.unpack_from("<I", PLACES, FILE_AT)[0]:]),
        r'section "origin": file name ".*" (does not end in \.safetensors|'
        "begins with a dot|has a (slash|backslash|control character) in it)",
        EXPORT)
refuse("origin-twice", origin(struct.pack("<I", 2) + PLACES[
    FILE_AT:TENSOR_AT - 16] + PLACES[FILE_AT:]),
    'section "origin": file name ".*" is there twice', EXPORT)

# --- what only the data can say ---------------------------------------------

at = len(ALL) - 1
bad = ALL[:at] + bytes([ALL[at] ^ 1])
refuse("data", bad, 'tensor ".*": chunk 0 of 1 is damaged', COPY)
refuse("data-eval", bad, 'tensor ".*": chunk 0 of 1 is damaged', EVALUATE)
refuse("data-verify", bad, 'tensor ".*": chunk 0 of 1 is damaged', VERIFY)
refuse("root", build(PARTS, root=bytes(32)), "header: the root is 0000", VERIFY)
# Rows in another order: every sum is right, and all but the root.
flat = next(16 + 32 * i for i in range(len(PARTS[1][2]) // 32)
            if PARTS[1][2][32 * i + 32] == 32)
refuse("order", build(parts(tensors={
    "stored": PARTS[1][2][:flat + 16] + b"\0" + PARTS[1][2][flat + 17:]}),
    root=ROOT), "header: the root is", VERIFY)
refuse("data-sum", build(PARTS, root=ROOT, entry=entry(len(PARTS) - 1, 5, 1)),
       'section "data": its CRC-32 is', VERIFY)
gap = next(i for i in range(4096, len(ALL))
           if ALL[i - 200:i + 8] == bytes(208))
refuse("padding", ALL[:gap] + b"\1" + ALL[gap + 1:],
       '(padding before|tensor ".*": chunk)', VERIFY)
add("pk-verify-gguf", VERIFY + ["in.gguf"], {"in.gguf": b"GGUF" + bytes(60)},
    REFUSED, r"in\.gguf: is a GGUF file, expected a packed file")
add("pk-name", ["quantize", "-q", "-t", "q4_0=out.phipack", "in.phipack"],
    {"in.phipack": ALL}, USAGE,
    r"out\.phipack: is named like a packed file")

# --- what no packed file can hold -------------------------------------------

PACK = ["quantize", "-q", "-t", "pack=out.phipack", "model"]
# What a case does not bring are links out of its folder, which no packed file
# takes.
WHOLE = {"model/" + k: v for k, v in tiny.model().items()}
SHARDED, INDEX = tiny.sharded()
for i, name in enumerate([".hidden.safetensors", "a\tb.safetensors"]):
    index = json.dumps(INDEX).replace(tiny.SHARDS[0], json.dumps(name)[1:-1])
    add("pk-pack-shard-%d" % i, PACK,
        {**WHOLE, "model/model.safetensors": None,
         "model/" + tiny.INDEX: index.encode(),
         "model/" + name: SHARDED[tiny.SHARDS[0]],
         "model/" + tiny.SHARDS[1]: SHARDED[tiny.SHARDS[1]]},
        USAGE, r'out\.phipack: the file ".*" cannot be packed: its name ')


def many_files(path):
    """Of 2^24 bytes of names and some more."""
    for i in range(65000):
        with open(os.path.join(os.path.dirname(path), "%06d" % i + "x" * 249),
                  "wb"):
            pass


add("pk-pack-names", PACK, {**WHOLE, "model/zz": many_files}, USAGE,
    r"out\.phipack: the names of \d+ files beside the weights have \d+ bytes, "
    "at most 16777216 can be packed", seconds=10)

# --- what cannot be packed --------------------------------------------------

# Nothing follows the list of tensors, not even what aligns it: no model.
EMPTY = tiny.gguf_file(tiny.gguf_keys() + [("last", tiny.STRING, "text")],
                       []).rstrip(b"\0")
add("pk-no-padding", ["quantize", "-q", "-j", "1", "-t",
                      "pack:copy=out.phipack", "in.gguf"],
    {"in.gguf": EMPTY}, REFUSED,
    r'in\.gguf: tensor "token_embd\.weight": is missing, expected')
