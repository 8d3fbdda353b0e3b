# The byte that is wrong is named.
printf 'caf\351\n' >latin1.txt
$PHICONV tokenize "$SAMPLE" -f latin1.txt
