# A sequential test ends what is decided.
ln -s "$SAMPLE" m
$PHICONV quantize "$SAMPLE" -t q8_0=good.gguf -t q2_k=bad.gguf -q
try() {
    $PHICONV eval-ppl "$@" -r m -f "$TEXT" -c 64 --chunks 60 \
        --early-stop
    echo "code $?"
}
# Good enough, and not, after the fewest windows it may look at.
try good.gguf --max-kld 0.02
try bad.gguf --max-kld 0.02
# One gate that failed decides, whatever the other says; both models must be.
try bad.gguf --max-kld 0.02 --min-same-top 0.8
try bad.gguf good.gguf --max-kld 0.02 --max-ppl-ratio 1.01
# Too near the limit to be told: judged by all windows.
try bad.gguf --max-kld 0.085
# The same windows with any batch and any number of threads.
try good.gguf --max-ppl-ratio 1.003 --json -j 1 --cpu scalar >a.json
try good.gguf --max-ppl-ratio 1.003 --json -j 3 >b.json
python3 - <<'EOF'
import json
a, b = (json.loads(open(f).read().split("\ncode")[0]) for f in ("a.json", "b.json"))
for d in a, b:
    d.pop("seconds"), d.pop("tokens_per_second")
assert a == b
print(a["windows"], "of", a["windows_planned"], a["gates"])
EOF
# From a journal it ends at the same window.
try good.gguf --max-ppl-ratio 1.003 --journal j.log -q
try good.gguf --max-ppl-ratio 1.003 --journal j.log
# There must be something to decide.
$PHICONV eval-ppl good.gguf -f "$TEXT" -r m --early-stop
