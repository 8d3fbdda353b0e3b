# Tied embeddings by way of packed files: once in the folder, as they were.
python3 - "$ROOT/tests/malformed" <<'EOF'
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import tiny

entries = tiny.tensors()
del entries["lm_head.weight"]
config = {**tiny.CONFIG, "tie_word_embeddings": True}
files = tiny.model()
files["config.json"] = json.dumps(config).encode()
files["model.safetensors"] = tiny.st_file(entries)
os.mkdir("m")
for name, content in files.items():
    with open("m/" + name, "wb") as f:
        f.write(content)
EOF
$PHICONV quantize m -q -t pack=m.phipack -t pack:q8_0=q.phipack
$PHICONV export m -q -o a && $PHICONV export m.phipack -q -o b
diff -r a b && echo same
# So does the other reader.
python3 -B "$ROOT/reference/python/phipack.py" folder m.phipack c
$PHICONV inspect m --compare c | tail -n 1
# Rounded, each is what it is.
$PHICONV export q.phipack --dequantize -q -o q
grep -o '"tie_word[^,]*' q/config.json
$PHICONV inspect q --compare q.phipack | tail -n 2
