# A tokenizer in the adapter's folder takes the place of the base's, as a whole.
cp -r "$ROOT/reference/sample/adapters/physics" A
cp "$SAMPLE"/{tokenizer,tokenizer_config,vocab}.json "$SAMPLE/merges.txt" A
sed -i 's/^{/{"chat_template": "{{ messages[0].content }}",/' \
    A/tokenizer_config.json
$PHICONV merge-lora "$SAMPLE" A -o out -q
(cd out && cmp tokenizer_config.json ../A/tokenizer_config.json &&
    find . -name '*token*' | LC_ALL=C sort)
$PHICONV quantize "$SAMPLE" -t f16=base.gguf -q
$PHICONV merge-lora base.gguf A -o out.gguf -q
$PHICONV quantize "$SAMPLE" --lora A -t f16=q.gguf
for f in out q; do
    $PHICONV inspect $f.gguf --metadata | grep chat_template
done
# Defect: not where the base is a packed file, whose folder it goes into.
$PHICONV quantize "$SAMPLE" -t pack=base.phipack -q
$PHICONV merge-lora base.phipack A -o packed -q
cmp packed/tokenizer_config.json A/tokenizer_config.json
rm -r packed base.phipack
# Two adapters with two tokenizers.
cp -r A B
sed -i 's/messages/message/' B/tokenizer_config.json
$PHICONV merge-lora "$SAMPLE" A B -o no --allow-twice
echo "exit code $?"
ls
