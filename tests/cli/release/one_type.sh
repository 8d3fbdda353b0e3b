# The shortest way: one type, no gate, a folder, its check.
$PHICONV release "$SAMPLE" -t q8_0 -e "$ROOT/reference/sample/text/physics.txt" \
    -c 16 --chunks 2 -o out | tail -n 2
ls out
$PHICONV verify-release out
