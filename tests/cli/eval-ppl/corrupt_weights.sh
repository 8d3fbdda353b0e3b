# A NaN in a weight of a GGUF is an error, not a perplexity of NaN.
$PHICONV quantize "$SAMPLE" -t f16=a.gguf -q
printf '\x00\x7e' | dd of=a.gguf bs=1 seek=8000000 conv=notrunc status=none
$PHICONV eval-ppl a.gguf -f "$TEXT" -c 64 --chunks 2
