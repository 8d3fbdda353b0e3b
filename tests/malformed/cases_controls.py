# SPDX-License-Identifier: MIT
"""Names and values that would move a terminal, in everything that a command
shows: escape sequences, DEL, C1 controls and bytes that are not UTF-8. All are
accepted: what is refused is a message, which every case looks at."""

import json

import cases_pack
import tiny
from case import ACCEPTED, add
from cases_adapter import CONFIG, layers, tensor
from tiny import ARRAY, STRING

# Each moves or confuses a terminal by itself.
TEXT = "a\x1b[31m\x7f\u009b31m\u0085\r\x07\x9d0;b"
BYTES = TEXT.encode() + b"\xff\x9b\xc2"
LONG = ("\u009b\x7f" * 400).encode()
FORMS = {"json": ["--json", "--hash"], "summary": ["-q"],
         "lists": ["-q", "-t", "-m"], "diff": ["-q", "--diffable"]}


def shown(name, operand, files, more=None):
    for form, options in {**FORMS, **(more or {})}.items():
        add("cc-%s-%s" % (name, form), ["inspect", operand, *options], files,
            ACCEPTED)


# Every fact of the summary, and lists of texts.
FACTS = ["general.name", "general.license", "general.base_model.0.name",
         "adapter.type", "phiconv.version", "phiconv.recipe",
         "phiconv.source.sha256", "phiconv.imatrix.sha256"]
KEYS = [k for k in tiny.gguf_keys() if k[0] not in FACTS]
NAMED = [(TEXT + "%d" % i, [1], 0, bytes(4)) for i in range(2)] + \
    [(LONG[:999], [1], 0, bytes(4)), (BYTES, [1], 0, bytes(4))]
GGUF = tiny.gguf_file(
    KEYS + [(key, STRING, BYTES) for key in FACTS] +
    [("x.long", STRING, LONG), ("x.list", ARRAY, (STRING, [BYTES, LONG])),
     ("phiconv.source.files", ARRAY, (STRING, [BYTES]))],
    tiny.gguf_entries() + NAMED)
shown("gguf", "in.gguf", {"in.gguf": GGUF},
      {"compare": ["-t", "-m", "--compare", "in.gguf"]})
shown("imatrix", "in.imatrix", {"in.imatrix": tiny.gguf_file(
    [k for k in tiny.imatrix_keys() if k[0] != "imatrix.datasets"] +
    [("imatrix.datasets", ARRAY, (STRING, [BYTES]))],
    tiny.imatrix_entries() + [(BYTES + b".in_sum2", [8, 1], 0, bytes(32)),
                              (BYTES + b".counts", [1, 1], 0, bytes(4))])})
shown("legacy", "in.imatrix", {"in.imatrix": tiny.legacy_file(
    [tiny.legacy_entry(BYTES, [1.0] * 8)],
    tail=b"\4\0\0\0" + len(BYTES).to_bytes(4, "little") + BYTES)})
ENTRIES = {**tiny.tensors(), TEXT: ("F16", [1], b"\0\0")}
shown("safetensors", "in.safetensors", {"in.safetensors": tiny.st_pack(
    {"__metadata__": {TEXT: TEXT}, **tiny.st_header(ENTRIES)},
    b"".join(e[2] for e in ENTRIES.values()))})
shown("folder", "model", {
    "model/config.json": json.dumps({**tiny.CONFIG, TEXT: TEXT}).encode(),
    "model/model.safetensors": tiny.st_file(ENTRIES)},
      {"stored": ["-q", "--stored", "-t", "-m"]})
shown("adapter", "adapter", {
    "adapter/adapter_config.json": json.dumps(
        {**CONFIG, "base_model_name_or_path": TEXT,
         "target_modules": CONFIG["target_modules"] + [TEXT]}).encode(),
    "adapter/adapter_model.safetensors": tiny.st_file(
        {**layers(), TEXT: tensor(1)})})
# Names of files in it have no C0 controls and no DEL.
PACKED = {"in.phipack": cases_pack.build(cases_pack.parts(
    files__LICENSE={"name": "files/A\u009b31m\u0085".encode()}),
    root=cases_pack.ROOT)}
shown("packed", "in.phipack", PACKED)
for form, options in [("list", []), ("json", ["--json"])]:
    add("cc-extract-" + form, ["extract", "in.phipack", *options], PACKED,
        ACCEPTED)
add("cc-verify", ["verify", "in.phipack"], PACKED, ACCEPTED)
# What texts are cut into is shown, too.
for form, options in [("text", []), ("json", ["--json"])]:
    add("cc-tokens-" + form, ["tokenize", "model", "-f", "in.txt", *options],
        {"in.txt": TEXT.encode()}, ACCEPTED)
