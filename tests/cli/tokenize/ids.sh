# Ids on one line; control tokens are text unless asked for; an empty text.
printf 'Motion in  one\tdimension.<|endoftext|>\n' >text
: >empty
$PHICONV tokenize "$SAMPLE" -f text
$PHICONV tokenize "$SAMPLE" -f text --special
$PHICONV tokenize "$SAMPLE" -f text --count
$PHICONV tokenize "$SAMPLE" -f empty
$PHICONV tokenize "$SAMPLE" -f empty --count
# No name is no folder, not even this one.
cd "$SAMPLE" && $PHICONV tokenize '' -f "$TEXT" 2>&1
echo "code $?"
