# What --save-logits writes is what llama-perplexity would write of the same
# logits; the same bytes on any number of threads and any level of kernels.
ln -s "$SAMPLE" m
eval_text() {
    $PHICONV eval-ppl m -f "$TEXT" -c 32 --chunks 3 "$@"
}
eval_text --save-logits a.logits --logits first.safetensors
eval_text --save-logits b.logits -j 1 --cpu scalar -q
eval_text --save-logits c.logits -j 3 --act fast -q -r m
cmp a.logits b.logits && cmp a.logits c.logits && echo same
$PHICONV tokenize m -f "$TEXT" --json >tokens.json
python3 - <<'EOF'
import json, math, struct
F32 = struct.Struct("<f")

def f32(x):
    """x as a float of 32 bits"""
    return F32.unpack(F32.pack(x))[0]

data = open("a.logits", "rb").read()
n_ctx, n_vocab, n_chunk = struct.unpack_from("<3i", data, 8)
print(data[:8], n_ctx, n_vocab, n_chunk, len(data))
tokens = struct.unpack_from("<%di" % (n_ctx * n_chunk), data, 20)
text = json.load(open("tokens.json"))["ids"]
print("tokens", list(tokens) == text[:len(tokens)])
at = 20 + 4 * len(tokens)
first = open("first.safetensors", "rb").read()
begin = 8 + struct.unpack_from("<Q", first)[0]
same = near = 0
for i in range(n_ctx // 2, n_ctx - 1):
    row = struct.unpack_from("<%df" % n_vocab, first, begin + 4 * n_vocab * i)
    most = max(row)
    least = max(min(row), f32(most - 16))
    scale = f32(f32(most - least) / 65535)
    lse = math.log(sum(math.exp(x - most) for x in row))
    inverse = f32(1 / scale)
    q = [round(f32(inverse * f32(x - least))) if x > least else 0 for x in row]
    got = struct.unpack_from("<ff%dH" % n_vocab, data, at)
    same += got[0] == scale and list(got[2:]) == q
    near += abs(got[1] - (least - most - lse)) < 1e-5
    at += 8 + 2 * n_vocab
print(same, "rows the same,", near, "with the same sum")
EOF
# What it is not for, and where it does not write.
try() {
    $PHICONV eval-ppl "$@"
    echo "code $?"
}
try m -f "$TEXT" -c 32 --save-logits a.logits
try m -f "$TEXT" -c 32 --chunks 3 --save-logits a.logits --force -q
cmp a.logits b.logits
try m m -f "$TEXT" --save-logits x
try m -f "$TEXT" --save-logits x --stride 16
try m -f "$TEXT" --save-logits x --journal j
try m -f "$TEXT" --save-logits x -r m --max-kld 1 --early-stop
$PHICONV quantize m -t q8_0=a.gguf -q
try a.gguf -f "$TEXT" --save-logits a.gguf --force
try m -f "$TEXT" -r a.logits -c 32 --save-logits a.logits --force
# A logits file is no model.
try a.logits -f "$TEXT"
ls
