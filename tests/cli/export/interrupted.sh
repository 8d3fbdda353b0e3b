# Signals at many moments: it ends by the signal with what was there before and
# nothing else, or it was faster and the folder is whole.
# LeakSanitizer hangs if a signal comes while it looks around at the end.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
. "$ROOT/tests/cli/at_work.sh"
$PHICONV export "$SAMPLE" --dtype f32 -q -o want
mkdir run && cd run || exit
cut=0
for delay in 0.001 0.002 0.004 0.006 0.008 0.010 0.012 0.015 0.020 0.030 0.05; do
    for signal in INT TERM HUP; do
        for old in no yes; do
            rm -rf out
            [ $old = no ] || cp -r "$SAMPLE" out
            timeout --preserve-status -k 60 -s $signal $delay \
                $PHICONV export "$SAMPLE" --dtype f32 -q -o out --force -j 1
            code=$?
            # A signal in the last moment finds the folder in place.
            if [ -e out ] && diff -r out ../want >diff; then
                rm -rf out
            elif [ $code = 0 ]; then
                cat diff
            elif [ $old = yes ]; then
                diff -r out "$SAMPLE" && rm -rf out
            fi
            case $code in
            0) ;;
            130 | 143 | 129) cut=$((cut + 1)) ;;
            *) echo "code $code" ;;
            esac
            rm -f diff
            ls -A
        done
    done
done
[ $cut -gt 0 ] && echo "ended early and clean"
# Each of them when it is seen at work.
for signal in INT TERM HUP; do
    at_work $signal out $PHICONV export "$SAMPLE" --dtype f32 -q -o out -j 1
done
