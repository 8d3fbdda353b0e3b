#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the Hugging Face folders that phiconv writes, with transformers as
the writer to equal and the reader to satisfy.

  check_export.py PHICONV MODEL [--text FILE] [--count N] [--seed S]

MODEL, and random small models as in check_configs.py:

- exported as they are, every file has the bytes of the folder's own;
- in another type, or cut into other files, every safetensors file and the
  index have the bytes that save_pretrained() writes;
- transformers loads each, with the same weights, bit for bit;
- by way of a GGUF file (F32, F16, BF16, split or not), transformers loads the
  folder made of it: same weights as far as the type holds them, same logits as
  the model rounded by torch, same configuration; the tokenizer gives the same
  ids for texts, and the same texts for ids.
"""
import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import check_configs as configs
import phi_reference as ref

TYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}

# What must be the same in a configuration that went through a GGUF file.
FIELDS = (
    "architectures",
    "bos_token_id",
    "eos_token_id",
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "max_position_embeddings",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "pad_token_id",
    "vocab_size",
)

STRINGS = (
    "",
    " ",
    "Energy is conserved.",
    "  two\tblanks\n\n   and <|endoftext|> inside",
    "naïve façade — 日本語 🙂",
    "x" * 300,
)


class Exporter:
    def __init__(self, checks, binary, work):
        self.checks = checks
        self.binary = binary
        self.work = work
        self.number = 0

    def run(self, what, *words):
        """The folder or file that the command wrote, or None."""
        self.number += 1
        out = self.work / f"out{self.number}"
        command = [str(w) for w in (self.binary, *words, "-q", "-o", out)]
        done = subprocess.run(command, capture_output=True, text=True)
        passed = self.checks.that(
            done.returncode == 0,
            f"{what}: exit {done.returncode}: {done.stderr.strip()}",
        )
        return out if passed else None


def load(folder):
    """In the type that the folder says."""
    from transformers import PhiForCausalLM

    return PhiForCausalLM.from_pretrained(folder, dtype="auto").eval()


def same_bytes(checks, found, expected, what):
    """Two folders, names and contents."""
    names = sorted(p.name for p in found.iterdir())
    checks.equal(names, sorted(p.name for p in expected.iterdir()), what)
    for name in names:
        if (expected / name).exists():
            checks.that(
                (found / name).read_bytes() == (expected / name).read_bytes(),
                f"{what}: {name} differs",
            )


def same_weights(checks, folder, state, what):
    """What transformers loads from the folder."""
    import torch

    found = load(folder).state_dict()
    checks.equal(sorted(found), sorted(state), f"{what}: names")
    for name in sorted(set(found) & set(state)):
        same = found[name].dtype == state[name].dtype and torch.equal(
            found[name], state[name]
        )
        checks.that(same, f"{what}: {name} differs")


def saved(model, folder, limit):
    """The weights and the index as transformers writes them, in the order of
    the state dict: for models that it has read from files, version 5 takes
    the order of the names."""
    model._weight_conversions = None
    model.save_pretrained(folder, max_shard_size=limit)
    for path in folder.iterdir():
        if not path.name.startswith("model"):
            path.unlink()
    return folder


def weights_of(folder, work):
    """A folder with links to the weights and the index of another."""
    work.mkdir()
    for path in folder.glob("model*"):
        if path.suffix == ".safetensors" or path.name.endswith("index.json"):
            (work / path.name).symlink_to(path)
    return work


def check_folders(checks, exporter, folder, rng, what):
    import torch

    out = exporter.run(f"{what}: as it is", "export", folder)
    if out is None:
        return
    same_bytes(checks, out, folder, f"{what}: as it is")
    model = load(folder)
    now = {v: k for k, v in TYPES.items()}[str(model.dtype)[6:]]
    total = sum(p.nbytes for p in model.parameters())
    for kind, name in TYPES.items():
        limit = rng.choice([10**12, total, total - 1, total // 3, 5000, 1])
        label = f"{what}: {kind}, files of {limit}"
        if kind == now:
            continue
        wanted = load(folder).to(getattr(torch, name))
        out = exporter.run(
            label,
            *("export", folder, "--dtype", kind, "--max-shard-size", limit),
        )
        if out is None:
            continue
        expected = saved(
            wanted, exporter.work / f"saved{exporter.number}", limit
        )
        same_bytes(
            checks,
            weights_of(out, exporter.work / f"weights{exporter.number}"),
            expected,
            label,
        )
        same_weights(checks, out, wanted.state_dict(), label)
        config = json.loads((out / "config.json").read_text())
        checks.equal(
            config.get("torch_dtype", config.get("dtype")),
            name,
            f"{label}: type in config.json",
        )


def check_tokenizer(checks, folder, source, text, what):
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(folder)
    expected = ref.load_tokenizer(source)
    for string in (*STRINGS, text):
        ids = found.encode(string, add_special_tokens=False)
        checks.equal(
            ids,
            expected.encode(string, add_special_tokens=False).ids,
            f"{what}: ids of {string[:20]!r}",
        )
        checks.equal(
            found.decode(ids, clean_up_tokenization_spaces=False),
            string,
            f"{what}: text of the ids of {string[:20]!r}",
        )
    options = json.loads((source / "tokenizer_config.json").read_text())
    for role in ("bos_token", "eos_token", "unk_token", "pad_token"):
        checks.equal(
            getattr(found, role), options.get(role), f"{what}: {role}"
        )


def rotation(config):
    """What the RoPE of a configuration does."""
    rope = config.rope_parameters
    head_dim = config.hidden_size // config.num_attention_heads
    return {
        "dimensions": int(rope["partial_rotary_factor"] * head_dim),
        "theta": rope["rope_theta"],
        "type": rope["rope_type"],
        "factor": rope.get("factor"),
    }


def rounded(folder, dtype):
    """The model in float32, its weights rounded to a type.  A GGUF file does
    not say which spelling of its activation it had; they round differently."""
    import torch
    from transformers.activations import ACT2FN

    model = ref.load_model(folder)
    for layer in model.model.layers:
        layer.mlp.activation_fn = ACT2FN["gelu_new"]
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(value.to(dtype).to(torch.float32))
    return model


def check_gguf(checks, exporter, folder, kind, text, what):
    import torch
    from transformers import PhiConfig

    gguf = exporter.run(f"{what}: gguf", "quantize", folder, "-t", kind)
    if gguf is None:
        return
    out = exporter.run(f"{what}: gguf", "export", gguf)
    if out is None:
        return
    dtype = getattr(torch, TYPES[kind])
    wanted = rounded(folder, dtype)
    state = {k: v.to(dtype) for k, v in wanted.state_dict().items()}
    same_weights(checks, out, state, f"{what}: gguf {kind}")
    found = PhiConfig.from_pretrained(out)
    expected = PhiConfig.from_pretrained(folder)
    for field in FIELDS:
        checks.equal(
            getattr(found, field),
            getattr(expected, field),
            f"{what}: gguf: config.json: {field}",
        )
    checks.equal(rotation(found), rotation(expected), f"{what}: gguf: RoPE")
    ids = list(range(3, 60))
    same = torch.equal(
        ref.logits(ref.load_model(out), ids), ref.logits(wanted, ids)
    )
    checks.that(same, f"{what}: gguf {kind}: logits differ")
    check_tokenizer(checks, out, folder, text, f"{what}: gguf")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("phiconv", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--text", type=Path, default=ref.PRIMER)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    import torch

    checks = ref.Checks()
    rng = random.Random(args.seed)
    text = args.text.read_text(encoding="utf-8")[:20000]
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        exporter = Exporter(checks, args.phiconv.resolve(), work)
        for kind in TYPES:
            check_gguf(checks, exporter, args.model, kind, text, "the model")
        check_folders(checks, exporter, args.model, rng, "the model")
        for number in range(args.count):
            fields = configs.draw(rng, number)
            kind = rng.choice(list(TYPES))
            model = configs.make_model(
                fields, getattr(torch, TYPES[kind]), args.seed + number
            )
            folder = work / f"model{number}"
            model.save_pretrained(
                folder, max_shard_size=rng.choice([10**12, 200000, 50000])
            )
            configs.copy_tokenizer(folder)
            what = f"model {number} ({kind})"
            check_folders(checks, exporter, folder, rng, what)
            if not fields["qk_layernorm"]:
                check_gguf(checks, exporter, folder, kind, text, what)
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
