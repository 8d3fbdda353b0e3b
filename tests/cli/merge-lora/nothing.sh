# An adapter that changes nothing gives the base back, file by file.
cp -r "$ROOT/reference/sample/adapters/physics" A
$PHICONV merge-lora "$SAMPLE" A:0 -o same -q
$PHICONV merge-lora "$SAMPLE" A:0 -o same.2 >/dev/null
diff -r "$SAMPLE" same && echo same
