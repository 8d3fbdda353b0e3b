# Every adapter of the sample: into a folder, the same for any number of
# threads, and the same as merging while quantizing or evaluating; but for
# what it is called: a folder has the base's card, until somebody edits it.
content() { # FILE
    $PHICONV inspect "$1" --metadata | grep -v '^general\.\(name\|base_model\)'
    $PHICONV inspect "$1" --tensors --hash |
        sed -n 's/ *[0-9]*  \([0-9a-f]\{64\}\).*/ \1/p'
}
A=$ROOT/reference/sample/adapters
for a in physics physics-bias physics-dora physics-embed physics-f16 \
    physics-head physics-rslora; do
    $PHICONV merge-lora "$SAMPLE" "$A/$a" -o $a.f32 --dtype f32 -q -j 1
    $PHICONV merge-lora "$SAMPLE" "$A/$a" -o again --dtype f32 -q -j 3 -f
    diff -r $a.f32 again
    $PHICONV quantize $a.f32 -t q4_k_m=two.gguf -q -f --no-provenance
    $PHICONV quantize "$SAMPLE" --lora "$A/$a" -t q4_k_m=one.gguf -q -f \
        --no-provenance
    diff <(content one.gguf) <(content two.gguf) && echo "$a"
done
[ "$(content one.gguf | wc -l)" -gt 80 ] && $PHICONV inspect one.gguf \
    --metadata | grep '^general\.\(name\|base_model\)'
$PHICONV eval-ppl physics-dora.f32 -f "$TEXT" -c 64 --chunks 2 --json |
    grep -o '"ppl":[0-9.]*' >merged
$PHICONV eval-ppl "$SAMPLE" --lora "$A/physics-dora" -f "$TEXT" -c 64 \
    --chunks 2 --json | grep -o '"ppl":[0-9.]*' | diff merged - &&
    [ -s merged ] && echo "same perplexity"
