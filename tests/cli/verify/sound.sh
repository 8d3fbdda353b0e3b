# A sound file, whole and in part.
set -e
ln -s "$ROOT/tests/golden/pack" g
for name in blocks folder planes q4_0; do
    $PHICONV verify g/$name.phipack
done
$PHICONV verify g/q4_0.phipack --range 0-20000
$PHICONV verify g/q4_0.phipack --json -j 1 | sed 's/"seconds":[^,]*/"seconds":0/'
