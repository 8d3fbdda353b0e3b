#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks phiconv on small Phi models with random weights and configurations.

  check_configs.py PHICONV [--count N] [--seed S] [--keep DIR]

Each model is saved by transformers (save_pretrained, in one file or several
shards, float32, float16 or bfloat16), with config.json as this version of
transformers spells it.  From the same weights come a folder with the spelling
of transformers 4 and, where the old code could do it, a folder in the layout
of the first Phi repositories ("transformer.h.0.mixer.Wqkv").  Then:

- the logits of the first are transformers', in float64 and float32, and so is
  the perplexity; those of the other two folders equal the first's bit for bit;
- the F32 GGUF of each folder has its folder's perplexity, digit for digit, and
  its logits, bit for bit;
- Q8_0 is written and evaluates to a perplexity near the folder's, and is
  refused with exit 3 where a row is no multiple of its block;
- a model with qk_layernorm evaluates, and is refused as a GGUF with exit 3.

Last come configurations that transformers loads and phiconv refuses: each must
end with exit 3 and a message that names the key.  Anything else that phiconv
refuses is a failure.
"""
import argparse
import copy
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import phi_reference as ref

N_CTX = 64
WINDOWS = 2
VOCABULARY = 2048
REFUSED = 3
TOKENIZER_FILES = (
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)

# Of the largest logit's size.  float32 rounds a logit by 6e-8 of it, and the
# layers before it add a few roundings of their own.
LOGIT_RELATIVE = 5e-6
PERPLEXITY_RELATIVE = 2e-6
# Q8_0 rounds a weight by at most 1/254 of its block's largest.
Q8_0_RELATIVE = 0.05

# What transformers loads, phiconv refuses, and the message must name.
REFUSALS = (
    ("hidden_act", {"hidden_act": "relu"}),
    ("hidden_act", {"hidden_act": "gelu"}),
    ("head_dim", {"head_dim": 8}),
    (
        "rope_parameters.rope_type",
        {
            "rope_parameters": {
                "rope_type": "dynamic",
                "factor": 2.0,
                "rope_theta": 10000.0,
                "partial_rotary_factor": 0.5,
            }
        },
    ),
    (
        "rope_parameters.rope_type",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 2.0,
                "original_max_position_embeddings": 128,
                "rope_theta": 10000.0,
                "partial_rotary_factor": 0.5,
            }
        },
    ),
)


# ---- models -----------------------------------------------------------------


def draw(rng, number):
    """One configuration; the number makes sure that the rare ones occur.
    Every sixth could be of the old code, every seventh has odd widths."""
    plain = number % 6 == 3
    heads, kv = rng.choice([(4, 4), (4, 2), (4, 1), (6, 3), (8, 2), (2, 1)])
    head_dim = rng.choice([16, 24, 32, 64] if heads != 8 else [16, 24])
    # Q8_0 wants rows of a multiple of 32
    while heads * head_dim % 32 != 0:
        head_dim = rng.choice([16, 32])
    partial = rng.choice([0.25, 0.4, 0.5, 0.75, 1.0])
    if int(partial * head_dim) % 2 != 0:
        partial = 0.5
    scaling = rng.choice([None, 2.0, 2.5]) if number % 4 else 4.0
    if plain:
        scaling = None
    inner = 32 * rng.randint(1, 12)
    if number % 7 == 6:
        inner += rng.randint(1, 31)
    rope = {
        "rope_type": "default" if scaling is None else "linear",
        "rope_theta": rng.choice([1e6, 50000.0, 12345.678, 100.0]),
        "partial_rotary_factor": partial,
    }
    if scaling is not None:
        rope["factor"] = scaling
    if plain:
        rope["rope_theta"] = 10000.0
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": heads * head_dim,
        "intermediate_size": inner,
        "num_hidden_layers": rng.randint(1, 3),
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "max_position_embeddings": rng.choice([128, 512, 2048]),
        "layer_norm_eps": rng.choice([1e-5, 1e-6, 1e-3]),
        "hidden_act": rng.choice(
            ["gelu_new", "gelu_fast", "gelu_pytorch_tanh"]
        ),
        "tie_word_embeddings": number % 3 == 1,
        "qk_layernorm": number % 5 == 2,
        "rope_parameters": rope,
        "bos_token_id": 1999,
        "eos_token_id": 1999,
    }


def make_model(fields, dtype, seed):
    """Weights, norms and biases all random, of sizes that matter."""
    import torch
    from transformers import PhiConfig, PhiForCausalLM

    model = PhiForCausalLM(PhiConfig(**copy.deepcopy(fields)))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                value.copy_(1 + 0.2 * noise)
            elif name.endswith("bias"):
                value.copy_(0.2 * noise)
            elif "embed_tokens" in name:
                value.copy_(0.15 * noise)
            else:
                value.copy_(1.2 * noise / value.shape[1] ** 0.5)
    return model.to(dtype)


def copy_tokenizer(folder):
    for name in TOKENIZER_FILES:
        shutil.copyfile(ref.MODEL / name, folder / name)


def read_config(folder):
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def write_config(folder, config):
    (folder / "config.json").write_text(
        json.dumps(config, indent=2), encoding="utf-8"
    )


def write_version_4(new, folder):
    """The same weights, config.json as transformers 4 wrote it."""
    shutil.copytree(new, folder)
    config = read_config(new)
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope["rope_theta"]
    config["partial_rotary_factor"] = rope["partial_rotary_factor"]
    config["rope_scaling"] = None
    if rope["rope_type"] == "linear":
        config["rope_scaling"] = {"type": "linear", "factor": rope["factor"]}
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.37.0"
    write_config(folder, config)


def fits_old_code(fields):
    """The old code had one RoPE base, no scaling of it, no tied head, and no
    norms of queries and keys."""
    rope = fields["rope_parameters"]
    return (
        rope["rope_type"] == "default"
        and rope["rope_theta"] == 10000.0
        and not fields["tie_word_embeddings"]
        and not fields["qk_layernorm"]
    )


OLD_MODULES = {
    "input_layernorm": "ln",
    "self_attn.dense": "mixer.out_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
OLD_OUTSIDE = {
    "model.embed_tokens": "transformer.embd.wte",
    "model.final_layernorm": "lm_head.ln",
    "lm_head": "lm_head.linear",
}


def old_tensors(state):
    import torch

    out = {}
    for name, value in state.items():
        module, suffix = name.rsplit(".", 1)
        if module in OLD_OUTSIDE:
            out[f"{OLD_OUTSIDE[module]}.{suffix}"] = value
            continue
        layer, module = module.removeprefix("model.layers.").split(".", 1)
        block = f"transformer.h.{layer}"
        if module in OLD_MODULES:
            out[f"{block}.{OLD_MODULES[module]}.{suffix}"] = value
        elif module == "self_attn.q_proj":
            parts = [
                state[name.replace("q_proj", part)]
                for part in ("q_proj", "k_proj", "v_proj")
            ]
            out[f"{block}.mixer.Wqkv.{suffix}"] = torch.cat(parts)
    return {name: value.contiguous() for name, value in out.items()}


def write_old_layout(model, fields, folder):
    """The names and keys of the first Phi repositories.  Their fused
    projection holds queries, keys and values one after another."""
    from safetensors.torch import save_file

    folder.mkdir()
    copy_tokenizer(folder)
    save_file(
        old_tensors(model.state_dict()),
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    heads = fields["num_attention_heads"]
    head_dim = fields["hidden_size"] // heads
    partial = fields["rope_parameters"]["partial_rotary_factor"]
    write_config(
        folder,
        {
            "activation_function": fields["hidden_act"],
            "architectures": ["PhiForCausalLM"],
            "attn_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "flash_attn": False,
            "flash_rotary": False,
            "fused_dense": False,
            "initializer_range": 0.02,
            "layer_norm_epsilon": fields["layer_norm_eps"],
            "model_type": "phi-msft",
            "n_embd": fields["hidden_size"],
            "n_head": heads,
            "n_head_kv": fields["num_key_value_heads"],
            "n_inner": fields["intermediate_size"],
            "n_layer": fields["num_hidden_layers"],
            "n_positions": fields["max_position_embeddings"],
            "resid_pdrop": 0.0,
            "rotary_dim": int(partial * head_dim),
            "tie_word_embeddings": False,
            "torch_dtype": str(model.dtype).removeprefix("torch."),
            "transformers_version": "4.35.2",
            "vocab_size": fields["vocab_size"],
        },
    )


# ---- phiconv ----------------------------------------------------------------


class Phiconv:
    def __init__(self, binary, text, work):
        self.binary = binary
        self.text = text
        self.work = work

    def run(self, *words):
        command = [str(word) for word in (self.binary, *words)]
        return subprocess.run(command, capture_output=True, text=True)

    def evaluate(self, checks, model, what):
        """(perplexity as it was printed, logits), or None."""
        from safetensors.torch import load_file

        path = self.work / "logits.safetensors"
        done = self.run(
            *("eval-ppl", model, "-f", self.text, "-c", N_CTX),
            *("--chunks", WINDOWS, "--logits", path, "--force", "--json"),
        )
        if not checks.that(
            done.returncode == 0,
            f"{what}: eval-ppl: exit {done.returncode}: {done.stderr.strip()}",
        ):
            return None
        return json.loads(done.stdout)["models"][0]["ppl"], load_file(path)[
            "logits"
        ].clone()

    def quantize(self, checks, model, kind, out, what):
        done = self.run("quantize", model, "-t", kind, "-o", out, "--force")
        return checks.that(
            done.returncode == 0,
            f"{what}: quantize {kind}: exit {done.returncode}:"
            f" {done.stderr.strip()}",
        )


# ---- checks -----------------------------------------------------------------


def check_logits(checks, folder, ids, found, what):
    """Against transformers; returns the worst error as a share."""
    ppl, logits = found
    model = ref.load_model(folder)
    golden = ref.perplexity(model, ids, N_CTX, WINDOWS)
    single = ref.logits(model, ids[:N_CTX])
    double = ref.logits(ref.exact(model), ids[:N_CTX])
    if not checks.equal(
        tuple(logits.shape), tuple(double.shape), f"{what}: shape"
    ):
        return math.inf
    size = float(double.abs().max())
    own = float((single.double() - double).abs().max()) / size
    exact = float((logits.double() - double).abs().max()) / size
    worst = float((logits - single).abs().max()) / size
    checks.that(
        exact <= LOGIT_RELATIVE,
        f"{what}: logits differ from float64 by {exact:.2e} of {size:.3g}",
    )
    checks.that(
        worst <= LOGIT_RELATIVE + own,
        f"{what}: logits differ from float32 by {worst:.2e} of {size:.3g}",
    )
    checks.that(
        math.isclose(ppl, golden["ppl"], rel_tol=PERPLEXITY_RELATIVE),
        f"{what}: perplexity {ppl!r}, transformers {golden['ppl']!r}",
    )
    return exact


def check_same(checks, found, expected, what):
    import torch

    if found is None:
        return
    checks.equal(found[0], expected[0], f"{what}: perplexity")
    checks.that(
        torch.equal(found[1], expected[1]), f"{what}: logits are not the same"
    )


def check_gguf(checks, phiconv, folder, fields, expected, what):
    out = phiconv.work / "model.gguf"
    out.unlink(missing_ok=True)
    if fields["qk_layernorm"]:
        done = phiconv.run("quantize", folder, "-t", "f32", "-o", out)
        checks.equal(done.returncode, REFUSED, f"{what}: qk_layernorm: exit")
        checks.that(
            "qk_layernorm" in done.stderr,
            f"{what}: qk_layernorm: said {done.stderr.strip()!r}",
        )
        checks.that(not out.exists(), f"{what}: qk_layernorm: wrote a file")
        return
    if phiconv.quantize(checks, folder, "f32", out, what):
        found = phiconv.evaluate(checks, out, f"{what}, F32 GGUF")
        check_same(checks, found, expected, f"{what}, F32 GGUF")
    if fields["intermediate_size"] % 32 != 0:
        done = phiconv.run("quantize", folder, "-t", "q8_0", "-o", out, "-f")
        checks.equal(done.returncode, REFUSED, f"{what}: odd width: exit")
        checks.that(
            "no multiple of 32" in done.stderr,
            f"{what}: odd width: said {done.stderr.strip()!r}",
        )
    elif phiconv.quantize(checks, folder, "q8_0", out, what):
        found = phiconv.evaluate(checks, out, f"{what}, Q8_0 GGUF")
        checks.that(
            found is not None
            and math.isclose(found[0], expected[0], rel_tol=Q8_0_RELATIVE),
            f"{what}, Q8_0 GGUF: {found and found[0]}, folder {expected[0]}",
        )
    out.unlink(missing_ok=True)


def check_model(checks, phiconv, rng, number, seed, root, ids):
    import torch

    fields = draw(rng, number)
    dtype = rng.choice([torch.float32, torch.float16, torch.bfloat16])
    shards = rng.choice(["10GB", "300KB", "1MB"])
    kind = str(dtype).removeprefix("torch.")
    what = f"model {number} ({kind})"
    model = make_model(fields, dtype, seed + number)

    new = root / "new"
    model.save_pretrained(new, max_shard_size=shards)
    copy_tokenizer(new)
    expected = phiconv.evaluate(checks, new, what)
    if expected is None:
        print(f"{what}: {json.dumps(fields)}")
        return 0.0, len(list(new.glob("*.safetensors"))), False
    error = check_logits(checks, new, ids, expected, what)
    check_gguf(checks, phiconv, new, fields, expected, what)

    version_4 = root / "v4"
    write_version_4(new, version_4)
    found = phiconv.evaluate(checks, version_4, f"{what}, config of v4")
    check_same(checks, found, expected, f"{what}, config of v4")

    old = fits_old_code(fields)
    if old:
        folder = root / "old"
        write_old_layout(model, fields, folder)
        found = phiconv.evaluate(checks, folder, f"{what}, old layout")
        check_same(checks, found, expected, f"{what}, old layout")
        check_gguf(checks, phiconv, folder, fields, expected, f"{what}, old")
    return error, len(list(new.glob("*.safetensors"))), old


def check_refusals(checks, phiconv, root, ids):
    import torch

    for i, (named, change) in enumerate(REFUSALS):
        fields = draw(random.Random(1), 3)
        fields.update(change)
        model = make_model(fields, torch.float32, 1)
        folder = root / f"refused-{i}"
        model.save_pretrained(folder)
        copy_tokenizer(folder)
        logits = ref.logits(ref.load_model(folder), ids[:N_CTX])
        checks.that(
            bool(logits.isfinite().all()), f"{change}: transformers fails too"
        )
        done = phiconv.run(
            "eval-ppl", folder, "-f", phiconv.text, "-c", N_CTX
        )
        checks.equal(done.returncode, REFUSED, f"{change}: exit")
        checks.that(
            f'"{named}"' in done.stderr,
            f"{change}: said {done.stderr.strip()!r}, expected {named}",
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("phiconv", type=Path)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="leave the models here")
    args = parser.parse_args()

    from transformers.utils import logging

    logging.disable_progress_bar()
    checks = ref.Checks()
    rng = random.Random(args.seed)
    tokenizer = ref.load_tokenizer(ref.MODEL, special=False)
    ids = ref.encode(tokenizer, ref.read_text(ref.PRIMER))
    worst, sharded, old = 0.0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        phiconv = Phiconv(args.phiconv, ref.PRIMER, work)
        for number in range(args.count):
            root = (args.keep or work) / str(number)
            root.mkdir(parents=True)
            error, files, is_old = check_model(
                checks, phiconv, rng, number, args.seed, root, ids
            )
            worst = max(worst, error)
            sharded += files > 1
            old += is_old
            if args.keep is None:
                shutil.rmtree(root)
        check_refusals(checks, phiconv, work, ids)
    print(f"{args.count} models, {sharded} in shards, {old} in the old layout")
    print(f"logits: at most {worst:.2e} of the largest from float64")
    if args.count >= 20:
        checks.that(sharded > 0, "no model was in shards")
        checks.that(old > 0, "no model was in the old layout")
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
