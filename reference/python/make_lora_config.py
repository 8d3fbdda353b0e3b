"""Writes reference/golden/lora-config.json: which modules of a Phi PEFT adapts under
many configurations, and with which rank, alpha and scale, as PEFT itself says.

    python make_lora_config.py > ../golden/lora-config.json
"""
import json
import sys
import warnings

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import PhiConfig, PhiForCausalLM

warnings.simplefilter("ignore")

BASE = {"peft_type": "LORA", "r": 4, "lora_alpha": 6}
CASES = [
    {"target_modules": ["q_proj", "v_proj", "fc1", "fc2"]},
    {"target_modules": "all-linear"},
    {"target_modules": "all-linear", "exclude_modules": ["fc1"]},
    {"target_modules": ["proj", "dense"]},
    {"target_modules": ["self_attn.q_proj", "model.layers.1.mlp.fc1"]},
    {"target_modules": ["embed_tokens", "lm_head"]},
    {"target_modules": r".*\.(q|k)_proj"},
    {"target_modules": r".*[.]1[.].*_proj|.*fc2"},
    {"target_modules": r"model\.layers\.(?:0|1[01])\.mlp\.fc[12]"},
    {"target_modules": r".*layers\.\d+\.self_attn\.(?P<which>q|v)_proj"},
    {"target_modules": r".*(?<!k)_proj", "exclude_modules": r".*\.[2-9]\..*"},
    {"target_modules": ["q_proj", "fc2"], "layers_to_transform": 1},
    {"target_modules": ["q_proj", "fc2"], "layers_to_transform": [0, 10]},
    {"target_modules": ["q_proj", "fc2"], "layers_to_transform": [1, 11], "layers_pattern": "layers"},
    {"target_modules": ["q_proj", "fc2"], "layers_to_transform": [1], "layers_pattern": ["h", "layers"]},
    {"target_modules": ["q_proj", "lm_head"], "layers_to_transform": [1]},
    {"target_modules": ["q_proj", "fc2"], "exclude_modules": ["model.layers.0.mlp.fc2"]},
    {"target_modules": "all-linear", "modules_to_save": ["lm_head", "dense"]},
    {"target_modules": ["q_proj", "fc1", "fc2"], "use_rslora": True, "r": 8, "lora_alpha": 8,
     "rank_pattern": {"fc2": 16, "layers.0.self_attn.q_proj": 4},
     "alpha_pattern": {"^model.layers.3.mlp.fc2": 4, "fc1": 24}},
    {"target_modules": "all-linear",
     "rank_pattern": {r"layers\.1\..*": 2, r".*\.1\..*": 3, "1.mlp.fc1": 5, "c2": 7},
     "alpha_pattern": {"mlp.*": 1, "(q|k)_proj": 0.5}},
    {"target_modules": "all-linear", "rank_pattern": {"fc1|dense": 2, "[qk]_proj": 3},
     "alpha_pattern": {r"layers\.(\d)\..*": 12, r".*\.self_attn\.dense": 20}},
    {"target_modules": "All-Linear"},
    {"target_modules": ["model.layers.0.mlp.fc1", "mlp.fc1", "lm_head"], "layers_to_transform": [1]},
    {"target_modules": ["fc1"], "use_rslora": True, "r": 3, "lora_alpha": 5},
]


def kind(name, module):
    if name == "lm_head":
        return "output"
    return "linear" if isinstance(module, torch.nn.Linear) else "other"


def main():
    config = PhiConfig(hidden_size=16, intermediate_size=32, num_hidden_layers=12,
                       num_attention_heads=2, vocab_size=32)
    cases = []
    for case in CASES:
        model = PhiForCausalLM(config)
        kinds = {n: kind(n, m) for n, m in model.named_modules()
                 if isinstance(m, (torch.nn.Linear, torch.nn.Embedding))}
        words = {**BASE, **case}
        arguments = {k: v for k, v in words.items() if k != "peft_type"}
        peft = get_peft_model(model, LoraConfig(task_type=None, **arguments)).base_model.model
        found = {n: m for n, m in peft.named_modules() if isinstance(m, LoraLayer)}
        modules = []
        for name in kinds:
            m = found.get(name)
            adapted = None if m is None else [m.r["default"], m.lora_alpha["default"],
                                              m.scaling["default"]]
            modules.append([name, kinds[name], adapted])
        cases.append({"config": json.dumps(words), "modules": modules})
    json.dump({"cases": cases}, sys.stdout, separators=(",", ":"))
    print()


main()
