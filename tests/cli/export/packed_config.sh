# Defects: config.json of a folder by way of a packed file said the type and
# the rows that the folder had, whatever the tensors had become in the file.
python3 - "$ROOT/tests/malformed" <<'EOF'
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import cases_adapter
import tiny


def put(folder, files):
    os.mkdir(folder)
    for name, content in files.items():
        with open(folder + "/" + name, "wb") as f:
            f.write(content)


def adapter(folder, config, entries):
    put(folder, {"adapter_config.json":
                 json.dumps({**cases_adapter.CONFIG, **config}).encode(),
                 "adapter_model.safetensors": tiny.st_file(entries)})


put("m", tiny.model())
adapter("lora", {}, cases_adapter.layers())
wide = {cases_adapter.PREFIX + name: cases_adapter.tensor(tiny.VOCAB + 2, *rest)
        for name, rest in [("model.embed_tokens.weight", [tiny.HIDDEN]),
                           ("lm_head.weight", [tiny.HIDDEN]),
                           ("lm_head.bias", [])]}
adapter("wide", {"modules_to_save": ["embed_tokens", "lm_head"]},
        {**cases_adapter.layers(), **wide})
entries = tiny.tensors()
norm = "model.final_layernorm.weight"
_, shape, data = entries[norm]
entries[norm] = ("F32", shape, tiny.f16_to_f32(data))
put("mixed", {**tiny.model(), "model.safetensors": tiny.st_file(entries)})
EOF
said() { echo "$1: $(grep -o '"torch_dtype.*\|"vocab_size.*' "$1/config.json" |
    tr '\n' ' ')"; }
$PHICONV quantize m -q -t pack:bf16=bf16.phipack -t pack:f32=f32.phipack
for type in bf16 f32; do
    $PHICONV export $type.phipack -q -o $type && said $type
    $PHICONV merge-lora $type.phipack lora -q -o merged-$type
    said merged-$type
done
$PHICONV quantize m --lora wide -q -t pack=wide.phipack
$PHICONV export wide.phipack -q -o more && said more
$PHICONV doctor more | tail -n 1
# What is not wrong stays, every byte: several types, a config.json that leaves
# it to the tensors, and one that never said what they are.
$PHICONV export m -q -o honest
for m in mixed honest auto none other; do
    [ -d $m ] || cp -r honest $m
done
sed -i 's/"float16"/"auto"/' auto/config.json
sed -i '/torch_dtype/d' none/config.json
sed -i 's/"float16"/"float32"/' other/config.json
for m in mixed honest auto none other; do
    $PHICONV quantize $m -q -t pack=$m.phipack
    $PHICONV export $m.phipack -q -o $m.back
    cmp $m/config.json $m.back/config.json && echo $m is the same
done
for m in auto none; do
    $PHICONV quantize $m -q -t pack:bf16=$m.phipack -f
    $PHICONV export $m.phipack -q -f -o $m.back
    cmp $m/config.json $m.back/config.json && echo $m is the same
done
