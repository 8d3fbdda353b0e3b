# Deltas add up in the order given; one adapter twice is likely a mistake.
cp -r "$ROOT/reference/sample/adapters" A
$PHICONV merge-lora "$SAMPLE" A/physics:0.5 A/physics-f16:-0.25 -o ab \
    --dtype f32 | tail -n 6
$PHICONV merge-lora "$SAMPLE" A/physics-f16:-0.25 A/physics:0.5 -o ba \
    --dtype f32 -q
$PHICONV merge-lora "$SAMPLE" A/physics:0.5 A/physics:0.5 -o no
$PHICONV merge-lora "$SAMPLE" A/physics A/physics:-1 -o back \
    --allow-twice -q && diff -rq "$SAMPLE" back | wc -l
# Sums in another order round differently, and hardly.
$PHICONV eval-ppl ab -r ba -f "$TEXT" -c 64 --chunks 2 --max-kld 1e-6 -q &&
    cmp -s ab/model-00001-of-00002.safetensors \
        ba/model-00001-of-00002.safetensors || echo "nearly the same"
# What was added can be taken away again, but for one rounding.
$PHICONV merge-lora "$SAMPLE" A/physics -o up --dtype f32 -q
$PHICONV merge-lora up A/physics:-1 -o down --dtype f16 -q
$PHICONV eval-ppl down -r "$SAMPLE" -f "$TEXT" -c 64 --chunks 2 -q \
    --max-kld 1e-9 && echo "the base again"
