# The object that other programs read.
printf 'Hello\n' >text
$PHICONV tokenize "$SAMPLE" --json -f text
$PHICONV tokenize "$SAMPLE" --json --count -f text
