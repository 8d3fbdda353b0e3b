# The first window's logits, [tokens, vocabulary], as safetensors.
$PHICONV eval-ppl "$SAMPLE" -f "$TEXT" -c 64 --chunks 1 --logits a.safetensors -q
head -c 120 a.safetensors | tail -c +9 | tr -d '\0' | grep -ao '^{.*}}'
stat -c %s a.safetensors
$PHICONV eval-ppl "$SAMPLE" -f "$TEXT" -c 64 --chunks 1 --logits a.safetensors -q
echo "code $?"
ls -A
