# As it is: the same bytes. In another type, cut anew, and back again.
$PHICONV export "$SAMPLE" -o same && diff -r "$SAMPLE" same && echo same
$PHICONV export "$SAMPLE" --dtype f32 --max-shard-size 5M -o f32 -j 1
$PHICONV export "$SAMPLE" --dtype f32 --max-shard-size 5M -o f32.3 -q -j 3
diff -r f32 f32.3 && ls f32
$PHICONV export f32 --dtype f16 -o back
(cd back && ls ./*.safetensors && cat config.json) | cmp - <(
    echo ./model.safetensors
    cat "$SAMPLE/config.json"
) && echo float16 again
$PHICONV eval-ppl back f32 --reference "$SAMPLE" -f "$TEXT" --chunks 2 \
    --max-kld 0 | sed 's/  */ /g' | cut -d ' ' -f 2-4 | tail -n 4
