# Three files from one read, then one of them again by -o: the same bytes.
$PHICONV quantize "$SAMPLE" -t q8_0=a.gguf -t q4_0=b.gguf -t f16=c.gguf -q \
    --no-provenance
$PHICONV quantize "$SAMPLE" -t Q4_0 -o d.gguf -j 1 --no-provenance
cmp b.gguf d.gguf && ls -A
sha256sum a.gguf b.gguf c.gguf
