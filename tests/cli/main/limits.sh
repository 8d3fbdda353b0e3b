# Numbers on the command line: at each limit, and one past it.
ln -s "$SAMPLE" m
try() {
    $PHICONV "$@" >/dev/null
    echo "code $?"
}
try quantize -q m -t q8_0=x.gguf --dry-run -j 1024
try quantize -q m -t q8_0=x.gguf --dry-run -j 1025
echo "hello hello hello hello hello" >text
try eval-ppl -q -f text m -c 4
try eval-ppl -q -f text m -c 3
try eval-ppl -q -f text m -c 1048576
try eval-ppl -q -f text m -c 1048577
try eval-ppl -q -f text m -c 4 --stride 1048577
try bench --list -c 1048576
try bench --list -c 1048577 m
try bench --list --seconds 3600
try bench --list --seconds 3600.5
