# An existing file is replaced only with --force, and never damaged.
echo precious >a.gguf
$PHICONV quantize "$SAMPLE" -t q8_0=a.gguf -q
echo "code $?"
cat a.gguf
$PHICONV quantize "$SAMPLE" -t q8_0=a.gguf -q --force
echo "code $?"
head -c 4 a.gguf && echo && ls -A
