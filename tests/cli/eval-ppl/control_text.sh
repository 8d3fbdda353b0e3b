# The end of a document, written out, was measured as the letters that it is of,
# and nobody said so. It still is, as in llama-perplexity.
for part in 1 2 3; do
    head -c 900 "$TEXT" | tail -c $((300 * part))
    [ $part = 3 ] || printf '<|endoftext|>'
done >text
run() {
    $PHICONV eval-ppl "$SAMPLE" -c 32 --chunks 1 "$@" -f text >out
    echo "code $?"
}
run
run -q
run --json
grep -o '"control_texts":[^]]*]' out
sed 's/<|endoftext|>/<|endoftext|/; s/<|endoftext|>/<|end|>/' text >none
$PHICONV eval-ppl "$SAMPLE" -c 32 --chunks 1 --json -f none |
    grep -o '"control_texts":[^]]*]'
$PHICONV release "$SAMPLE" -t q8_0 -e text -c 32 --chunks 1 -o rel \
    --gate-on mean --max-kld 1 >/dev/null
grep -A 10 '"text": {' rel/manifest.json | grep -A 5 control_texts
