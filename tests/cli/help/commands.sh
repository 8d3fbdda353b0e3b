# Every command's page, three ways; words that are nearly right.
for c in $($PHICONV help | sed -n '/^Commands/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    $PHICONV help "$c" >a && $PHICONV "$c" --help >b && cmp a b
    # Examples everywhere, each of which begins with the program.
    sed -n '/^Examples/,/^$/p' a | grep -c phiconv | sed "s/^/$c: examples /"
done
exec 2>&1
$PHICONV help quantise
$PHICONV help nothing
$PHICONV help --completion tcsh
$PHICONV help --completion zhs
$PHICONV --hlep
$PHICONV eval-ppl m -f t --act exakt
$PHICONV export m -o o --dtype f61
$PHICONV quantize m -t q4_0 --cpu scaler
$PHICONV inspect m --progress jsn
$PHICONV inspect m --tensor
