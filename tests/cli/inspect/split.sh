# Any part of a split model stands for all of it; one that is lost is named.
$PHICONV quantize "$SAMPLE" -q -t q4_0=s.gguf --split-max-size 1M
$PHICONV quantize "$SAMPLE" -q -t q4_0=whole.gguf
for i in 1 2 3; do
    $PHICONV inspect s-0000$i-of-00003.gguf --json |
        sed 's/"path":"[^"]*"//' >$i.json
done
cmp 1.json 2.json && cmp 1.json 3.json && echo one model
$PHICONV inspect s-00003-of-00003.gguf | sed -n '1p;/^size/p'
$PHICONV inspect s-00002-of-00003.gguf --compare whole.gguf
echo "code $?"
rm s-00001-of-00003.gguf
$PHICONV inspect s-00002-of-00003.gguf
