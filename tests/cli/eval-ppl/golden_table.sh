# What llama-perplexity says of llama-quantize's files of the sample: the same
# perplexity and divergence, within the noise of its 16-bit logits and key-value
# cache, and of activations that it scales by 256 for K types, not by 32.
if [ -z "${PHICONV_TEST_DATA:-}" ]; then
    echo "skipped: the long text and the table need PHICONV_TEST_DATA"
    exit 77
fi
types="q4_0 q4_1 q5_0 q5_1 q8_0 q6_k q5_k_m q4_k_m q3_k_m q2_k iq4_nl iq4_xs"
outputs=()
for type in $types; do
    outputs+=(-t "$type=$type.gguf")
done
$PHICONV quantize "$SAMPLE" -q "${outputs[@]}"
# shellcheck disable=SC2086 # a list
$PHICONV eval-ppl $(printf '%s.gguf ' $types) -r "$SAMPLE" --act fast \
    -f "$PHICONV_TEST_DATA/sample/text/eval.txt" --chunks 100 --json >got
python3 - "$PHICONV_TEST_DATA/goldens/llama-perplexity.json" <<'EOF'
import json
import sys

golden = json.load(open(sys.argv[1]))["files"]
models = json.load(open("got"))["models"]
for model in models:
    name = model["path"].split(".")[0]
    if name not in golden:
        continue
    want = golden[name]
    found = model["reference"]
    off = {
        "ppl": abs(model["ppl"] / want["ppl"] - 1) < 1e-3,
        "kld": abs(found["mean_kld"] - want["mean_kld"])
        < 3e-4 + 0.02 * want["mean_kld"],
        "top": abs(100 * found["same_top"] - want["same_top"]) < 0.4,
    }
    print(name, "as llama-perplexity" if all(off.values()) else
          (model["ppl"], found, want))
EOF
