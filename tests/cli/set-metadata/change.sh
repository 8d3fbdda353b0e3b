# Keys are set, changed and removed; the tensors stay what they are, and a
# file that phiconv wrote is changed where it lies.
$PHICONV quantize "$SAMPLE" -q -t q4_0=m.gguf
$PHICONV inspect m.gguf --hash --json | grep -o '"digest":"[^"]*"' >before
inode=$(stat -c '%i %s' m.gguf)
$PHICONV set-metadata m.gguf general.name='My Phi' -n
$PHICONV set-metadata m.gguf general.name='My Phi' general.author=me \
    'general.tags=["a","b \u00e9"]' x.count:u8=255 x.low:i64=-9 x.yes:bool=true \
    x.real:f64=0.1 x.note='free text' 'x.list:strings=[]'
$PHICONV set-metadata m.gguf -d x.low --delete x.yes x.note='changed'
printf '{%% for m in messages %%}{{ m }}{%% endfor %%}\n' >chat.jinja
$PHICONV set-metadata m.gguf --from-file tokenizer.chat_template=chat.jinja
$PHICONV set-metadata m.gguf --force tokenizer.ggml.eos_token_id=5 \
    phi2.rope.freq_base=20000.5
$PHICONV set-metadata m.gguf --force tokenizer.ggml.eos_token_id=6
$PHICONV set-metadata m.gguf general.name='My Phi'
echo "code $?"
$PHICONV inspect m.gguf --metadata |
    grep -E '^(general.(name|au|tags)|x\.|.*(eos|freq_base|chat_t))'
$PHICONV inspect m.gguf --hash --json | grep -o '"digest":"[^"]*"' >after
cmp before after && [ "$inode" = "$(stat -c '%i %s' m.gguf)" ] && echo same file
# Nothing of what was replaced can still be read.
$PHICONV set-metadata m.gguf -q x.note='much secret text'
$PHICONV set-metadata m.gguf -q -d x.note
grep -c 'secret' m.gguf
$PHICONV set-metadata m.gguf --json general.name=x |
    sed 's/"before":"[^"]*"/"before":.../'
