# Where there is no room the file is written anew, with room, and the same
# permissions; numbers need none. Another name for the old file keeps it.
$PHICONV quantize "$SAMPLE" -q -t q8_0=a.gguf --no-provenance
chmod 640 a.gguf
cp -p a.gguf b.gguf
ln b.gguf other.gguf
$PHICONV set-metadata a.gguf --force tokenizer.ggml.bos_token_id=3
cmp -l a.gguf b.gguf | wc -l
$PHICONV set-metadata a.gguf general.name='A longer name than it had before'
stat -c %a a.gguf
$PHICONV set-metadata a.gguf general.name='And an even longer name than that was'
$PHICONV inspect a.gguf --compare b.gguf
$PHICONV set-metadata b.gguf --force tokenizer.ggml.bos_token_id=3
cmp b.gguf other.gguf >/dev/null || echo "the other name has the old file"
# A text that is too long for the room.
head -c 30000 /dev/zero | tr '\0' x >long
$PHICONV set-metadata a.gguf --from-file general.description=long
$PHICONV set-metadata a.gguf general.description=short
$PHICONV set-metadata a.gguf --rewrite
$PHICONV inspect a.gguf --compare b.gguf | tail -n 1
ls -A
# The first file of a split model has all metadata.
$PHICONV quantize "$SAMPLE" -q -t q4_0=s.gguf --split-max-size 1M
$PHICONV set-metadata s-00001-of-00003.gguf general.name=Split
$PHICONV set-metadata s-00002-of-00003.gguf general.name=Split
echo "code $?"
$PHICONV inspect s-00003-of-00003.gguf --metadata | grep general.name
# Room is none of the metadata, and is not handed on.
$PHICONV quantize s-00001-of-00003.gguf -q -t copy=c.gguf --no-provenance
grep -c phiconv c.gguf
