#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of the corpora: sound files, as small as they can be.

  tests/fuzz/make_corpus.py

What a fuzzer found lies beside them, named found-*, and stays.
"""

import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "malformed"))
sys.dont_write_bytecode = True

import tiny  # noqa: E402


def put(target, name, content):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    with open(os.path.join(folder, "seed-" + name), "wb") as f:
        f.write(content)


entries = {"a": ("F16", [2], b"\0" * 4), "b.c": ("F32", [1, 1], b"\0" * 4),
           "s": ("I64", [], b"\0" * 8), "none": ("U8", [0, 3], b"")}
put("safetensors", "small", tiny.st_file(entries))
put("safetensors", "empty", tiny.st_pack({}, b""))
put("safetensors", "metadata", tiny.st_pack(
    {"__metadata__": {"format": "pt"}, **tiny.st_header(entries)},
    b"\0" * 16, b"  "))

put("json", "all", '{"a": [1, -2.5e3, true, false, null, "x\\u00e9\\n"], '
    '"b": {"c": {}, "d": []}, "\\ud83d\\ude00": 9007199254740991}')
put("json", "deep", "[" * 40 + "]" * 40)
put("json", "utf-8", '"\u00e9\u20ac\U0001f600"')

put("config", "new", json.dumps(tiny.CONFIG))
put("config", "old", json.dumps({
    "model_type": "phi-msft", "n_embd": 64, "n_inner": None, "n_layer": 2,
    "n_head": 2, "n_head_kv": None, "n_positions": 128, "rotary_dim": 16,
    "vocab_size": 272, "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5, "tie_word_embeddings": False}))
put("config", "rope", json.dumps({
    **tiny.CONFIG, "rope_parameters": {
        "rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0,
        "partial_rotary_factor": 0.5}}))

put("adapter", "list", json.dumps({
    "peft_type": "LORA", "r": 8, "lora_alpha": 16, "bias": "lora_only",
    "target_modules": ["q_proj", "fc2"], "use_rslora": True,
    "rank_pattern": {"fc2": 4}, "alpha_pattern": {"^model.layers.0.*": 1},
    "layers_to_transform": [0, 1], "layers_pattern": "layers",
    "modules_to_save": ["lm_head"], "exclude_modules": ["fc1"]}))
put("adapter", "pattern", json.dumps({
    "peft_type": "LORA", "r": 2, "lora_alpha": 0.5, "use_dora": True,
    "target_modules": r".*layers\.\d+\.(self_attn\.(q|v)_proj|mlp\.fc1)",
    "trainable_token_indices": {"embed_tokens": [0, 7]},
    "init_lora_weights": True, "exclude_modules": r".*\.11\..*"}))
put("adapter", "all-linear", json.dumps({
    "peft_type": "LORA", "r": 1, "target_modules": "all-linear",
    "lora_bias": True, "trainable_token_indices": [5]}))

put("index", "two", json.dumps({
    "metadata": {"total_size": 16},
    "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}))

put("tokenizer", "small", json.dumps(tiny.tokenizer()))

few = [("general.architecture", tiny.STRING, "phi2"),
       ("a", tiny.ARRAY, (tiny.STRING, ["x", "y"])),
       ("b", tiny.ARRAY, (tiny.I32, [1, 2])), ("c", tiny.BOOL, 1),
       ("d", tiny.F64, 1.5), ("general.alignment", tiny.U32, 8)]
put("gguf", "small", tiny.gguf_file(few, [
    ("t", [32], 2, b"\0" * 18), ("u", [2, 2], 0, b"\0" * 16)], align=8))
keys = [(k, kind, {"phi2.embedding_length": 2, "phi2.block_count": 1,
                   "phi2.feed_forward_length": 2,
                   "phi2.attention.head_count": 1,
                   "phi2.attention.head_count_kv": 1,
                   "phi2.rope.dimension_count": 2}.get(k, v))
        for k, kind, v in tiny.gguf_keys()
        if not k.startswith("tokenizer.ggml.t")]
keys += [("tokenizer.ggml.tokens", tiny.ARRAY, (tiny.STRING, ["a", "b"])),
         ("tokenizer.ggml.token_type", tiny.ARRAY, (tiny.I32, [1, 3]))]
keys = [(k, kind, {"tokenizer.ggml.merges": (tiny.STRING, []),
                   "tokenizer.ggml.bos_token_id": 1,
                   "tokenizer.ggml.eos_token_id": 1}.get(k, v))
        for k, kind, v in keys]
tensors = []
for name, dims, kind, data in tiny.gguf_entries():
    if name.startswith("blk.1."):
        continue
    tensors.append((name, [2] * len(dims), 0, b"\0" * 4 * 2 ** len(dims)))
put("gguf", "model", tiny.gguf_file(keys, tensors))


def merge(name, config, adapter):
    """Two layers of the smallest Phi, of which an adapter fits all but what
    the target does to it."""
    base = tiny.gguf_file(keys, [
        (n, [2] * len(dims), 0, tiny.floats([0.5] * 2 ** len(dims)))
        for n, dims, _, _ in tiny.gguf_entries()])
    put("merge", name, struct.pack("<II", len(base), len(config)) + base +
        config + adapter)


def part(*shape):
    n = 1
    for d in shape:
        n *= d
    return ("F32", list(shape), tiny.floats([0.25] * n))


def peft(**config):
    return json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 2,
                       **config}).encode()


L = "base_model.model.model.layers.%d."
merge("lora", peft(target_modules=["q_proj", "fc1"], bias="lora_only",
                   use_dora=True), tiny.st_file({
    L % i + module + suffix: part(*shape) for i in range(2)
    for module in ("self_attn.q_proj", "mlp.fc1")
    for suffix, shape in [(".lora_A.weight", (1, 2)),
                          (".lora_B.weight", (2, 1)),
                          (".lora_magnitude_vector", (2,)),
                          (".base_layer.bias", (2,))]}))
merge("saved", peft(target_modules=["wte"], use_dora=True,
                    modules_to_save=["Wqkv"]), tiny.st_file({
    "base_model.model.transformer.embd.wte.lora_embedding_A": part(1, 2),
    "base_model.model.transformer.embd.wte.lora_embedding_B": part(2, 1),
    "base_model.model.transformer.embd.wte.lora_magnitude_vector": part(2),
    **{"base_model.model.transformer.h.%d.mixer.Wqkv.modules_to_save.%s"
       % (i, name): part(*shape) for i in range(2)
       for name, shape in [("weight", (6, 2)), ("bias", (6,))]}}))
merge("gguf", b"", tiny.gguf_file(
    [("general.type", tiny.STRING, "adapter"),
     ("general.architecture", tiny.STRING, "phi2"),
     ("adapter.type", tiny.STRING, "lora"),
     ("adapter.lora.alpha", tiny.F32, 4.0)],
    [("blk.0.attn_qkv.weight.lora_a", [2, 1], 0, tiny.floats([0.5] * 2)),
     ("blk.0.attn_qkv.weight.lora_b", [1, 6], 0, tiny.floats([0.5] * 6)),
     ("blk.1.ffn_up.weight.lora_a", [2, 1], 0, tiny.floats([0.5] * 2)),
     ("blk.1.ffn_up.weight.lora_b", [1, 2], 0, tiny.floats([0.5] * 2))]))

pair = [("x.weight.in_sum2", [4, 1], 0, tiny.floats([1.0] * 4)),
        ("x.weight.counts", [1, 1], 0, tiny.floats([2.0]))]
put("imatrix", "gguf", tiny.gguf_file(tiny.imatrix_keys(), pair))
put("imatrix", "legacy", tiny.legacy_file(
    [tiny.legacy_entry("x.weight", [1.0, 2.0])]))

put("logits", "two", b"_logits_" + struct.pack("<3I8I", 4, 3, 2, *[0, 1, 2, 0] * 2)
    + struct.pack("<ff4H", 16 / 65535, -16, 65535, 0, 1, 0)
    + struct.pack("<ff4H", 0, -1.0986123, 0, 0, 0, 0))

put("card", "fields", """---
license: mit # a comment
language: [en, "de"]
base_model:
  - a/b
  - name: c
    version: '1.10'
tags: |
  one
  two
a: {b: c, d: [e]}
---
# Title
""")
put("card", "plain", "# Title\n")

put("pattern", "plain", "attn_v\nblk.0.attn_v.weight")
put("pattern", "rich", "^blk\\.(0|1[0-9])\\.(attn|ffn)_.*(?:up|[a-f]+?){1,2}$"
    "\nblk.12.ffn_up.weight")

put("text", "words", "\x10hello the bell, it's 42!\n\n  \tdone\r\n")
put("text", "unicode", "\x21\u00e9\u20ac\U0001f600 \u00a0\u2028\u0301x")
put("text", "added", "\x03<|endoftext|>  <|endoftext")

# Packed files are made by the program and kept: see tests/golden/pack.
for name in ("blocks", "q4_0"):
    with open(os.path.join(HERE, "..", "golden", "pack",
                           name + ".phipack"), "rb") as f:
        put("pack", name, f.read())
