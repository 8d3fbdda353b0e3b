# What cannot be verified.
try() {
    $PHICONV verify "$@"
    echo "code $?"
}
try
try "$SAMPLE"
try none.phipack
printf 'GGUF1234' >a.gguf
try a.gguf
for range in 5 5- 5-5 9-5 x-5 1-2x 99999999999999999999-5; do
    try a.gguf --range $range
done
cp "$ROOT/tests/golden/pack/q4_0.phipack" q.phipack
size=$(stat -c %s q.phipack)
for from in $((size - 1)) "$size" $((size + 1)); do
    try q.phipack -q --range "$from-99999999999"
done
