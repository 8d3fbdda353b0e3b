# Packed files, and the first part of one that comes through a pipe.
set -e
ln -s "$ROOT/tests/golden/pack/q4_0.phipack" a.phipack
$PHICONV inspect a.phipack
head -c 13000 a.phipack | $PHICONV inspect - --tensors | head -n 5
$PHICONV inspect - --json <a.phipack | grep -o '"root":"[0-9a-f]*"'
$PHICONV inspect - --hash <a.phipack || echo "code $?"
head -c 3000 a.phipack | $PHICONV inspect - || echo "code $?"
printf 'GGUF' | $PHICONV inspect - || echo "code $?"
$PHICONV inspect - <. || echo "code $?"
