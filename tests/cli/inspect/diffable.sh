# Stable text: no paths, nothing that depends on order; diff shows the rest.
$PHICONV quantize "$SAMPLE" -q -t q4_0=a.gguf -t q8_0=b.gguf
mkdir other && cp a.gguf other/c.gguf
$PHICONV inspect a.gguf --diffable --hash >a
$PHICONV inspect other/c.gguf --diffable --hash >c
cmp a c && grep -c . a
$PHICONV inspect b.gguf --diffable | diff <($PHICONV inspect a.gguf \
    --diffable) - | grep -v 'blk.[0-2]'
LC_ALL=C sort -c <(grep ^tensor a) && LC_ALL=C sort -c <(grep ^key a)
