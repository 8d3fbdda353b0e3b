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
# Gates and the sequential test count groups of windows that are as long as one:
# one prediction each would make windows what tokens are.
$PHICONV quantize m -t q2_k=bad.gguf -q
gate() {
    $PHICONV eval-ppl bad.gguf -r m -f "$TEXT" -c 16 --max-kld 0.001 "$@" -q
    echo "code $?"
}
gate --stride 4 --chunks 11
gate --stride 9 --chunks 11
gate --stride 4 --chunks 60 --early-stop
gate --stride 4 --chunks 100 --early-stop
# Too few of them: two are needed.
gate --stride 4 --chunks 7
head -c 120 "$TEXT" >short.txt
$PHICONV eval-ppl bad.gguf -r m -f short.txt -c 16 --stride 4 --max-kld 1
echo "code $?"
