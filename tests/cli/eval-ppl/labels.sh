# A page names models, and not the folders of the machine that made it.
mkdir sub
ln -s "$SAMPLE" sub/phi
cp -r "$ROOT/reference/sample/adapters/physics" sub
page() {
    $PHICONV eval-ppl "$@" -f "$TEXT" -c 64 --chunks 2 -q --max-kld 9 \
        --report page.html --force
    grep -oE '<title>.*</title>|<tr><td>[^<]*(phi|gguf)[^<]*</td>' page.html
    grep -c "sub/\|$PWD" page.html
}
page sub/phi --lora sub/physics -r sub/phi
page "$PWD/sub/phi//" -r ./sub/phi/
$PHICONV quantize sub/phi -t q8_0=sub/q8.gguf -q
page sub/phi/ sub/q8.gguf --lora sub/physics/:0.5 -r sub/q8.gguf
cd sub/phi
# "." is all that is known of this one.
$PHICONV eval-ppl . -f "$TEXT" -c 64 --chunks 2 -q --report "$OLDPWD/page.html" \
    --force
grep -o '<title>.*</title>' "$OLDPWD/page.html"
