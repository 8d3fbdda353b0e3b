#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a folder with Phi-2's shapes and random F16 weights: to measure with.

    tests/bench/make_model.py OUT [--layers N] [--seed S]

32 layers (5.56 GB in two shards) if N is not given; the tokenizer is the
sample's. Rows differ in scale, and one weight of 4,096 is an outlier, so that
the searches for scales have what they have to do. What it computes is noise.
"""
import argparse
import json
import pathlib
import random
import shutil
import struct

SAMPLE = pathlib.Path(__file__).parents[2] / "reference/sample/phi-openstax"
EMBD, FF, VOCAB = 2560, 10240, 51200
SHARD = 5_000_000_000
POOL = 1 << 18  # weights of one scale, of which rows are cut
SCALES = 16


def shapes(layers):
    yield "model.embed_tokens.weight", (VOCAB, EMBD)
    for i in range(layers):
        at = "model.layers.%d." % i
        for name, rows, cols in [("self_attn.q_proj", EMBD, EMBD),
                                 ("self_attn.k_proj", EMBD, EMBD),
                                 ("self_attn.v_proj", EMBD, EMBD),
                                 ("self_attn.dense", EMBD, EMBD),
                                 ("mlp.fc1", FF, EMBD),
                                 ("mlp.fc2", EMBD, FF)]:
            yield at + name + ".weight", (rows, cols)
            yield at + name + ".bias", (rows,)
        yield at + "input_layernorm.weight", (EMBD,)
        yield at + "input_layernorm.bias", (EMBD,)
    yield "model.final_layernorm.weight", (EMBD,)
    yield "model.final_layernorm.bias", (EMBD,)
    yield "lm_head.weight", (VOCAB, EMBD)
    yield "lm_head.bias", (VOCAB,)


def nbytes(shape):
    return 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)


def pools(rng):
    """The bytes of weights of each scale."""
    for i in range(SCALES):
        deviation = 0.02 * 2 ** (i / 4 - 2)
        v = [rng.gauss(0, deviation) for _ in range(POOL)]
        for at in rng.sample(range(POOL), POOL // 4096):
            v[at] *= 12
        yield struct.pack("<%de" % POOL, *v)


def write_shard(path, tensors, pool, rng):
    header, at = {}, 0
    for name, shape in tensors:
        header[name] = {"dtype": "F16", "shape": list(shape),
                        "data_offsets": [at, at + nbytes(shape)]}
        at += nbytes(shape)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            row = 2 * shape[-1]
            for _ in range(nbytes(shape) // row):
                if name.endswith("norm.weight"):
                    f.write(struct.pack("<e", 1) * shape[0])
                    continue
                start = 2 * rng.randrange(POOL - shape[-1] + 1)
                f.write(rng.choice(pool)[start:start + row])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    options.out.mkdir()

    shards, left = [], 0
    for tensor in shapes(options.layers):
        if left < nbytes(tensor[1]):
            shards.append([])
            left = SHARD
        left -= nbytes(tensor[1])
        shards[-1].append(tensor)
    names = ["model-%05d-of-%05d.safetensors" % (i + 1, len(shards))
             for i in range(len(shards))]
    pool = list(pools(rng))
    for name, tensors in zip(names, shards):
        write_shard(options.out / name, tensors, pool, rng)
    index = {"metadata": {"total_size": sum(
        nbytes(shape) for shard in shards for _, shape in shard)},
        "weight_map": {name: file for file, shard in zip(names, shards)
                       for name, _ in shard}}
    config = json.loads((SAMPLE / "config.json").read_text())
    config.update(hidden_size=EMBD, intermediate_size=FF, vocab_size=VOCAB,
                  num_attention_heads=32, num_key_value_heads=32,
                  num_hidden_layers=options.layers,
                  max_position_embeddings=2048)
    for name, value in [("model.safetensors.index.json", index),
                        ("config.json", config)]:
        (options.out / name).write_text(json.dumps(value, indent=2) + "\n")
    for path in SAMPLE.iterdir():
        if not path.name.startswith("model") and path.name != "config.json":
            shutil.copy(path, options.out)


main()
