# The sample and its adapters are well; what is asked wrongly is said.
ln -s "$SAMPLE" model
$PHICONV doctor model
echo "code $?"
$PHICONV doctor model --no-weights -q
echo "code $?"
for a in "$ROOT"/reference/sample/adapters/*; do
    $PHICONV doctor "$a" -q || echo "$a: code $?"
done
$PHICONV doctor model --json
$PHICONV doctor nowhere
echo "code $?"
$PHICONV doctor model/config.json
echo "code $?"
$PHICONV doctor
echo "code $?"
mkdir empty
$PHICONV doctor empty
echo "code $?"
