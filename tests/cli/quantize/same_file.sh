# Input as output, under another name; the same output twice.
$PHICONV quantize "$SAMPLE" -t f16=a.gguf -q
ln a.gguf b.gguf && ln -s a.gguf c.gguf && sha256sum a.gguf >sum
for out in a.gguf b.gguf c.gguf; do
    $PHICONV quantize a.gguf -t q8_0=$out -q --force
    echo "code $?"
done
$PHICONV quantize a.gguf -t q8_0=x.gguf -t q4_0=./x.gguf -q
echo "code $?"
sha256sum -c sum && ls -A
