# A folder that is replaced holds nothing that the release is made from.
ln -s "$SAMPLE" m
cp "$ROOT/reference/sample/text/physics.txt" text.txt
$PHICONV release m -t f16 -e text.txt -c 64 --chunks 4 -q -o out
cp -r "$ROOT/reference/sample/adapters/physics" a
cp text.txt out
cp "$ROOT/tests/golden/imatrix.gguf" out
echo q8_0 >out/recipe
try() {
    $PHICONV release "$@" -c 64 --chunks 4 -q --force
    echo "code $?"
}
try out/Phi-Openstax-F16.gguf -t q8_0 -e text.txt -o out
try m -t q8_0 -e out/text.txt -o out/
try m -t q4_0 -e text.txt --imatrix out/imatrix.gguf -o out
try m --recipe out/recipe -e text.txt -o out
cp -r out x.failed
try m -t q8_0 -e x.failed/text.txt -o x --keep-failed
# Nor the adapter's folder, if it looks like a release.
touch a/manifest.json
try m --lora a -t q8_0 -e text.txt -o a
ls -A out a
