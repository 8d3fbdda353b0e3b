# A manual page for each command, from the same tables. One of them whole.
for c in '' $($PHICONV help | sed -n '/^Commands/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    # shellcheck disable=SC2086 # none, or one
    $PHICONV help --man $c >page
    grep -c '^\.SH ' page | sed "s/^/${c:-phiconv}: sections /"
    # Those of the environment that the command reads.
    sed -n '/^\.SH ENV/,/^\.SH SEE/s/^\\fB\([A-Z_]*\)\\fR$/\1/p' page | xargs
    # Every option of the help page is there, and the other way round.
    [ -n "$c" ] || continue
    $PHICONV help "$c" | sed -n '/^Options/,$s/^  \(-., \)\{0,1\}--\([a-z-]*\).*/\2/p' |
        sort -u >want
    sed -n 's/.*\\fB\\-\\-\([a-z\-]*\)\\fR.*/\1/p' page | tr -d '\\' |
        sort -u | grep -vx 'dumb\|cpu' >have
    grep -vx cpu want | diff - have
done
$PHICONV help --man tokenize
