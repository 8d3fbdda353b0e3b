# Sizes are those that inspect tells: of a packed file what it takes itself,
# and of a tied tensor one.
cp -r "$SAMPLE" tied
python3 - <<'EOF'
import json, pathlib, struct
config = pathlib.Path("tied/config.json")
config.write_text(json.dumps(json.loads(config.read_text()) |
                             {"tie_word_embeddings": True}))
index = pathlib.Path("tied/model.safetensors.index.json")
listed = json.loads(index.read_text())
file = pathlib.Path("tied") / listed["weight_map"].pop("lm_head.weight")
index.write_text(json.dumps(listed))
data = file.read_bytes()
n = 8 + struct.unpack_from("<Q", data)[0]
entries = json.loads(data[8:n])
begin, end = entries.pop("lm_head.weight")["data_offsets"]
for entry in entries.values():
    at = entry.get("data_offsets", [0])
    if at[0] >= end:
        entry["data_offsets"] = [x - (end - begin) for x in at]
head = json.dumps(entries).encode()
file.write_bytes(struct.pack("<Q", len(head)) + head + data[n : n + begin] +
                 data[n + end :])
EOF
$PHICONV quantize tied -q -t f16=f.gguf -t pack:f16=f.phipack \
    -t pack:q8_0=q.phipack
$PHICONV quantize tied -q -t pack:q8_0=planes.phipack --pack-planes
models="tied f.gguf f.phipack q.phipack planes.phipack"
# shellcheck disable=SC2086 # a list
$PHICONV eval-ppl $models -f "$TEXT" -c 64 --chunks 2 --json \
    --report page.html >got.json
for model in $models; do
    $PHICONV inspect $model --json
done >want.json
python3 - <<'EOF'
import json
page = open("page.html").read()
got = json.load(open("got.json"))["models"]
for model, line in zip(got, open("want.json")):
    want = json.loads(line)["summary"]
    size = want["tensor_bytes" if model["path"] == "tied" else "file_bytes"]
    print(model["path"], model["bytes"] == size,
          f"<td>{size}</td>" in page,
          abs(model["bits_per_weight"] -
              8 * want["tensor_bytes"] / want["parameters"]) < 1e-9)
EOF
# With an adapter there is no file of the model that is measured.
$PHICONV eval-ppl f.phipack f.gguf -f "$TEXT" -c 64 --chunks 2 --json \
    --lora "$ROOT/reference/sample/adapters/physics" -q |
    grep -o '"bytes":[0-9]*'
