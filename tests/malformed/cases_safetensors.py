# SPDX-License-Identifier: MIT
"""safetensors: the header's length, its JSON, entries, ranges and data."""

import json
import struct

import tiny
from case import ACCEPTED, REFUSED, add, model, single

FILE = "model.safetensors"
SOUND = tiny.tensors()
HEADER = tiny.st_header(SOUND)
DATA = b"".join(e[2] for e in SOUND.values())
NORM = "model.final_layernorm.weight"
LAST = "lm_head.bias"
ALL = tiny.st_file(SOUND)


def refuse(name, content, says, **more):
    single("st-" + name, FILE, content, REFUSED, says, **more)


def accept(name, content, **more):
    single("st-ok-" + name, FILE, content, ACCEPTED, **more)


def entry(name, says, key=NORM, **changes):
    """One entry of the header is another; None takes a member away."""
    header = {k: dict(v) for k, v in HEADER.items()}
    for member, value in changes.items():
        if value is None:
            del header[key][member]
        else:
            header[key][member] = value
    refuse(name, tiny.st_pack(header, DATA), says)


def tensor(name, says, key, dtype, shape, data):
    """One tensor is another."""
    entries = dict(SOUND)
    entries[key] = (dtype, shape, data)
    refuse(name, tiny.st_file(entries), says)


# --- the length ------------------------------------------------------------

for n in range(8):
    refuse("short-%d" % n, ALL[:n],
           "has %d bytes, expected at least 8" % n)
for n in (8, 9, 10, 64, 100, 1000, 3000):
    refuse("cut-header-%d" % n, ALL[:n],
           r"the header ends at byte \d+, but the file has %d bytes" % n)
START = 8 + struct.unpack("<Q", ALL[:8])[0]
for n in (START, START + 1, START + 4096, len(ALL) // 2, len(ALL) - 2,
          len(ALL) - 1):
    refuse("cut-data-%d" % n, ALL[:n],
           r'tensor ".*": its data ends at byte \d+, '
           "but the file has %d bytes" % n)
for n in (1, 2, 8, 4096):
    refuse("longer-%d" % n, ALL + b"\0" * n,
           r"the data of the last tensor ends at byte \d+, "
           "but the file has %d bytes" % (len(ALL) + n))
for n in (100000001, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63,
          (1 << 64) - 9, (1 << 64) - 8, (1 << 64) - 1):
    refuse("length-%d" % n, struct.pack("<Q", n) + ALL[8:],
           r"the header has %d bytes \(at byte 0\), the limit is 100000000"
           % n)
refuse("length-100000000", struct.pack("<Q", 100000000) + ALL[8:],
       r"the header ends at byte 100000008, but the file has")
for n in (0, 1, 2):
    refuse("length-%d" % n, struct.pack("<Q", n) + ALL[8:],
           r"header: at byte \d \(line 1\): is not valid JSON: the text ends")
refuse("length-less", struct.pack("<Q", START - 9) + ALL[8:],
       r"header: at byte \d+ \(line 1\): is not valid JSON")
refuse("length-more", struct.pack("<Q", START - 7) + ALL[8:],
       r"header: at byte \d+: found byte 0x[0-9a-f]{2}, expected valid UTF-8")
refuse("all-zeros", bytes(4096), "header: at byte 0 .*: the text ends")
refuse("all-ones", b"\xff" * 4096, "the header has 18446744073709551615 ")


def limit(size):
    """A header of `size` bytes, blanks at its end, made without memory."""
    def make(path):
        text = json.dumps(HEADER).encode()
        with open(path, "wb") as f:
            f.write(struct.pack("<Q", size) + text)
            blank = b" " * (1 << 20)
            left = size - len(text)
            while left > 0:
                f.write(blank[:min(left, len(blank))])
                left -= len(blank)
            f.write(DATA)
    return make


accept("header-100000000", limit(100000000), seconds=10, mebibytes=512)
refuse("header-100000001", limit(100000001),
       "the header has 100000001 bytes .*, the limit is 100000000")

# --- other files -----------------------------------------------------------

refuse("lfs", b"version https://git-lfs.github.com/spec/v1\n"
       b"oid sha256:" + b"0" * 64 + b"\nsize 123\n",
       "is a Git LFS pointer without the data")
for n in (2, 3, 4, 5):
    refuse("pickle-%d" % n, b"\x80" + bytes([n]) + b"ccollections\n" * 9,
           "is a PyTorch pickle, expected a safetensors file")
refuse("zip", b"PK\3\4" + b"\x14\0" * 40, "is a zip archive")
refuse("gguf", tiny.gguf_file(), "is a GGUF file, expected a safetensors")
refuse("json", b'{"metadata": {}}' * 4, "is JSON, expected a safetensors")

# --- the header as JSON ----------------------------------------------------

for i, (text, says) in enumerate([
        (b"[]", "is an array, expected an object"),
        (b"0", "is 0, expected an object"),
        (b'"x"', 'is a string, expected an object'),
        (b"null", "is null, expected an object"),
        (b"{} {}", "is not valid JSON: found '{'"),
        (b"{},", "is not valid JSON: found ','"),
        (b"{\0}", "is not valid JSON: found byte 0x00"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        (b"{'a': 1}", "is not valid JSON: found '''"),
        (b"{/**/}", "is not valid JSON: found '/'"),
        (b'{"a": {"dtype": "F32"', "is not valid JSON: the text ends"),
        (b'{"a": NaN}', "is not valid JSON: found 'N'"),
        (b'{"\xff": 1}', "expected valid UTF-8"),
        (b'{"\xc0\x80": 1}', "expected valid UTF-8"),
        (b'{"\xed\xa0\x80": 1}', "expected valid UTF-8"),
        (b'{"\\u0000": 1}', "is not valid JSON"),
        (b'{"\\ud800": 1}', "is not valid JSON"),
        (b"[" * 600, "is nested more than 512 deep"),
        (b'{"a":' * 600, "is nested more than 512 deep"),
        (b'{"a": 1, "a": 1}', 'key "a": is there twice')]):
    refuse("header-%02d" % i, tiny.st_pack(text, DATA), "header: .*" + says)

twice = json.dumps(HEADER).encode()
twice = b'{"%s": %s, ' % (
    NORM.encode(), json.dumps(HEADER[NORM]).encode()) + twice[1:]
refuse("twice", tiny.st_pack(twice, DATA), r'header: key "model\.final.*": is '
       "there twice, expected once")
accept("padded", tiny.st_pack(HEADER, DATA, b" " * 7))
for name, pad in [("nul", b"\0"), ("text", b"x"), ("brace", b"}"),
                  ("formfeed", b"\f")]:
    refuse("padded-" + name, tiny.st_pack(HEADER, DATA, pad),
           "header: .*is not valid JSON: found .*, expected the end of the")
accept("leading-blank", tiny.st_pack(
    b" \n" + json.dumps(HEADER).encode(), DATA))
accept("metadata", tiny.st_pack({"__metadata__": {"format": "pt"}, **HEADER},
                                DATA))
accept("metadata-empty", tiny.st_pack({"__metadata__": {}, **HEADER}, DATA))
accept("order", tiny.st_pack(dict(reversed(list(HEADER.items()))), DATA))
for name, value, says in [
        ("array", [], "is an array, expected an object"),
        ("text", "pt", "is a string, expected an object"),
        ("null", None, "is null, expected an object"),
        ("number", {"a": 1}, "is 1, expected a string"),
        ("object", {"a": {}}, "is an object, expected a string"),
        ("bool", {"a": True}, "is a boolean, expected a string")]:
    refuse("metadata-" + name,
           tiny.st_pack({"__metadata__": value, **HEADER}, DATA),
           r'header: key "__metadata__.*": ' + says)

# --- entries ---------------------------------------------------------------

for value, what in [([], "an array"), (1, "1"), ("x", "a string"),
                    (None, "null"), (True, "a boolean")]:
    refuse("entry-is-" + what.split()[-1],
           tiny.st_pack({**HEADER, NORM: value}, DATA),
           r'header: key "%s": is %s, expected an object' % (NORM, what))
for member in ("dtype", "shape", "data_offsets"):
    entry("no-" + member, r'header: key "%s\.%s": is missing' % (NORM, member),
          **{member: None})
entry("member", "header: key .*: is not known, expected dtype, shape and",
      strides=[1])
for i, value in enumerate(["F17", "f16", "F16 ", "", "FLOAT", "Q4_0",
                           "F16\x1b[31m", "F" * 100000]):
    entry("dtype-%d" % i, "header: key .*dtype.*: is .*, expected a type that "
          "safetensors knows", dtype=value)
for i, value in enumerate([1, None, [], {}]):
    header = {k: dict(v) for k, v in HEADER.items()}
    header[NORM]["dtype"] = value
    refuse("dtype-kind-%d" % i, tiny.st_pack(header, DATA),
           "header: key .*dtype.*: is .*, expected a string")
for i, value in enumerate([-1, 1.5, 64.0, 1e3, "64", True, [64], {}, None,
                           1 << 53, 1 << 63, 1 << 64, 10 ** 60]):
    entry("dimension-%d" % i, r"header: key .*shape\[0\].*: is .*, expected "
          "an integer", shape=[value])
entry("dimension-digits", "header: .*number", shape=[10 ** 70])
for i, value in enumerate([{}, 64, "64", None, True]):
    header = {k: dict(v) for k, v in HEADER.items()}
    header[NORM]["shape"] = value
    refuse("shape-kind-%d" % i, tiny.st_pack(header, DATA),
           "header: key .*shape.*: is .*, expected an array")
entry("rank-9", "header: key .*shape.*: has 9 dimensions, the limit is 8",
      shape=[64] + [1] * 8)
entry("rank-1000", "header: key .*shape.*: has 1000 dimensions",
      shape=[1] * 1000)
entry("rank-8", r'tensor "model\.final_layernorm\.weight": has shape .*'
      r"expected \[64\] by config\.json", shape=[64] + [1] * 7)
entry("rank-0", r'tensor ".*": data_offsets hold 128 bytes, but shape \[\]',
      shape=[])
BIG = (1 << 53) - 1
for i, shape in enumerate([[BIG, BIG], [1 << 32, 1 << 32], [1 << 52, 1 << 12],
                           [BIG] * 8, [BIG, 2048, 1], [1 << 31] * 3]):
    entry("shape-wraps-%d" % i, r'tensor ".*": shape .*overflows',
          shape=shape)
for i, shape in enumerate([[63], [65], [0], [64, 0], [8, 9], [BIG],
                           [1 << 40, 64], [32]]):
    entry("shape-size-%d" % i, r'tensor ".*": data_offsets hold 128 bytes, '
          r"but shape \[.*\] of F16 needs \d+", shape=shape)
for i, value in enumerate([[], [0], [0, 1, 2], [0] * 1000]):
    entry("offsets-number-%d" % i, r"header: key .*data_offsets.*: has %d "
          "numbers, expected 2" % len(value), data_offsets=value)
for i, value in enumerate([{}, 0, "0", None]):
    header = {k: dict(v) for k, v in HEADER.items()}
    header[NORM]["data_offsets"] = value
    refuse("offsets-kind-%d" % i, tiny.st_pack(header, DATA),
           "header: key .*data_offsets.*: is .*, expected an array")
AT, END = HEADER[NORM]["data_offsets"]
for i, value in enumerate([-1, 0.5, "0", None, 1 << 53, 1 << 64]):
    entry("offset-kind-%d" % i, r"header: key .*data_offsets\[0\].*: is .*, "
          "expected an integer", data_offsets=[value, END])
entry("backwards", r"header: key .*data_offsets.*: ends at \d+ before it "
      r"begins at \d+", data_offsets=[END, AT])
for i, (b, e) in enumerate([(AT, END + 2), (AT, END - 2), (AT, AT),
                            (0, END), (AT, BIG)]):
    entry("range-size-%d" % i, r'tensor ".*": data_offsets hold \d+ bytes, '
          r"but shape \[64\] of F16 needs 128", data_offsets=[b, e])
for i, (b, e) in enumerate([(0, 128), (AT - 128, AT), (AT - 2, END - 2),
                            (AT + 2, END + 2), (BIG - 128, BIG),
                            (len(DATA), len(DATA) + 128)]):
    entry("range-%d" % i, r'tensor ".*": data_offsets begin at \d+, '
          r"expected \d+: (tensors overlap|bytes that belong to no tensor)",
          data_offsets=[b, e])
LAST_AT = HEADER[LAST]["data_offsets"][0]
gap = {k: dict(v) for k, v in HEADER.items()}
gap[LAST]["data_offsets"] = [LAST_AT + 8,
                             LAST_AT + 8 + tiny.VOCAB * 2]
refuse("hole-at-the-end", tiny.st_pack(gap, DATA + bytes(8)),
       r'tensor "lm_head\.bias": data_offsets begin at .*belong to no tensor')
refuse("hole-at-the-start",
       tiny.st_pack(tiny.st_header(SOUND, 8), bytes(8) + DATA),
       'tensor ".*": data_offsets begin at 8, expected 0: bytes that belong')
alias = dict(HEADER)
alias["model.extra"] = HEADER[NORM]
refuse("alias", tiny.st_pack(alias, DATA), "tensor .*: tensors overlap")
bomb = {"t%d" % i: {"dtype": "U8", "shape": [4096],
                    "data_offsets": [0, 4096]} for i in range(20000)}
refuse("many-aliases", tiny.st_pack(bomb, bytes(4096)),
       "tensor .*: tensors overlap")
many = {"t%05d" % i: ("U8", [1], b"\0") for i in range(20000)}
NO_PART = "is no part of a Phi, expected names such as"
refuse("many-strangers", tiny.st_file({**SOUND, **many}),
       'tensor "t00000": ' + NO_PART)
none = {"t%05d" % i: ("U8", [0], b"") for i in range(20000)}
refuse("many-empty", tiny.st_file({**SOUND, **none}),
       'tensor "t00000": ' + NO_PART)
for n in (1024, 1025, 100000):
    refuse("name-%d" % n, tiny.st_file({**SOUND, "x" * n:
                                        ("F16", [1], b"\0\0")}),
           'tensor "x{128}": ' +
           ("its name has %d bytes, the limit is 1024" % n if n > 1024
            else NO_PART))
for i, name in enumerate(["", "a\nb", "\x1b[2J", "\u202e", "a/b", "..",
                          "model.layers.2.mlp.fc1.weight",
                          "model.layers.-1.mlp.fc1.weight",
                          "model.layers.00.mlp.fc1.weight",
                          "model.layers.18446744073709551616.mlp.fc1.weight",
                          "model.layers.0.mlp.fc3.weight", "lm_head",
                          "base_model.model.lm_head.weight"]):
    refuse("stranger-%02d" % i,
           tiny.st_file({**SOUND, name: ("F16", [1], b"\0\0")}),
           'tensor ".*": ' + ("is of layer 2, expected 0 to 1: "
                              if "layers.2" in name else NO_PART))

# --- what the format allows and a Phi has no use for ------------------------


def listed(name, entries):
    add("st-ok-listed-" + name, ["inspect", "-q", "-t", "x.safetensors"],
        {"x.safetensors": tiny.st_file(entries)}, ACCEPTED)


ONE = ("F32", [1], b"\0\0\x80\x3f")
listed("empty", {"a": ("F32", [0], b""), "b": ONE, "c": ("F16", [3, 0, 2], b""),
                 "d": ("U8", [0], b"")})
listed("scalar", {"a": ("F32", [], ONE[2]), "b": ("U8", [], b"\1")})
listed("values", {"a": ("F32", [3], b"\0\0\xc0\x7f\0\0\x80\x7f\0\0\x80\xff"),
                  "b": ("BOOL", [2], b"\2\xff")})
listed("types", {d: (d, [2], bytes(2 * size)) for d, size in [
    ("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E5M2", 1), ("F8_E4M3", 1),
    ("I16", 2), ("U16", 2), ("F16", 2), ("BF16", 2), ("I32", 4), ("U32", 4),
    ("F32", 4), ("F64", 8), ("I64", 8), ("U64", 8)]})

# --- what the model needs --------------------------------------------------

for i, missing in enumerate(SOUND):
    entries = dict(SOUND)
    del entries[missing]
    model("st-missing-%02d" % i, {FILE: tiny.st_file(entries)}, REFUSED, "",
          'tensor "%s": is missing, expected with shape'
          % missing.replace(".", r"\."))
for dtype, size in [("I8", 1), ("U8", 1), ("BOOL", 1), ("I16", 2),
                    ("U16", 2), ("I32", 4), ("U32", 4), ("I64", 8),
                    ("U64", 8)]:
    tensor("integers-" + dtype, r'tensor ".*": is %s, expected F16, BF16'
           % dtype, NORM, dtype, [64], bytes(64 * size))
for i, shape in enumerate([[32, 4], [128], [1, 128], [128, 1], [2, 64]]):
    tensor("other-shape-%d" % i, r'tensor ".*": has shape .*, expected '
           r"\[64\] by config\.json", NORM, "F16", shape, bytes(256))
for name, pattern in [("nan", b"\x00\x7e"), ("nan-negative", b"\x01\xfe"),
                      ("nan-signalling", b"\x01\x7c"),
                      ("infinity", b"\x00\x7c"),
                      ("minus-infinity", b"\x00\xfc")]:
    for key in (NORM, LAST, "model.layers.1.mlp.fc2.weight"):
        dtype, shape, data = SOUND[key]
        at = len(data) // 2 & ~1
        tensor("%s-in-%s" % (name, key.split(".")[-2]),
               r'tensor "%s": .*(row|element|column)' %
               key.replace(".", r"\."), key, dtype, shape,
               data[:at] + pattern + data[at + 2:])
for dtype, one in [("F32", b"\0\0\x80\x3f"), ("BF16", b"\x80\x3f"),
                   ("F64", b"\0\0\0\0\0\0\xf0\x3f")]:
    entries = dict(SOUND)
    entries[NORM] = (dtype, [64], one * 64)
    accept("dtype-" + dtype, tiny.st_file(entries))
for name, pattern in [("zero", b"\0\0"), ("minus-zero", b"\0\x80"),
                      ("least", b"\x01\x00"), ("largest", b"\xff\x7b"),
                      ("minus-largest", b"\xff\xfb")]:
    entries = dict(SOUND)
    key = "model.layers.1.mlp.fc2.weight"
    entries[key] = ("F16", [64, 64], pattern * 4096)
    accept("values-" + name, tiny.st_file(entries))
