# Signals at many moments: it ends by the signal with nothing left behind, or
# it was faster and the file is whole.
# LeakSanitizer hangs if a signal comes while it looks around at the end.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
. "$ROOT/tests/cli/at_work.sh"
$PHICONV quantize "$SAMPLE" -t f32=want.gguf -t q5_1=q.gguf -q && rm q.gguf
mkdir run && cd run || exit
cut=0
for delay in 0.001 0.01 0.02 0.03 0.04 0.05 0.06 0.08 0.10 0.15 0.20 0.30; do
    for signal in INT TERM HUP; do
        timeout --preserve-status -k 60 -s $signal $delay \
            $PHICONV quantize "$SAMPLE" -t f32=a.gguf -q -j 1
        code=$?
        case $code in
        0) cmp a.gguf ../want.gguf ;;
        130 | 143 | 129) [ -e a.gguf ] || cut=$((cut + 1)) ;;
        *) echo "code $code" ;;
        esac
        rm -f a.gguf
        ls -A
    done
done
[ $cut -gt 0 ] && echo "ended early and clean"
# Each of them when it is seen at work.
for signal in INT TERM HUP; do
    at_work $signal a.gguf $PHICONV quantize "$SAMPLE" -t f32=a.gguf -q -j 1
done
