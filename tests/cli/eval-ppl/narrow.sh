# Tables on terminals of many widths: columns are left out for want of room, and
# a note says so; a file and a pipe get all of them.
command -v script >/dev/null || {
    echo "skipped: no script (package bsdutils) to make a terminal"
    exit 77
}
export TERM=dumb SHELL=/bin/bash
$PHICONV quantize "$SAMPLE" -t q4_0=a.gguf -q
for columns in 200 104 80 70 60 50; do
    script -qec "stty cols $columns; $PHICONV eval-ppl a.gguf \
        -r a.gguf -f '$TEXT' -c 64 --chunks 2 -j 1 --progress none 2>&1" \
        /dev/null </dev/null | tr -d '\r' >out
    echo "$columns: $(grep -c 'note: the terminal is too narrow' out)"
    grep '^model' out
    while IFS= read -r line; do
        [ ${#line} -le $columns ] || echo "too wide: ${#line}"
    done < <(grep -E '^(model|a.gguf)' out)
done
$PHICONV eval-ppl a.gguf -f "$TEXT" -c 64 --chunks 2 | cat
