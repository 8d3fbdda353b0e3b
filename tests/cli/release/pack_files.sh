# A packed file that is published has what export copies, from a folder and
# from another packed file; what it has not is said.
cp -r "$SAMPLE" m
chmod -R u+w m
echo "of nobody else" >m/notes.csv
$PHICONV quantize m -q -t pack:q8_0=a.phipack
for source in m a.phipack; do
    $PHICONV release $source -t pack:copy -e "$TEXT" -c 64 --chunks 2 \
        --max-ppl-ratio 2 -o r --force 2>&1 | grep note
    $PHICONV extract a.phipack | grep -c csv
    $PHICONV extract r/*.phipack | grep csv
    $PHICONV verify-release r --source $source -q
    echo "code $?"
done
# Beside an adapter's tokenizer there would be the base's: none is packed, and
# none is missed.
cp -r "$ROOT/reference/sample/adapters/physics" A
cp "$SAMPLE"/{tokenizer,tokenizer_config,vocab}.json "$SAMPLE/merges.txt" A
sed -i 's/^{/{"chat_template": "{{ messages[0].content }}",/' \
    A/tokenizer_config.json
$PHICONV release m --lora A -t pack:q8_0 -e "$TEXT" -c 64 --chunks 2 \
    --max-ppl-ratio 2 -q -o r --force
$PHICONV extract r/*.phipack | grep -c -e files/ -e origin
$PHICONV verify-release r --source m --lora A | tail -n 2
