# Three spellings of one question, one answer.
$PHICONV >a && $PHICONV --help >b && $PHICONV help >c
cmp a b && cmp a c && head -n 1 a
