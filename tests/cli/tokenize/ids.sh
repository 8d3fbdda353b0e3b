# Ids on one line; control tokens are text unless asked for; an empty text.
printf 'Motion in  one\tdimension.<|endoftext|>\n' >text
: >empty
$PHICONV tokenize "$SAMPLE" -f text
$PHICONV tokenize "$SAMPLE" -f text --special
$PHICONV tokenize "$SAMPLE" -f text --count
$PHICONV tokenize "$SAMPLE" -f empty
$PHICONV tokenize "$SAMPLE" -f empty --count
