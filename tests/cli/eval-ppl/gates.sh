# A gate that fails is exit code 1 and a line; the table is printed anyway.
$PHICONV quantize "$SAMPLE" -t q4_0=a.gguf -t f16=b.gguf -q
try() {
    $PHICONV eval-ppl a.gguf b.gguf -r "$SAMPLE" -f "$TEXT" -c 64 --chunks 4 \
        -q "$@"
    echo "code $?"
}
try --max-kld 0.5 --min-same-top 0.5 --max-ppl-ratio 1.5
try --max-kld 0.0118
try --max-kld 0.0118 --gate-on mean
try --max-kld 0.001
try --min-same-top 0.999 --max-ppl-ratio 1.0001
try --max-ppl-ratio 0.5
# Predictions of one window are alike: taken for independent, those of 3 windows
# passed below what 60 measure, as one short text of five does.
long() {
    $PHICONV eval-ppl a.gguf -r "$SAMPLE" -f "$TEXT" -c 32 -q \
        --max-kld 0.0088 --max-ppl-ratio 1.03 "$@"
    echo "code $?"
}
long --chunks 3
long --chunks 60 --gate-on mean
