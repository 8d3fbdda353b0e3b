#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks phiconv's engine against transformers.

  check_forward.py PHICONV MODEL [--text FILE] [--n-ctx N] [--windows N]
                   [--adapter DIR]

Runs `phiconv eval-ppl MODEL -f TEXT -c N --chunks N --logits FILE --json` and
compares the logits of the first window with transformers in float64 and
float32, and the perplexity with float32.  Over a window of 512 the float32
logits of transformers are themselves up to 3.3e-5 away from float64, because
its angles of RoPE are float32.
"""
import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import phi_reference as ref

PERPLEXITY_RELATIVE = 1e-6
LOGIT_ABSOLUTE = 2e-5


def run_phiconv(args, logits):
    command = [args.phiconv, "eval-ppl", args.model, "-f", args.text]
    command += ["-c", args.n_ctx, "--chunks", args.windows]
    command += ["--logits", logits, "--json"]
    if args.adapter is not None:
        command += ["--lora", args.adapter]
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(
            f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}"
        )
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("phiconv", type=Path)
    parser.add_argument("model", type=Path, help="Hugging Face folder")
    parser.add_argument("--text", type=Path, default=ref.PRIMER)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--n-ctx", type=int, default=512)
    parser.add_argument("--windows", type=int, default=4)
    args = parser.parse_args()

    import torch
    from safetensors.torch import load_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "logits.safetensors"
        report = run_phiconv(args, path)
        found = load_file(path)["logits"]

    checks = ref.Checks()
    tokenizer = ref.load_tokenizer(args.model, special=False)
    ids = ref.encode(tokenizer, ref.read_text(args.text))
    model = ref.load_model(args.model, args.adapter)
    golden = ref.perplexity(model, ids, args.n_ctx, args.windows)
    expected = ref.logits(model, ids[: args.n_ctx])
    truth = ref.logits(ref.exact(model), ids[: args.n_ctx])

    checks.equal(str(found.dtype), "torch.float32", "logits: dtype")
    checks.equal(tuple(found.shape), tuple(expected.shape), "logits: shape")
    if found.shape == expected.shape:
        own = float((expected.double() - truth).abs().max())
        exact = float((found.double() - truth).abs().max())
        worst = float((found - expected).abs().max())
        checks.that(
            exact <= LOGIT_ABSOLUTE,
            f"logits differ from float64 by {exact:.3e}",
        )
        checks.that(
            worst <= LOGIT_ABSOLUTE + own,
            f"logits differ from float32 by {worst:.3e}, and those from"
            f" float64 by {own:.3e}",
        )
        print(f"logits: {exact:.2e} from transformers in float64")
        print(f"logits: {worst:.2e} from transformers in float32, which is")
        print(f"        {own:.2e} from float64 itself")
        checks.equal(
            int((found.argmax(1) != truth.argmax(1)).sum()),
            0,
            "positions with another most likely token",
        )

    checks.equal(report["schema"], "phiconv.eval/1", "schema")
    checks.equal(report["n_ctx"], args.n_ctx, "n_ctx")
    checks.equal(report["windows"], golden["chunks"], "windows")
    checks.equal(report["scored"], golden["scored"], "scored")
    result = report["models"][0]
    for key, value in (
        ("ppl", golden["ppl"]),
        ("mean_nll", golden["mean_nll"]),
    ):
        checks.that(
            math.isclose(result[key], value, rel_tol=PERPLEXITY_RELATIVE),
            f"{key}: found {result[key]!r}, transformers {value!r}",
        )
        print(f"{key}: {result[key]!r}, transformers {value!r}")
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
