#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a random LoRA adapter for all linear layers of a Phi, for timing.

  make_adapter.py MODEL OUT [--rank R] [--seed S]

MODEL is a folder with config.json; its weights are not read.
"""
import argparse
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    config = json.loads((args.model / "config.json").read_text())
    hidden = config["hidden_size"]
    inner = config["intermediate_size"]
    shapes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (hidden, hidden),
        "self_attn.v_proj": (hidden, hidden),
        "self_attn.dense": (hidden, hidden),
        "mlp.fc1": (inner, hidden),
        "mlp.fc2": (hidden, inner),
    }
    rng = np.random.default_rng(args.seed)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for name, (rows, columns) in shapes.items():
            path = f"base_model.model.model.layers.{layer}.{name}"
            for half, shape in (
                ("A", (args.rank, columns)),
                ("B", (rows, args.rank)),
            ):
                value = rng.standard_normal(shape, dtype=np.float32) * 0.02
                tensors[f"{path}.lora_{half}.weight"] = value
    args.out.mkdir()
    save_file(tensors, args.out / "adapter_model.safetensors")
    (args.out / "adapter_config.json").write_text(
        json.dumps(
            {
                "peft_type": "LORA",
                "task_type": "CAUSAL_LM",
                "r": args.rank,
                "lora_alpha": 2 * args.rank,
                "target_modules": [n.split(".")[1] for n in shapes],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
