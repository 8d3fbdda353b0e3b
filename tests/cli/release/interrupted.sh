# Signals at many moments: nothing, or the whole folder.
# LeakSanitizer hangs if a signal comes while it looks around at the end.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
ln -s "$SAMPLE" m
release() {
    timeout --preserve-status -k 60 -s "$1" "$2" \
        $PHICONV release m -t q8_0 -e text.txt -c 64 --chunks 4 -q -o run/out \
        -j 1 2>err
}
mkdir run
release TERM 600
mv run/out want
cut=0
for delay in 0.005 0.01 0.02 0.03 0.05 0.07 0.1 0.15; do
    for signal in INT TERM; do
        release $signal $delay
        code=$?
        case $code in
        0) ;;
        130 | 143) cut=$((cut + 1)) ;;
        *) echo "code $code: $(cat err)" ;;
        esac
        if [ -e run/out ]; then
            diff -r run/out want && rm -r run/out
        fi
        ls -A run
    done
done
[ $cut -gt 0 ] && echo "ended early and clean"
