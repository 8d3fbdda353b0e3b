# Text and models that cannot be evaluated: one line each.
try() {
    $PHICONV eval-ppl "$@"
    echo "code $?"
}
head -c 900 "$TEXT" >short.txt
printf 'ab\xff\n' >latin.txt
: >empty.txt
try "$SAMPLE" -f short.txt
try "$SAMPLE" -f latin.txt
try "$SAMPLE" -f empty.txt
try "$SAMPLE" -f none.txt
try "$SAMPLE" -f .
try none -f "$TEXT"
try "$TEXT" -f "$TEXT"
try "$SAMPLE" -f "$TEXT" -c 1024
cp -r "$SAMPLE" m && chmod -R u+w m
rm m/tokenizer.json
# Without a merge the same text becomes other tokens.
sed -i '/^Ġt he$/d' m/merges.txt
try m -f "$TEXT" -r "$SAMPLE"
# A vocabulary that disagrees with the rest of the tokenizer.
sed -i 's/"!": *0/"!!!": 0/' m/vocab.json
try m -f "$TEXT"
