# Windows that overlap: every token after a long context.
ln -s "$SAMPLE" m
try() {
    $PHICONV eval-ppl m -f "$TEXT" --chunks 5 "$@"
    echo "code $?"
}
try -c 64 --stride 16
try -c 64 --stride 63
# With half a window of context before each, as without a stride.
try -c 64 --stride 31
try -c 64
# What does not fit.
try -c 64 --stride 64
try -c 64 --stride 0
