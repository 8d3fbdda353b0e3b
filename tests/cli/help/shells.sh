# Completion for zsh and fish knows every command.
for shell in zsh fish; do
    $PHICONV help --completion $shell >script
    for c in $($PHICONV help | sed -n '/^Commands/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
        grep -q "$c" script || echo "$shell: no $c"
    done
done
grep tokenize script
$PHICONV help --completion zsh | sed -n '/^    tokenize)/,/;;/p'
