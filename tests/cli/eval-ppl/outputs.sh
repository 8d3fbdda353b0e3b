# No output is an input, nor another output: seen before any work.
ln -s "$SAMPLE" m
cp -r "$ROOT/reference/sample/adapters/physics" a
cp "$TEXT" text.txt
cp "$TEXT" short.txt && truncate -s 20K short.txt && cp short.txt "odd name"
ln text.txt second.txt
ln -s text.txt link.txt
mkdir sub
$PHICONV quantize m -t pack:q4_0=q.phipack -q
$PHICONV eval-ppl m -f short.txt -c 64 -q --save-logits logits
cp logits logits.was
try() {
    $PHICONV eval-ppl q.phipack -r m -f text.txt -c 64 --force -q "$@"
    echo "code $?"
}
for option in --report --logits --save-logits --journal; do
    try $option text.txt
done
try --max-kld 9 --junit text.txt
try --report second.txt
try --report link.txt
try --report sub/../text.txt
try --journal q.phipack --verify
try --report m/config.json
try --lora a --report a/adapter_config.json
try --lora a --report a/adapter_model.safetensors
try --report r --logits r
try --report r --max-kld 9 --junit ./sub/../r
try --save-logits sub/x --logits "$PWD/sub/x"
try --journal r --report r
$PHICONV eval-ppl q.phipack -r logits --report logits --force
echo "code $?"
# One that is there is seen before the work, too: of all but the journal.
$PHICONV eval-ppl q.phipack -f none --logits q.phipack
$PHICONV eval-ppl q.phipack -f none --logits short.txt
# So is a name that nothing can be written to.
unseen() {
    $PHICONV eval-ppl q.phipack -r m -f none --max-kld 9 --force "$@"
    echo "code $?"
}
for option in --junit --report --logits --save-logits; do
    unseen $option nodir/x
    unseen $option sub
done
unseen --junit /dev/stdout
unseen --report /dev/null
unseen --logits text.txt/x
# In folders of their own, the same names are two files.
mkdir one two
$PHICONV eval-ppl q.phipack -f short.txt -c 64 -q --report one/x --logits two/x
ls -A one two sub
cmp text.txt "$TEXT" && cmp logits logits.was && cmp short.txt "odd name" &&
    echo "as they were"
