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
# Defect: what a GGUF base says and tokenizer.json does not was lost: tokens
# with a role, whether they are added, and the chat template.
mkdir C && cp A/{adapter_*,tokenizer.json} C
$PHICONV merge-lora out.gguf C -o rest.gguf -q
for f in out rest; do
    $PHICONV inspect $f.gguf --metadata | grep '_token \|token_id\|template' |
        LC_ALL=C sort >$f.txt
done
cat rest.txt && cmp out.txt rest.txt
# Defect: a packed folder was taken for a GGUF file there.
cp -r "$SAMPLE" T && sed -i 's/^{/{"chat_template": "T",/' \
    T/tokenizer_config.json
$PHICONV quantize T -t pack=t.phipack -q
for m in T t.phipack; do
    $PHICONV merge-lora $m C -o rest.gguf -qf
    $PHICONV inspect rest.gguf --metadata | grep '_token \|token_id\|template' \
        >$m.txt
done
cat T.txt && cmp T.txt t.phipack.txt && rm -r T t.phipack
cp A/tokenizer_config.json C
sed -i 's/"chat_template": "[^"]*",//' C/tokenizer_config.json
$PHICONV merge-lora out.gguf C -o rest.gguf -qf
$PHICONV inspect rest.gguf --metadata | grep template
# A role whose token is gone.
rm C/tokenizer_config.json
sed -i 's/<|endoftext|>/<|end|>/' C/tokenizer.json
$PHICONV merge-lora out.gguf C -o no.gguf -q
echo "exit code $?"
rm -r C rest.gguf ./*.txt
# Two adapters with two tokenizers.
cp -r A B
sed -i 's/messages/message/' B/tokenizer_config.json
$PHICONV merge-lora "$SAMPLE" A B -o no --allow-twice
echo "exit code $?"
ls
