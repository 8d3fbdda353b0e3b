# Split files, of a GGUF source without a licence file; verified as a whole.
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
$PHICONV quantize "$SAMPLE" -q -t f16=source.gguf
$PHICONV release source.gguf -t q4_k_m -t q8_0 --split-max-size 2M --name mine \
    -e text.txt -c 16 --chunks 8 --quantized-by 'No: one' -o out
ls out
sed -n '/^---/,/^---/p; /gguf/p' out/README.md
$PHICONV verify-release out --source source.gguf
# A manifest that has the parts in another order, and is vouched for.
sed -i '/"files": \["mine-Q8_0/s/, \(.*\), \(.*\)\]/, \2, \1]/' out/manifest.json
hash=$(sha256sum <out/manifest.json | cut -c -64)
sed -i "/manifest/s/^[0-9a-f]*/$hash/" out/SHA256SUMS
$PHICONV verify-release out
echo "code $?"
rm out/mine-Q8_0-00002-of-00003.gguf
$PHICONV verify-release out
echo "code $?"
