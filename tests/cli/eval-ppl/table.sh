# The numbers are the same on every machine, so the table is exact.
ln -s "$SAMPLE" m
$PHICONV quantize "$SAMPLE" -t q8_0=a.gguf -t q4_0=b.gguf -q
$PHICONV eval-ppl a.gguf b.gguf -r m -f "$TEXT" --chunks 6
$PHICONV eval-ppl m -f "$TEXT" -c 128 --chunks 10
