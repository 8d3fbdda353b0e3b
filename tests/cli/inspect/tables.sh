# Tensors and metadata, of a folder in both views and of a file.
ln -s "$SAMPLE" model
$PHICONV inspect model --tensors | sed -n '1,5p'
$PHICONV inspect model --metadata | sed -n '1,4p;22,24p'
$PHICONV inspect model --stored -t | sed -n '1,3p'
$PHICONV inspect model --stored -m | sed -n '1,8p'
$PHICONV inspect "$ROOT/tests/golden/imatrix.dat" -t | sed -n '1,3p'
$PHICONV quantize "$SAMPLE" -q -t q8_0=q.gguf --no-provenance
$PHICONV inspect q.gguf -m -t | sed -n '24,34p'
