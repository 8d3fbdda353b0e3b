# Rank, scale and its origin, and what was done; in the base's own types.
cp -r "$ROOT/reference/sample/adapters" A
$PHICONV merge-lora "$SAMPLE" A/physics-rslora -o out
$PHICONV merge-lora "$SAMPLE" A/physics-head -n --dtype bf16
ls
(cd out && find . | LC_ALL=C sort && cmp config.json "$SAMPLE/config.json")
