# The bar on terminals of many widths: it leaves the last columns free, is made
# of whole words and numbers, and leaves nothing behind but a line that says how
# long it took.
command -v script >/dev/null || {
    echo "skipped: no script (package bsdutils) to make a terminal"
    exit 77
}
export TERM=xterm SHELL=/bin/bash
for columns in 200 100 80 60 40 20; do
    script -qec "stty cols $columns; \
        $PHICONV eval-ppl '$SAMPLE' -f '$TEXT' -c 64 --chunks 70 -j 1" \
        /dev/null >all </dev/null
    # Frames begin with a carriage return and end with "erase the rest".
    sed -n '1h; 1!H; ${x; s/\x1b\[K/\n/g; p}' all | tr -d '\r' |
        sed '/\(^\|\[1m\)model /,$d' >frames
    ends='^eval-ppl: 4480 tokens in [0-9.:]+( s)?, [0-9]+ tokens/s$'
    grep -cE "$ends" frames | sed 's/^/ends: /'
    grep -vE "$ends" frames >bar
    mv bar frames
    word='[0-9]+ tokens(/s)?|ETA [0-9:-]+|ppl [0-9]+\.[0-9]{4} ± [0-9]+\.[0-9]{4}'
    grep -vE "^eval-ppl (\[#* *\] )? *[0-9]+%(  ($word))+\$|^\$" frames
    while IFS= read -r line; do
        [ ${#line} -le $((columns - 3)) ] || echo "too wide: $line"
    done <frames
    echo "$columns: $(grep -q ppl.*± frames && echo "running value, ")" \
        "$([ -z "$(tail -n 1 frames)" ] && echo "gone at the end")"
done
