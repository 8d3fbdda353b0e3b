#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the golden values of the sample model, or checks existing ones.

  make_goldens.py OUT [--text FILE]
      writes OUT/phi-openstax.json (tokens of the text; sums of -ln p for each
      window, for the base and every adapter) and OUT/logits.safetensors (the
      base model's logits of the text's first 64 tokens)

  make_goldens.py --check DIR [--texts DIR]
      recomputes what DIR's files list, whichever of these are there:
      phi-openstax.json, perplexity.json, logits.safetensors, merged.json

The truth is transformers, with PEFT's merge_and_unload for adapters, in
float32 from the float16 weights.
"""
import argparse
import hashlib
import json
import math
import sys
from functools import lru_cache
from pathlib import Path

import phi_reference as ref

# Differences that another processor, thread count or release of torch may
# make in float32; the sample's logits are of size 10, its sums of size 1000.
NLL_RELATIVE = 1e-6
LOGIT_ABSOLUTE = 2e-5
MERGED_RELATIVE = 1e-6

WINDOWS = (512, 128)
FIRST = 64


@lru_cache(maxsize=1)
def model_of(name):
    adapter = None if name == "base" else ref.ADAPTERS / name
    return ref.load_model(ref.MODEL, adapter)


def model_names():
    return ["base"] + sorted(p.name for p in ref.ADAPTERS.iterdir())


def tokens_of(text_path):
    ids = ref.encode(ref.load_tokenizer(ref.MODEL), ref.read_text(text_path))
    return ids, {
        "count": len(ids),
        "sha256": ref.ids_digest(ids),
        "first": ids[:FIRST],
    }


def make(out, text):
    from safetensors.torch import save_file
    import torch

    out.mkdir(parents=True, exist_ok=True)
    ids, tokens = tokens_of(text)
    golden = {
        "schema": "phiconv.golden/1",
        "note": "transformers (and PEFT merge_and_unload) in float32 from the"
        " float16 weights; independent windows of n_ctx tokens, second half"
        " scored, one trailing newline removed, no BOS; sha256 of the tokens"
        " is over the ids as little-endian u32",
        "made_with": ref.versions(),
        "text": text.name,
        "text_sha256": hashlib.sha256(text.read_bytes()).hexdigest(),
        "tokens": tokens,
        "models": {},
    }
    for name in model_names():
        golden["models"][name] = {
            str(n): ref.perplexity(model_of(name), ids, n) for n in WINDOWS
        }
        print(name, *(golden["models"][name][str(n)]["ppl"] for n in WINDOWS))
    (out / "phi-openstax.json").write_text(
        json.dumps(golden, indent=1) + "\n", encoding="utf-8"
    )
    save_file(
        {
            "tokens": torch.tensor(ids[:FIRST]),
            "logits": ref.logits(model_of("base"), ids[:FIRST]).contiguous(),
        },
        out / "logits.safetensors",
    )


# ---- check ------------------------------------------------------------------


def check_perplexity(checks, name, ids, golden, where):
    found = ref.perplexity(
        model_of(name), ids, golden["n_ctx"], golden["chunks"]
    )
    checks.equal(found["scored"], golden["scored"], f"{where}: scored")
    worst = 0.0
    pairs = zip(found["nll_sum_per_chunk"], golden["nll_sum_per_chunk"])
    for i, (a, b) in enumerate(pairs):
        worst = max(worst, abs(a / b - 1))
        checks.that(
            math.isclose(a, b, rel_tol=NLL_RELATIVE),
            f"{where}: window {i}: sum {a!r}, golden {b!r}",
        )
    checks.that(
        math.isclose(found["ppl"], golden["ppl"], rel_tol=NLL_RELATIVE),
        f"{where}: perplexity {found['ppl']!r}, golden {golden['ppl']!r}",
    )
    print(f"{where}: perplexity {found['ppl']:.6f}, worst window {worst:.1e}")


def check_tree_goldens(checks, golden, text):
    digest = hashlib.sha256(text.read_bytes()).hexdigest()
    checks.equal(digest, golden["text_sha256"], f"{text.name}: sha256")
    ids, tokens = tokens_of(text)
    checks.equal(tokens, golden["tokens"], f"{text.name}: tokens")
    for name, by_n_ctx in golden["models"].items():
        for n_ctx, values in by_n_ctx.items():
            where = f"{name} n_ctx {n_ctx}"
            check_perplexity(checks, name, ids, values, where)


def check_wide_goldens(checks, golden, texts):
    for name, by_text in golden["models"].items():
        for text, values in by_text.items():
            ids, _ = tokens_of(texts / f"{text}.txt")
            check_perplexity(checks, name, ids, values, f"{name} {text}")


def check_logits(checks, path):
    from safetensors.torch import load_file

    golden = load_file(path)
    ids = golden.pop("tokens").tolist()
    for key, expected in golden.items():
        name = "base" if key == "logits" else key
        found = ref.logits(model_of(name), ids)
        worst = float((found - expected).abs().max())
        checks.that(
            worst <= LOGIT_ABSOLUTE, f"logits {name}: differ by {worst:.2e}"
        )
        print(f"logits {name}: largest difference {worst:.1e}")


def check_merged(checks, golden):
    import torch

    base = {k: v.clone() for k, v in model_of("base").state_dict().items()}
    for name, tensors in golden.items():
        merged = model_of(name).state_dict()
        for key, values in tensors.items():
            weight = merged[key].double()
            delta = weight - base[key].double()
            found = {
                "delta_norm": float(delta.norm()),
                "norm": float(weight.norm()),
                "sum": float(weight.sum()),
            }
            flat = weight.flatten()
            for i, value in values["samples"].items():
                checks.that(
                    math.isclose(
                        float(flat[int(i)]), value, rel_tol=0, abs_tol=1e-6
                    ),
                    f"merged {name}: {key}[{i}]: {float(flat[int(i)])!r},"
                    f" golden {value!r}",
                )
            # A sum of n values of both signs has no relative bound.
            slack = {"sum": 1e-7 * weight.numel() ** 0.5}
            for what, value in found.items():
                checks.that(
                    math.isclose(
                        value,
                        values[what],
                        rel_tol=MERGED_RELATIVE,
                        abs_tol=slack.get(what, 1e-7),
                    ),
                    f"merged {name}: {key}: {what} {value!r},"
                    f" golden {values[what]!r}",
                )
        for key in base.keys() - tensors.keys():
            checks.that(
                torch.equal(merged[key], base[key]),
                f"merged {name}: {key} changed, the goldens do not list it",
            )
        print(f"merged {name}: {len(tensors)} tensors")


def check(folder, texts, text):
    checks = ref.Checks()

    def load(name):
        path = folder / name
        if not path.exists():
            return None
        return json.loads(path.read_text(encoding="utf-8"))

    tree = load("phi-openstax.json")
    if tree is not None:
        check_tree_goldens(checks, tree, text)
    wide = load("perplexity.json")
    if wide is not None:
        check_wide_goldens(checks, wide, texts)
    if (folder / "logits.safetensors").exists():
        check_logits(checks, folder / "logits.safetensors")
    merged = load("merged.json")
    if merged is not None:
        check_merged(checks, merged)
    return checks.exit_code()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", nargs="?", type=Path, help="folder to write")
    parser.add_argument("--check", type=Path, help="folder of goldens")
    parser.add_argument("--text", type=Path, default=ref.PRIMER)
    parser.add_argument(
        "--texts", type=Path, help="folder of the texts that --check needs"
    )
    args = parser.parse_args()
    if (args.out is None) == (args.check is None):
        parser.error("give either a folder to write or --check DIR")
    if args.check is not None:
        return check(args.check, args.texts, args.text)
    make(args.out, args.text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
