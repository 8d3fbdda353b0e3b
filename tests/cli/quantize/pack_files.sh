# What else a folder has is packed, comes back, and is told of where it is not.
mkdir m && cp "$SAMPLE"/* m && mkdir m/runs m/additional_chat_templates
echo my rights >m/LICENSE.rst && echo policy >m/USE_POLICY
echo a,b >m/notes.csv && echo v >m/vocab.dat
printf 'A' >m/chat_template.jinja
printf 'B' >m/additional_chat_templates/tool.jinja
ln -s nowhere m/dangling && touch "$(printf "m/caf\\351.docx")"
touch m/.gitattributes m/optimizer.pt m/weights.onnx m/model.gguf
echo secret >secret && ln -s ../secret m/link && ln -s notes.csv m/again.csv
truncate -s 60M m/large.dat && truncate -s 67108865 m/larger.dat
$PHICONV quantize m -q -t pack=q.phipack && echo quiet
$PHICONV quantize m -t pack=m.phipack -t q8_0=m.gguf
$PHICONV quantize m -n --json -t pack=n.phipack | grep -o '"left":.*\],"source"'
$PHICONV export m.phipack -q -o out
diff -rq m out | LC_ALL=C cat -v
# Nothing is told of GGUF, nor of what was packed before.
$PHICONV quantize m -t q8_0=n.gguf && $PHICONV quantize m.phipack -t pack=n.phipack
$PHICONV export n.phipack -q -o again && diff -r out again && echo same
# What is packed is an input, and so are templates.
echo notes >m/notes.md
for name in notes.md notes.csv USE_POLICY additional_chat_templates/tool.jinja; do
    $PHICONV quantize m -t pack=m/$name -f
    echo "code $?"
done
$PHICONV quantize m -q -t q8_0=m/model.gguf -f && echo "no input"
# Names that no packed file can have.
mkdir h && cp m/*.json h && rm h/*.index.json
cp "$SAMPLE"/model-00001-of-00002.safetensors h/.hidden.safetensors
cp "$SAMPLE"/model-00002-of-00002.safetensors h
sed 's/model-00001-of-00002/.hidden/' "$SAMPLE"/model.safetensors.index.json \
    >h/model.safetensors.index.json
$PHICONV quantize h -t pack=h.phipack
echo "code $?"
ls
