# SPDX-License-Identifier: MIT
"""Lists of many in small files: time is that of the file, not of its square,
and memory is bounded where each of many is within its limit. Most of these
took 5 to 60 s once."""

import json
import zlib

import tiny
from case import ACCEPTED, QUANTIZE, REFUSED, add, model
from cases_adapter import CONFIG, adapter, layers
from cases_limits import inspected
from cases_merge import LORA
from cases_pack import PARTS, ROOT, accept, refuse
from packed import FILE, build

MIB = 1 << 20
COMPACT = {"separators": (",", ":")}


def compact(value):
    return json.dumps(value, **COMPACT).encode()


# --- cards, names, templates ------------------------------------------------

# Sanitizers take more than what is allowed for the work by default.
ROOMY = {"args": QUANTIZE + ["--max-memory", "1G"]}
model("card-ok-many-datasets",
      {"README.md": b"---\ndatasets:\n" + b"- a/b\n" * 60000 + b"---\n"},
      ACCEPTED, **ROOMY)
model("card-ok-many-bases",
      {"README.md": b"---\nbase_model:\n" + b"- name: b\n" * 40000 +
       b"---\n"}, ACCEPTED, **ROOMY)
model("cf-ok-many-sizes", {"config.json": compact({
    **tiny.CONFIG, "_name_or_path": "m-" + "-".join(
        "50.%06dk" % i for i in range(60000))})}, ACCEPTED)


def templates(names):
    return {"tokenizer_config.json": compact({
        **tiny.tokenizer_config(), "chat_template": [
            {"name": name, "template": ""} for name in names]})}


MANY = ["a%d" % i for i in range(60000)]
model("ct-ok-many", templates(MANY), ACCEPTED, **ROOMY)
model("ct-many-twice", templates(MANY + MANY[-1:]), REFUSED,
      "tokenizer_config.json", 'two chat templates are called "a59999"')

# --- a model of as many layers as there may be ------------------------------

LONG, NARROW = 4096, 2


def long_checkpoint(path):
    """Its 57,348 tensors, each of which was looked for among all others four
    times; Ctrl-C did not end that."""
    entries = {}
    for name, shape in tiny.shapes():
        shape = [d if d == tiny.VOCAB else NARROW for d in shape]
        for i in range(LONG if ".layers.0." in name else
                       ".layers." not in name):
            entries[name.replace(".0.", ".%d." % i)] = (
                "F16", shape, bytes(2 * tiny.count(shape)))
    with open(path, "wb") as f:
        f.write(tiny.st_file(entries))


# Links to the sound model's files would be refused.
LONG_MODEL = {**tiny.model(), "model.safetensors": long_checkpoint,
              "config.json": compact({
    **tiny.CONFIG, "num_hidden_layers": LONG, "hidden_size": NARROW,
    "intermediate_size": NARROW, "num_attention_heads": 1,
    "num_key_value_heads": 1, "partial_rotary_factor": 1.0})}
model("st-ok-many-exported", LONG_MODEL, ACCEPTED, seconds=5,
      args=["export", "-q", "-j", "1", "-o", "out"])

# --- what inspect shows -----------------------------------------------------

inspected("ok-many-floats", {
    "architectures": ["Other"], "zzz": [""] * 1000000,
    **{"f%d" % i: 0.5 for i in range(1000)}}, ACCEPTED, seconds=4)
# "config." comes first; each value has the whole path.
inspected("ok-path-1024", {"architectures": ["Other"], "x" * 1012: {
    "%04d" % i: i for i in range(4000)}}, ACCEPTED, seconds=4)
inspected("path-1025", {"architectures": ["Other"], "x" * 1012: {
    "%05d" % i: i for i in range(300)}}, REFUSED,
    "key .*: has a path of 1025 bytes, expected at most 1024$")
inspected("path-twice", {"architectures": ["Other"], "a.b": 1,
                         "a": {"b": 2}}, REFUSED,
          'key "a.b": is spelled as the path of another value$')
inspected("path-long", {"architectures": ["Other"], "x" * 20000000: {
    "a%d" % i: 1 for i in range(300)}}, REFUSED,
    "key .*: has a path of 20000007 bytes, expected at most 1024$",
    mebibytes=128)

# --- adapters ---------------------------------------------------------------

adapter("cf-ok-many-names", {"adapter_config.json": compact({
    **CONFIG, "target_modules": CONFIG["target_modules"] +
    ["x"] * 16000})}, ACCEPTED)
adapter("cf-ok-many-layers", {"adapter_config.json": compact({
    **CONFIG, "layers_to_transform": [0, 1] * 8000})}, ACCEPTED)
add("ad-ok-many-keys", ["quantize", "-q", "-j", "1", "-t", "f16=out.gguf",
                        "in.gguf"] + LORA, {
    "in.gguf": tiny.gguf_file(tiny.gguf_keys() + [
        ("general.x.k%d" % i, tiny.U32, i) for i in range(40000)]),
    "adapter/adapter_config.json": json.dumps(CONFIG).encode(),
    "adapter/adapter_model.safetensors": tiny.st_file(layers())}, ACCEPTED)

# --- files in a packed file -------------------------------------------------


def with_files(files, **more):
    """Some more before the data; their names come after all others."""
    return build(PARTS[:-1] + [[FILE, *f] for f in files] + PARTS[-1:],
                 root=ROOT, **more)


PACK = ["quantize", "-q", "-j", "1", "-t", "pack:copy=out.phipack"]
accept("many-files", with_files(
    [(0, b"x", 1, b"files/zz%s%06d" % (b"q" * 40, i))
     for i in range(60000)]), PACK)
# Each has 8 MiB, all of them more than a refusal may take; the last is bad.
ZEROS = zlib.compress(bytes(8 * MIB), 9)
refuse("many-large-files", with_files(
    [(1, ZEROS, 8 * MIB, b"files/zz%02d.txt" % i) for i in range(16)] +
    [(1, ZEROS[:-1], 8 * MIB, b"files/zz99.txt")]),
    'section "files/zz99.txt": is no whole zlib stream', PACK)
