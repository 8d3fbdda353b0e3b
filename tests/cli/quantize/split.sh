# A model in several files: as many as it takes, read back as one.
$PHICONV quantize "$SAMPLE" -q -t q4_0=want.gguf --no-provenance
$PHICONV quantize "$SAMPLE" -t q4_0=a.gguf -t q8_0=b --split-max-size 1M
ls -A
$PHICONV quantize a-00001-of-00003.gguf -q -t copy=c.gguf --no-provenance
cmp want.gguf c.gguf && echo same
$PHICONV quantize "$SAMPLE" -q -t q4_0=d.gguf --split-max-tensors 30
$PHICONV quantize d-00001-of-00003.gguf -q -t copy=e.gguf --no-provenance
cmp want.gguf e.gguf && echo same
# The very files that llama-gguf-split makes of want.gguf.
$PHICONV quantize "$SAMPLE" -q -t q4_0=x --split-max-size 1M --no-provenance
$PHICONV quantize "$SAMPLE" -q -t q4_0=y --split-max-tensors 30 --no-provenance
sha256sum x-* y-*
# One file is one part; a tensor that does not fit is a part of its own.
$PHICONV quantize "$SAMPLE" -q -t q4_0=f.gguf --split-max-size 3M
$PHICONV quantize "$SAMPLE" -q -t q4_0=g.gguf --split-max-size 100K
ls f-*
ls g-* >list
wc -l <list
$PHICONV quantize "$SAMPLE" -n -t q4_0 --split-max-size 100K | tail -n 1
# Refused: both limits; a part that is there already or is the source.
$PHICONV quantize "$SAMPLE" -q -t q4_0=h.gguf --split-max-size 1M \
    --split-max-tensors 5
echo "code $?"
mv a-00002-of-00003.gguf h-00002-of-00003.gguf
$PHICONV quantize "$SAMPLE" -q -t q4_0=h.gguf --split-max-size 1M
echo "code $?"
ls h-*
$PHICONV quantize d-00001-of-00003.gguf -q -t copy=d.gguf --force \
    --split-max-tensors 30
echo "code $?"
# Names that are one only once the parts have their numbers.
mkdir sp && ln -s sp other
clash() {
    $PHICONV quantize "$SAMPLE" -f --split-max-tensors 40 "$@"
    echo "code $?"
}
clash -t q4_0=sp/a.gguf -t q8_0=sp/a
clash -t q4_0=sp/a.gguf -t q8_0=sp/b -t f16=other/a
clash -t q4_0=sp/a -t q8_0=a | tail -n 1
ls sp
clash -n -t q4_0 -t q8_0 | tail -n 3
