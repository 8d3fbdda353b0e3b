# Bytes of floats in planes: smaller, and nothing lost.
set -e
ln -s "$SAMPLE" m
$PHICONV quantize m -t pack=a.phipack --pack-planes
$PHICONV verify a.phipack -q
$PHICONV inspect m --compare a.phipack | tail -n 1
$PHICONV quantize m -q -j 1 -t pack=b.phipack --pack-planes
cmp a.phipack b.phipack && echo "one thread: the same file"
$PHICONV eval-ppl a.phipack m -f "$TEXT" --chunks 1 --json |
    grep -o '"ppl":[0-9.]*'
# Of a plan, what it takes at most.
$PHICONV quantize m -n -t pack=a.phipack -t q4_0=a.gguf --pack-planes |
    tail -n 3
$PHICONV quantize m -n -t pack=a.phipack -t q4_0=a.gguf --pack-planes --json |
    grep -o '"bytes":[0-9]*,"bytes_exact":[a-z]*'
$PHICONV quantize m -f -t pack=a.phipack --pack-planes --json |
    grep -o '"bytes":[0-9]*,"bytes_exact":[a-z]*'
