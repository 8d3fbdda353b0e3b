try() {
    $PHICONV eval-ppl "$@"
    echo "code $?"
}
try
try "$SAMPLE"
try "$SAMPLE" -f "$TEXT" --max-kld 0.1
try "$SAMPLE" -f "$TEXT" --act faster
try "$SAMPLE" -f "$TEXT" --cpu avx9000
try "$SAMPLE" -f "$TEXT" -c 1
try "$SAMPLE" -f "$TEXT" --max-kld nan -r "$SAMPLE"
try "$SAMPLE" "$SAMPLE" -f "$TEXT" --logits x
try "$SAMPLE" -f "$TEXT" --refrence x
