# SPDX-License-Identifier: MIT
"""Bases in GGUF that an adapter does not fit: tensors of another rank or
width, and layers that lack what they are known by."""

import json
import struct

import tiny
from case import ACCEPTED, QUANTIZE, REFUSED, add, words
from cases_adapter import CONFIG, layers, tensor, values

F16 = 1
LORA = ["--lora", "adapter"]
# What an adapter changes, or could: shapes of the others are not looked at.
MODULES = [e for e in tiny.gguf_entries() if "rope" not in e[0]]


def elements(n):
    return struct.pack("<e", 0.01) * n


def base(changes):
    """name -> None, or (dims, data) in its place"""
    out = []
    for name, dims, kind, data in tiny.gguf_entries():
        new = changes.get(name, (dims, data))
        if new is not None:
            out.append((name, new[0], kind, new[1]))
    return tiny.gguf_file(entries=out)


def merge(name, changes, code, says="", files=None, command=None):
    content = {
        "adapter/adapter_config.json": json.dumps(CONFIG).encode(),
        "adapter/adapter_model.safetensors": tiny.st_file(layers())}
    add("ad-base-" + name, command or QUANTIZE + ["in.gguf", *LORA],
        {"in.gguf": base(changes), **(content if files is None else files)},
        code, says)


def peft(entries, **config):
    return {"adapter/adapter_config.json":
            json.dumps({**CONFIG, **config}).encode(),
            "adapter/adapter_model.safetensors": tiny.st_file(entries)}


def gguf_adapter(entries, more=()):
    keys = [("general.type", tiny.STRING, "adapter"),
            ("general.architecture", tiny.STRING, "phi2"),
            ("adapter.type", tiny.STRING, "lora"),
            ("adapter.lora.alpha", tiny.F32, 4.0), *more]
    return {"adapter": tiny.gguf_file(keys, entries)}


merge("ok", {}, ACCEPTED)
for entry in MODULES:
    tensor_name, shape, _, content = entry
    about = (r'in\.gguf: tensor "%s": has \d dimensions, expected %d to merge '
             "into" % (words(tensor_name), len(shape)))
    flat = tiny.count(shape)
    for what, dims in [("flat", [flat]), ("matrix", [1, flat]),
                       ("cube", [*shape, 1]), ("deep", [1, *shape, 1])]:
        if len(dims) != len(shape):
            merge("%s-%s" % (tensor_name, what),
                  {tensor_name: (dims, content)}, REFUSED, about)

# Of query, key and value one is wider than the others.
HIDDEN = tiny.HIDDEN
PAIR = [
    ("blk.0.attn_qkv.weight.lora_a", [HIDDEN, 2], 0, values(2 * HIDDEN)),
    ("blk.0.attn_qkv.weight.lora_b", [2, 3 * HIDDEN], 0, values(6 * HIDDEN))]
FUSED = gguf_adapter(PAIR)
merge("ok-fused", {}, ACCEPTED, files=FUSED)

# A part of an adapter is no adapter.
SPLIT = [("split.no", tiny.U16, 0), ("split.tensors.count", tiny.I32, 4)]
for n in (2, 65535):
    merge("split-%d" % n, {}, REFUSED, 'adapter: key "split.count": is %d, '
          "expected an adapter in one file" % n,
          files=gguf_adapter(PAIR, [*SPLIT, ("split.count", tiny.U16, n)]))
merge("ok-split-1", {}, ACCEPTED,
      files=gguf_adapter(PAIR, [("split.count", tiny.U16, 1)]))
SPREAD = (r'in\.gguf: tensor "blk\.0\.attn_[kv]\.weight": has \d+ columns, '
          r'expected \d+, as many as "blk\.0\.attn_q\.weight"')
for part in "qkv":
    for width in (1, 32, 2 * HIDDEN, 64 * HIDDEN):
        if width == HIDDEN:
            continue
        wide = {"blk.0.attn_%s.weight" % part:
                ([width, HIDDEN], elements(width * HIDDEN))}
        merge("wide-%s-%d" % (part, width), wide, REFUSED,
              SPREAD, files=FUSED)
        merge("wide-saved-%s-%d" % (part, width), wide, REFUSED,
              SPREAD, files=peft(
                  {"base_model.model.transformer.h.%d.mixer.Wqkv."
                   "modules_to_save.weight" % i: tensor(3 * HIDDEN, HIDDEN)
                   for i in range(tiny.LAYERS)},
                  target_modules=["nothing"], modules_to_save=["Wqkv"]))

# Magnitudes for rows that a vector has not.
K = "base_model.model.model.layers.%d.self_attn.k_proj."
E = "base_model.model.model.embed_tokens."
merge("dora-vector",
      {"blk.0.attn_k.weight": ([HIDDEN], elements(HIDDEN))}, REFUSED,
      r"in\.gguf: .*blk\.0\.attn_k\.weight", files=peft(
          {K % i + part: tensor(*dims) for i in range(tiny.LAYERS)
           for part, dims in [
               ("lora_A.weight", (2, 1 if i == 0 else HIDDEN)),
               ("lora_B.weight", (HIDDEN, 2)),
               ("lora_magnitude_vector", (HIDDEN,))]},
          target_modules=["k_proj"], use_dora=True))
merge("dora-embedding",
      {"token_embd.weight": ([tiny.VOCAB], elements(tiny.VOCAB))}, REFUSED,
      r"in\.gguf: .*token_embd\.weight", files=peft(
          {E + "lora_embedding_A": tensor(2, tiny.VOCAB),
           E + "lora_embedding_B": tensor(1, 2),
           E + "lora_magnitude_vector": tensor(1)},
          target_modules=["embed_tokens"], use_dora=True))

# A layer that lacks its norm is one all the same: halves are missed.
GAP = {"blk.1.attn_norm.weight": None}
for half in ("lora_A.weight", "lora_B.weight"):
    for command in (None, ["merge-lora", "in.gguf", "adapter", "-o", "out",
                           "--force"]):
        merge("gap-%s-%s" % (half, "merge" if command else "quantize"), GAP,
              REFUSED, r"adapter: module .*layers\.1.*: has no lora_",
              files=peft({k: v for k, v in layers().items()
                          if "layers.0" in k or k.endswith(half)}),
              command=command)
