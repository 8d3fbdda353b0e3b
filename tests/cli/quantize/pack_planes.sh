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
