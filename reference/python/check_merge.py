#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks phiconv's merges on random adapters against PEFT's, in float64.

  check_merge.py PHICONV [--count N] [--seed S] [--keep DIR]

Each case is a small random Phi, saved in float32, float16 or bfloat16 with the
names of today or of 2023, and one to three adapters that PEFT makes, fills
with random numbers and saves: targets as list, pattern or "all-linear", ranks
and alphas by pattern, rsLoRA, DoRA, biases of three kinds, whole modules,
embeddings, trained tokens, vocabularies that grow, layers that are chosen or
left out, and keys with the adapter's name in them.

PEFT loads the adapters into the base in float64 and merges them there; phiconv
merges them in float32.  Tensors that no adapter changes must be the base's,
bit for bit.  Of the others, with W the merged weight and D what was added,

  |phiconv - PEFT| <= 1e-6 |D| + 2e-7 |W|

in the Frobenius norm: some roundings of the sum and of the result to float32.
Adapters that PEFT cannot load must be refused.
"""
import argparse
import copy
import json
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import check_configs as configs

DELTA_RELATIVE = 1e-6
RESULT_RELATIVE = 2e-7
LINEAR = ["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"]
PATTERNS = [
    r".*\.(q|k)_proj",
    r".*\.mlp\.fc[12]",
    r"model\.layers\.\d+\.(self_attn\.(q|v)_proj|mlp\.fc1)",
    r".*(?<!k)_proj",
    r".*layers\.0\..*(_proj|dense)|lm_head",
]
OVERRIDES = [
    "q_proj",
    "fc1",
    "layers.0.self_attn.v_proj",
    r"^model.layers.0.mlp.fc2",
    r".*\.1\..*",
    "(k|v)_proj",
    "fc1|dense",
    "mlp.*",
]


# ---- adapters ---------------------------------------------------------------


def draw_adapter(rng, layers, alone):
    """Arguments of LoraConfig.  Only an adapter that is alone may replace
    something: two of them could get into each other's way."""
    words = {
        "r": rng.choice([1, 2, 3, 4, 8]),
        "lora_alpha": rng.choice([1, 2, 3, 8, 16, 0.5]),
        "use_rslora": rng.random() < 0.3,
    }
    kind = rng.random()
    if kind < 0.5:
        names = list(LINEAR)
        if rng.random() < 0.3:
            names += ["embed_tokens"]
        if rng.random() < 0.2:
            names += ["lm_head"]
        words["target_modules"] = rng.sample(
            names, rng.randint(1, len(names))
        )
        if rng.random() < 0.25 and set(words["target_modules"]) & set(LINEAR):
            words["layers_to_transform"] = sorted(
                rng.sample(range(layers), rng.randint(1, layers))
            )
            if rng.random() < 0.5:
                words["layers_pattern"] = "layers"
    elif kind < 0.75:
        words["target_modules"] = rng.choice(PATTERNS)
    else:
        words["target_modules"] = "all-linear"
    if rng.random() < 0.2:
        words["exclude_modules"] = rng.choice(
            [["fc1"], ["model.layers.0.self_attn.dense"], r".*\.0\.mlp.*"]
        )
    if rng.random() < 0.4:
        words["rank_pattern"] = {
            p: rng.choice([1, 2, 5]) for p in rng.sample(OVERRIDES, 2)
        }
    if rng.random() < 0.4:
        words["alpha_pattern"] = {
            p: rng.choice([1, 7, 24]) for p in rng.sample(OVERRIDES, 2)
        }
    words["use_dora"] = rng.random() < 0.3
    if not words["use_dora"] and rng.random() < 0.2:
        words["lora_bias"] = True
    if alone:
        draw_replacements(rng, words)
    return words


def draw_replacements(rng, words):
    targets = words["target_modules"]
    named = targets if isinstance(targets, list) else ["lm_head"]
    if rng.random() < 0.4 and not words.get("lora_bias"):
        words["bias"] = rng.choice(["all", "lora_only"])
    if rng.random() < 0.3:
        free = [
            m
            for m in ("lm_head", "final_layernorm", "input_layernorm")
            if m not in named
        ]
        words["modules_to_save"] = rng.sample(free, 1)
    if rng.random() < 0.3 and "embed_tokens" not in named:
        tokens = rng.sample(range(configs.VOCABULARY), rng.randint(1, 5))
        words["trainable_token_indices"] = rng.choice(
            [tokens, {"embed_tokens": tokens}]
        )


def rename_keys(folder, to):
    """A copy with the adapter's name in its keys, as some programs save them
    (and PEFT reads nothing from)."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, to)
    path = to / "adapter_model.safetensors"
    tensors = {}
    for key, value in load_file(path).items():
        for part in ("lora_A", "lora_B"):
            key = key.replace(f".{part}.", f".{part}.default.")
        tensors[key] = value
    save_file(tensors, path)
    return to


def make_adapter(base, words, folder, rng, seed, grown):
    """Trained at random, saved by PEFT.  False if PEFT refuses the words."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import PhiForCausalLM

    model = PhiForCausalLM.from_pretrained(base, dtype=torch.float32)
    if grown:
        model.resize_token_embeddings(grown, mean_resizing=False)
    try:
        peft = get_peft_model(
            model, LoraConfig(task_type="CAUSAL_LM", **copy.deepcopy(words))
        )
    except (ValueError, TypeError, NotImplementedError):
        return False
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in peft.named_parameters():
            if not value.requires_grad:
                continue
            noise = torch.randn(value.shape, generator=generator)
            if "magnitude" in name:
                value.copy_(value * (1 + 0.1 * noise))
            else:
                value.copy_(0.2 * noise)
    if rng.random() < 0.3:
        dtype = rng.choice([torch.float16, torch.bfloat16])
        for name, value in peft.named_parameters():
            if value.requires_grad:
                value.data = value.data.to(dtype)
    peft.save_pretrained(folder)
    return True


def merge_with_peft(base, folders, scales, grown):
    """The state of the merged model in float64."""
    import torch
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer
    from transformers import PhiForCausalLM

    model = PhiForCausalLM.from_pretrained(base, dtype=torch.float32)
    if grown:
        model.resize_token_embeddings(grown, mean_resizing=False)
    model = model.to(torch.float64)
    peft = PeftModel.from_pretrained(model, folders[0], adapter_name="a0")
    for i, folder in enumerate(folders[1:], 1):
        peft.load_adapter(folder, adapter_name=f"a{i}")
    peft = peft.to(torch.float64)
    for module in peft.modules():
        if isinstance(module, LoraLayer):
            for i, scale in enumerate(scales):
                if scale != 1 and f"a{i}" in module.scaling:
                    module.set_scale(f"a{i}", scale)
    names = [f"a{i}" for i in range(len(folders))]
    return peft.merge_and_unload(adapter_names=names).state_dict()


# ---- cases ------------------------------------------------------------------


class Case:
    def __init__(self, rng, number, work):
        self.rng = rng
        self.number = number
        self.work = work / f"case{number}"
        self.words = []
        self.adapters = []
        self.scales = []
        self.grown = None

    def make(self):
        import torch

        rng = self.rng
        fields = configs.draw(rng, 3 if self.number % 3 == 0 else 6)
        fields["tie_word_embeddings"] = False
        dtype = rng.choice([torch.float32, torch.float16, torch.bfloat16])
        self.work.mkdir()
        self.base = self.work / "base"
        model = configs.make_model(fields, dtype, self.number)
        model.save_pretrained(self.base)
        configs.copy_tokenizer(self.base)
        self.old = self.number % 3 == 0
        self.given = self.base
        if self.old:
            self.given = self.work / "old"
            configs.write_old_layout(model, fields, self.given)
        count = rng.choice([1, 1, 1, 2, 3])
        grow = count == 1 and rng.random() < 0.15
        if grow:
            self.grown = configs.VOCABULARY + rng.choice([1, 64])
        while len(self.adapters) < count:
            words = draw_adapter(rng, fields["num_hidden_layers"], count == 1)
            # PEFT saves the embedding then, and loses the grown head.
            if grow and "embed_tokens" in words["target_modules"]:
                continue
            if grow and "lm_head" in words["target_modules"]:
                continue
            folder = self.work / f"adapter{len(self.adapters)}"
            seed = 1000 * self.number + len(self.adapters)
            if make_adapter(self.base, words, folder, rng, seed, self.grown):
                self.words.append(words)
                self.adapters.append(folder)
                plain = count > 1 and not words["use_dora"]
                self.scales.append(
                    rng.choice([1, 0.5, -0.25, 1.7]) if plain else 1
                )

    def merge(self, binary):
        out = self.work / "out"
        command = [str(binary), "merge-lora", str(self.given)]
        for folder, scale in zip(self.adapters, self.scales):
            if self.rng.random() < 0.3:
                folder = rename_keys(folder, folder.with_suffix(".named"))
            command.append(f"{folder}:{scale}" if scale != 1 else str(folder))
        command += ["-o", str(out), "--dtype", "f32"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr.strip()
        return out, ""


def load_folder(folder):
    from safetensors.torch import load_file

    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors.update(load_file(path))
    return tensors


def compare(case, out, message, tally):
    """What differs, as lines."""
    import torch

    try:
        want = merge_with_peft(
            case.base, case.adapters, case.scales, case.grown
        )
    except RuntimeError as error:
        # It sorts rank_pattern when it saves, and another pattern decides.
        if "size mismatch" not in str(error):
            raise
        tally["refused"] += 1
        if "lora_A" not in message or "has shape" not in message:
            return [f"PEFT cannot load it; phiconv says: {message}"]
        return []
    if out is None:
        return [message]
    before = load_folder(case.base)
    found = load_folder(out)
    if case.old:
        want = configs.old_tensors(want)
        before = configs.old_tensors(before)
    lines = []
    if set(want) != set(found):
        return [f"names differ: {sorted(set(want) ^ set(found))[:4]}"]
    for name, truth in want.items():
        got = found[name].double()
        base = before[name].double()
        if got.shape != truth.shape:
            lines.append(f"{name}: {list(got.shape)} not {list(truth.shape)}")
            continue
        if truth.shape == base.shape and torch.equal(truth, base):
            if not torch.equal(got, base):
                lines.append(f"{name}: changed, and should not be")
            continue
        tally["changed"] += 1
        rows = min(len(base), len(truth))
        delta = truth[:rows] - base[:rows]
        bound = DELTA_RELATIVE * delta.norm() + RESULT_RELATIVE * truth.norm()
        error = (got - truth).norm()
        tally["worst"] = max(tally["worst"], float(error / bound))
        if error > bound:
            lines.append(f"{name}: {error:.3e} off, at most {bound:.3e}")
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("phiconv", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    work = Path(tempfile.mkdtemp(dir=args.keep))
    tally = {"changed": 0, "refused": 0, "worst": 0.0}
    failures = 0
    for number in range(args.first, args.first + args.count):
        rng = random.Random(args.seed * 1000003 + number)
        case = Case(rng, number, work)
        case.make()
        out, message = case.merge(args.phiconv)
        lines = compare(case, out, message, tally)
        if lines:
            failures += 1
            print(f"case {number}: {json.dumps(case.words)} {case.scales}")
            for line in lines[:5]:
                print(f"  {line}")
        if not lines or not args.keep:
            shutil.rmtree(case.work)
    if not args.keep:
        shutil.rmtree(work)
    print(
        f"check_merge: {args.count} merges, {tally['changed']} tensors "
        f"changed, errors at most {tally['worst']:.2f} of the bound, "
        f"{tally['refused']} that PEFT cannot load, {failures} failures"
    )
    return 1 if failures or not tally["changed"] else 0


if __name__ == "__main__":
    sys.exit(main())
