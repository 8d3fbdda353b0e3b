# A logits file as the reference: what the model itself would give, as near as
# 16 bits allow.
ln -s "$SAMPLE" m
$PHICONV quantize m -t q4_0=a.gguf -t q8_0=b.gguf -q
$PHICONV eval-ppl m -f "$TEXT" -c 64 --chunks 12 --save-logits m.logits -q
$PHICONV eval-ppl a.gguf b.gguf m -r m.logits
run() {
    $PHICONV eval-ppl a.gguf b.gguf --json "$@" |
        sed -E 's/"(seconds|tokens_per_second)":[0-9.e+-]+/"\1":0/g'
}
run -f "$TEXT" -c 64 --chunks 12 -r m >model.json
run -r m.logits -f "$TEXT" >file.json
python3 - <<'EOF'
import json
model, file = json.load(open("model.json")), json.load(open("file.json"))
STEP = 0.000123
for m, f in zip(model["models"], file["models"]):
    assert m["ppl"] == f["ppl"]
    a, b = m["reference"], f["reference"]
    assert abs(a["mean_kld"] - b["mean_kld"]) < STEP
    for k, v in a["kld_percentiles"].items():
        assert abs(v - b["kld_percentiles"][k]) < 2 * STEP, k
    for v, w in zip(a["window_kld"], b["window_kld"]):
        assert abs(v - w) < STEP
    assert abs(a["mean_dp"] - b["mean_dp"]) < STEP
    assert abs(a["same_top"] - b["same_top"]) < 0.003
    assert a["ln_ratio"] <= b["ln_ratio"] + STEP
    print(f["path"], "is near")
print({k: v for k, v in file["reference_model"].items()
       if k not in ("window_nll", "ppl_error", "mean_nll_error")})
EOF
# Threads, kernels, batches and journals change nothing.
run -r m.logits -f "$TEXT" -j 1 --cpu scalar | cmp - file.json && echo same
run -r m.logits -f "$TEXT" -j 3 --journal j | cmp - file.json && echo same
run -r m.logits -f "$TEXT" --journal j | cmp - file.json && echo same
# The true token of one position becomes as unlikely as a file can say.
python3 - <<'EOF'
import math, struct
data = bytearray(open("m.logits", "rb").read())
n_ctx, n_vocab, n_chunk = struct.unpack_from("<3i", data, 8)
tokens = struct.unpack_from("<%di" % (n_ctx * n_chunk), data, 20)
for i in range(n_ctx // 2, n_ctx - 1):
    row = 20 + 4 * len(tokens) + (i - n_ctx // 2) * (8 + 2 * n_vocab)
    scale, least = struct.unpack_from("<ff", data, row)
    at = row + 8 + 2 * tokens[i + 1]
    q, = struct.unpack_from("<H", data, at)
    if q > 0 and scale * 65535 > 15.9999 and scale * q + least < math.log(1e-3):
        struct.pack_into("<H", data, at, 0)
        break
open("n.logits", "wb").write(data)
EOF
cmp m.logits n.logits >differ || wc -l <differ
run -r n.logits -f "$TEXT" --journal j
$PHICONV eval-ppl m -r n.logits
run -r n.logits --journal k >n.json
run -r n.logits --journal k | cmp - n.json && grep -o '"floored":[0-9]*' n.json
# The text may be longer than the file, and not all of that need be used.
try() {
    $PHICONV eval-ppl a.gguf "$@"
    echo "code $?"
}
try -r m.logits --chunks 2
try -r m.logits --chunks 4 --max-ppl-ratio 1.2 --max-kld 0.002 -q
try -r m.logits --chunks 4 --max-kld 0.02 --report page.html -q
grep -c 'The reference is a logits file' page.html
# Another text, window or way of cutting it.
head -c 2000 "$TEXT" >short.txt
sed 's/a/e/3' "$TEXT" >other.txt
try -r m.logits -f short.txt
try -r m.logits -f other.txt
try -r m.logits -c 128
try -r m.logits --stride 16
try -r m.logits --report m.logits --force
try -r none.logits
