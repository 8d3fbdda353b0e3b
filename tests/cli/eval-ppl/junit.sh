# The verdicts for programs that show the results of tests.
$PHICONV quantize "$SAMPLE" -t q4_0='a&"<.gguf' -t f16=b.gguf -q
try() {
    $PHICONV eval-ppl 'a&"<.gguf' b.gguf -r "$SAMPLE" -f "$TEXT" -c 64 \
        --chunks 4 -q "$@"
    echo "code $?"
}
try --max-kld 0.001 --max-ppl-ratio 1.2 --junit gates.xml
sed -E 's/ time="[0-9.]+"//' gates.xml
python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("gates.xml")'
# Not over another file, nor over the model, and only with gates.
try --max-kld 0.001 --junit gates.xml
try --max-kld 0.5 --junit gates.xml --force
try --max-kld 0.5 --junit b.gguf --force
try --junit gates.xml
try --gate-on mean
try --max-kld 0.5 --gate-on median
# U+FFFE, U+FFFF and what else XML knows no character for.
odd=$(printf 'q\xef\xbf\xbf\xef\xbf\xbe\xef\xb7\x90\x01.gguf')
mv b.gguf "$odd"
$PHICONV eval-ppl "$odd" -r "$SAMPLE" -f "$TEXT" -c 64 --chunks 4 -q \
    --max-kld 0.5 --junit odd.xml --report odd.html
grep -o 'name="q[^"]*"' odd.xml
python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("odd.xml")'
