# SPDX-License-Identifier: MIT
"""Every JSON file of a model with every way in which JSON can be wrong, the
index and what it leads to, and the links and devices in a folder."""

import json
import os

import tiny
from case import ACCEPTED, QUANTIZE, REFUSED, SYSTEM, model, single

SOUND = tiny.model()
FILES = ["config.json", "tokenizer.json", "tokenizer_config.json",
         "special_tokens_map.json", "added_tokens.json", "vocab.json",
         "generation_config.json"]

# What is wrong, the text, and the message behind the file's name.
NOT_JSON = [
    ("empty", b"", r"at byte 0 .*: the text ends"),
    ("blank", b" \n\n", r"at byte 3 \(line 3\).*: the text ends"),
    ("nul", b"\0", r"at byte 0 .*: found byte 0x00"),
    ("open", b'{"a": [1', r"at byte 8 .*: the text ends"),
    ("comma", b'{"a": 1,}', r"at byte 8 .*: found '}'"),
    ("no-comma", b'{"a": 1 "b": 2}', r"at byte 8 .*: found '\"'"),
    ("no-colon", b'{"a" 1}', r"at byte 5 .*: found '1'"),
    ("two", b'{}{}', r"at byte 2 .*: found '{'"),
    ("bare-key", b"{a: 1}", r"at byte 1 .*: found 'a'"),
    ("quotes", b"{'a': 1}", r"at byte 1 .*: found '''"),
    ("comment", b'{} // a', r"at byte 3 .*: found '/'"),
    ("nan", b'{"a": NaN}', r"at byte 6 .*: found 'N'"),
    ("infinity", b'{"a": -Infinity}', r"at byte \d .*: found 'I'"),
    ("hex", b'{"a": 0x10}', r"at byte 7 .*: found 'x'"),
    ("plus", b'{"a": +1}', r"at byte 6 .*: found '\+'"),
    ("zeros", b'{"a": 01}', r"at byte 6 .*expected a number without leading"),
    ("point", b'{"a": .5}', r"at byte 6 .*: found '\.'"),
    ("no-digit", b'{"a": 1.}', r"at byte 8 .*: found '}'"),
    ("exponent", b'{"a": 1e}', r"at byte 8 .*: found '}'"),
    ("true", b'{"a": True}', r"at byte 6 .*: found 'T'"),
    ("half-true", b'{"a": tru}', r"at byte \d .*: found "),
    ("tab", b'{"a": "\t"}', r"at byte 7 .*: found byte 0x09"),
    ("newline", b'{"a": "\n"}', r"at byte 7 .*: found byte 0x0a"),
    ("escape", b'{"a": "\\x41"}', r"at byte \d .*is not valid JSON"),
    ("hex-4", b'{"a": "\\u00g0"}', r"at byte 11 .*: found 'g'"),
    ("surrogate", b'{"a": "\\udc00"}', r"at byte 7 .*is not valid JSON"),
    ("half-pair", b'{"a": "\\ud800\\u0041"}', r"at byte \d+ .*not valid JSON"),
    ("zero", b'{"a": "\\u0000"}', r"at byte 7 .*other than \\\\?u0000"),
    ("bom", b'\xef\xbb\xbf{}', r"at byte 0: begins with a byte order mark"),
    ("utf-16", '{"a": 1}'.encode("utf-16-le"), r"at byte 1 .*0x00"),
    ("latin", b'{"a": "\xe9"}', r"at byte 7: .*expected valid UTF-8"),
    ("overlong", b'{"a": "\xc1\x81"}', r"at byte 7: .*expected valid UTF-8"),
    ("beyond", b'{"a": "\xf4\x90\x80\x80"}', r"at byte 7: .*valid UTF-8"),
    ("lone", b'{"a": "\xed\xb0\x80"}', r"at byte 7: .*expected valid UTF-8"),
    ("deep", b"[" * 513 + b"]" * 513, r"at byte 512: is nested more than 512"),
    ("deeper", b"[" * 2000000, r"at byte 512: is nested more than 512 deep"),
    ("digits", b'{"a": 1' + b"0" * 63 + b"}",
     r"at byte 6: a number has \d+ characters, the limit is 63"),
    ("digits-1m", b'{"a": 1' + b"0" * 1000000 + b"}",
     r"at byte 6: a number has \d+ characters, the limit is 63"),
    ("huge-number", b'{"a": 1e999}', r"at byte 6: a number is beyond the"),
    ("twice", b'{"a": 1, "b": 2, "a": 1}', r'key "a": is there twice'),
    ("twice-escaped", b'{"a": 1, "\\u0061": 1}', r'key "a": is there twice'),
    ("twice-inside", b'{"x": [{"a": 1, "a": 2}]}',
     r'key "x\[0\]\.a": is there twice'),
    ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
     r"is a Git LFS pointer, expected JSON"),
    ("array", b"[]", r"is an array, expected an object"),
    ("text", b'"a"', r"is a string, expected an object"),
    ("number", b"17", r"is 17, expected an object"),
]
for where in FILES:
    for name, text, says in NOT_JSON:
        single("json-%s-%s" % (where[:-5], name), where, text, REFUSED, says)

# At the limits: depth, digits of a number.
DEEP = json.loads(SOUND["config.json"])


def config(extra):
    text = SOUND["config.json"].rstrip()
    return text[:-1].rstrip() + b', "id2label": ' + extra + b"}"


single("json-ok-depth-512", "config.json",
       config(b"[" * 511 + b"]" * 511), ACCEPTED)
single("json-depth-513", "config.json", config(b"[" * 512 + b"]" * 512),
       REFUSED, "at byte .*: is nested more than 512 deep")
single("json-ok-digits-63", "config.json", config(b"1" * 63), ACCEPTED)
single("json-digits-64", "config.json", config(b"1" * 64), REFUSED,
       "at byte .*: a number has 64 characters, the limit is 63")


def sparse(size):
    """Blanks would do as well, and would take time to write."""
    def make(path):
        with open(path, "wb") as f:
            f.truncate(size)
    return make


MIB = 1 << 20
for where, size in [("config.json", 64), ("generation_config.json", 64),
                    ("tokenizer_config.json", 64),
                    ("special_tokens_map.json", 64),
                    ("added_tokens.json", 64), ("tokenizer.json", 256),
                    ("vocab.json", 256), ("merges.txt", 256)]:
    name = where.split(".")[0]
    single("size-%s-over" % name, where, sparse(size * MIB + 1), REFUSED,
           "has %d bytes, the limit is %d" % (size * MIB + 1, size * MIB))
    if where != "merges.txt":
        single("size-%s-at" % name, where, sparse(size * MIB), REFUSED,
               "at byte 0 .*: found byte 0x00", mebibytes=size + 64)


def values(n):
    """n values in one document that is honest otherwise."""
    return config(b"[" + b"0," * (n - 1) + b"0]")


def values_file(n):
    def make(path):
        with open(path, "wb") as f:
            f.write(values(n))
    return make


HAVE = len(tiny.CONFIG) + 3  # the root, the array, architectures' element
single("json-ok-values", "config.json", values_file((1 << 22) - HAVE),
       ACCEPTED, seconds=10, args=QUANTIZE + ["--max-memory", "1G"])
single("json-values-over", "config.json", values_file((1 << 22) - HAVE + 1),
       REFUSED, "at byte .*: has more than 4194304 values", seconds=10,
       mebibytes=512)

# --- the index -------------------------------------------------------------

SHARDED, INDEX = tiny.sharded()
FIRST, SECOND = tiny.SHARDS


def index(name, value, says, code=REFUSED, files=None, where=tiny.INDEX):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    changed = {**SHARDED, "model.safetensors": None, tiny.INDEX: text,
               **(files or {})}
    model("ix-" + name, changed, code, where, says)


index("ok", INDEX, "", ACCEPTED)
index("ok-no-metadata", {"weight_map": INDEX["weight_map"]}, "", ACCEPTED)
for name, text, says in NOT_JSON:
    index("json-" + name, text, says)
for name, value, says in [
        ("no-map", {"metadata": {}}, 'key "weight_map": is missing'),
        ("map-null", {"weight_map": None}, 'key "weight_map": is null'),
        ("map-array", {"weight_map": []},
         'key "weight_map": is an array, expected an object'),
        ("map-text", {"weight_map": "a.safetensors"},
         'key "weight_map": is a string, expected an object'),
        ("map-empty", {"weight_map": {}},
         'key "weight_map": is empty, expected the model')]:
    index(name, value, says)
KEY = "lm_head.bias"


def entry(name, shard, says, **more):
    index(name, {"weight_map": {**INDEX["weight_map"], KEY: shard}},
          says, **more)


for i, shard in enumerate([1, None, [], {}, True]):
    entry("shard-kind-%d" % i, shard,
          r'key "weight_map\.lm_head\.bias": is .*, expected a string')
for i, shard in enumerate(["../model.safetensors", "/etc/passwd.safetensors",
                           "a/b.safetensors", "./a.safetensors",
                           "..\\a.safetensors", "a/../../b.safetensors",
                           "/", "../../../../../etc/passwd"]):
    entry("traversal-%d" % i, shard, r'key "weight_map\.lm_head\.bias": is '
          '".*", expected a file name without a folder')
for i, shard in enumerate(["", ".", "..", "model.bin", "a.safetensors.bin",
                           ".safetensors", "a.safetensors ", "a.SAFETENSORS",
                           "pytorch_model.bin", "\x1b[2J.bin"]):
    entry("shard-name-%d" % i, shard, r'key "weight_map\.lm_head\.bias": is '
          r'".*", expected a name that ends in "\.safetensors"')
entry("shard-256", "a" * 244 + ".safetensors",
      r'key "weight_map\.lm_head\.bias": has 256 bytes, the limit is 255')
entry("shard-255", "a" * 243 + ".safetensors",
      'names the shard "a+", which is not in the folder')
entry("shard-missing", "model-00003-of-00003.safetensors",
      'names the shard "model-00003-of-00003.safetensors", which is not in')
entry("wrong-shard", FIRST, r'tensor "lm_head\.bias": is here, but the index '
      "expects it in " + FIRST, where=SECOND)
index("stranger", {"weight_map": {**INDEX["weight_map"], "x": FIRST}},
      'tensor "x": is missing in ' + FIRST)
index("unlisted", {"weight_map": {k: v for k, v in
                                  INDEX["weight_map"].items() if k != KEY}},
      r'tensor "lm_head\.bias": is not in the index', where=SECOND)
index("both", INDEX, r"is there, but so is model\.safetensors",
      files={"model.safetensors": SOUND["model.safetensors"]})
for where in (FIRST, SECOND):
    index("gone-" + where[:11], INDEX, 'names the shard "%s"' % where,
          files={where: None})
    index("cut-" + where[:11], INDEX, r'tensor ".*": its data ends',
          files={where: SHARDED[where][:-1]}, where=where)
    index("lfs-" + where[:11], INDEX, "is a Git LFS pointer",
          files={where: b"version https://git-lfs.github.com/spec/v1\n"},
          where=where)
index("same-shard", INDEX, 'tensor ".*": is here, but the index expects',
      files={SECOND: SHARDED[FIRST]}, where=SECOND)
index("many-shards", {"weight_map": {
    **INDEX["weight_map"],
    **{"t%d" % i: "s%d.safetensors" % i for i in range(20000)}}},
    'names the shard "s0.safetensors", which is not in the folder')
index("long-names", {"weight_map": {
    **INDEX["weight_map"], "\x1b[31m" * 1000: FIRST}},
    r'tensor "\\x1b\[31m.*": is missing in')

# --- what is no plain file -------------------------------------------------


def link(target):
    return lambda path: os.symlink(target, path)


model("path-link-out", {"config.json": link("../../base/model/config.json")},
      ACCEPTED)
for where in ("config.json", "model.safetensors", "tokenizer.json",
              "README.md", "merges.txt"):
    name = where.split(".")[0]
    single("path-fifo-" + name, where, os.mkfifo, SYSTEM,
           "is a special file, expected a regular file")
    single("path-folder-" + name, where, os.mkdir, SYSTEM,
           "is a folder, expected a regular file")
    single("path-device-" + name, where, link("/dev/zero"), SYSTEM,
           "is a special file, expected a regular file")
    if where in ("config.json", "model.safetensors"):
        model("path-dangling-" + name, {where: link("nowhere")}, REFUSED, "",
              "has no ")
    model("path-loop-" + name, {where: link(where)},
          REFUSED if where in ("config.json", "model.safetensors")
          else ACCEPTED, "",
          "has no " if where in ("config.json", "model.safetensors") else "")
for where in ("config.json", "model.safetensors"):
    model("path-none-" + where.split(".")[0], {where: None}, REFUSED, "",
          "has no ")
model("path-no-tokenizer", {"tokenizer.json": None, "merges.txt": None},
      REFUSED, "", "has no tokenizer")
model("path-pickle", {"model.safetensors": None,
                      "pytorch_model.bin": b"PK\3\4"}, REFUSED, "",
      r"has its weights in pytorch_model\.bin only")
