# By way of GGUF and back: weights, configuration, tokenizer.
set -e
$PHICONV quantize "$SAMPLE" -q -t f16=a.gguf -t q4_0=q.gguf
$PHICONV export a.gguf -o a
ls a && cat a/config.json a/generation_config.json
$PHICONV tokenize a -f "$TEXT" | cmp - <($PHICONV tokenize "$SAMPLE" -f "$TEXT")
# The same weights make the same file again.
$PHICONV quantize a -q --no-provenance -t f16=b.gguf
$PHICONV quantize "$SAMPLE" -q --no-provenance -t f16=c.gguf
cmp b.gguf c.gguf && cat a/README.md
for m in a b; do
    $PHICONV eval-ppl $m.gguf -f "$TEXT" --chunks 2 --json |
        grep -o '"ppl":[0-9.]*'
done
# Quantized weights only when they are asked for, and then exactly.
$PHICONV export q.gguf -o q || echo "code $?"
$PHICONV export q.gguf --dequantize -o q
for m in q q.gguf; do # as floats, both
    $PHICONV eval-ppl $m -f "$TEXT" --chunks 2 --json --act ref |
        grep -o '"ppl":[0-9.]*'
done
# How to sample goes along; what has no place is noted. Defect: all was lost.
$PHICONV set-metadata c.gguf general.sampling.temp:f32=0.7 general.url=x \
    my.own:u8=1 -q
$PHICONV export c.gguf -q -o s && cat s/generation_config.json
$PHICONV quantize s -q -t f16=d.gguf
$PHICONV inspect d.gguf --metadata | grep sampling
for o in -n -v; do
    $PHICONV merge-lora c.gguf "$ROOT/reference/sample/adapters/physics" \
        -o l --json $o | tr -d '\n' | grep -o '"left":[^]]*'
done
