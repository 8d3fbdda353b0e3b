# Sections, files of the folder, and the GGUF file.
set -e
ln -s "$ROOT/tests/golden/pack/q4_0.phipack" a.phipack
$PHICONV extract a.phipack
$PHICONV extract a.phipack config.json
$PHICONV extract a.phipack files/code.py
$PHICONV extract a.phipack head -o head && head -c 4 head && echo
$PHICONV extract a.phipack gguf -o b.gguf
$PHICONV inspect a.phipack --compare b.gguf | tail -n 1
$PHICONV extract a.phipack head | cmp - b.gguf 2>&1 | sed 's/ after.*//'
$PHICONV extract a.phipack data | wc -c
$PHICONV extract a.phipack empty.txt | wc -c
