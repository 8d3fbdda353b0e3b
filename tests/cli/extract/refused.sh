# What is not there, and what is in the way.
cp "$ROOT/tests/golden/pack/q4_0.phipack" a.phipack
try() {
    $PHICONV extract "$@"
    echo "code $?"
}
try a.phipack LICENCE
try a.phipack -o b
try a.phipack config.json --json
try a.phipack config.json -o a.phipack -f
echo there >b
try a.phipack config.json -o b
try a.phipack config.json -o b -f
$PHICONV extract a.phipack gguf >/dev/full
echo "code $?"
try "$SAMPLE/config.json"
ls
