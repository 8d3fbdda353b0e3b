# Mistakes on the command line: exit code 2.
cp -r "$ROOT/reference/sample/adapters/physics" A
try() {
    $PHICONV merge-lora "$@"
    echo "exit code $?"
}
try "$SAMPLE" -o out
try "$SAMPLE" A
try "$SAMPLE" "A:x" -o out
try "$SAMPLE" "A:inf" -o out
try "$SAMPLE" :1 -o out
try "$SAMPLE" A -o out --dtype f15
try "$SAMPLE" A -o out.gguf --max-shard-size 1M
try "$SAMPLE" A -o out --no-provenance
mkdir out
echo mine >out/file
try "$SAMPLE" A -o out
try "$SAMPLE" A -o out --force
try "$SAMPLE" A -o "$SAMPLE" --force
cp -r A mine
try "$SAMPLE" mine -o mine --force
$PHICONV quantize "$SAMPLE" -t q8_0=a.gguf --allow-twice
echo "exit code $?"
ls -R
