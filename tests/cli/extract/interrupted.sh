# Signals during a copy: what was written disappears, and nothing is whole.
# LeakSanitizer hangs if a signal comes while it looks around at the end.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
. "$ROOT/tests/cli/at_work.sh"
$PHICONV quantize "$SAMPLE" -q -t pack:f32=a.phipack
mkdir run && cd run || exit
# The reader takes one byte, and the rest once the signal is on its way: what
# is being written then is not the end of the file.
mkfifo pipe
$PHICONV extract ../a.phipack gguf >pipe &
exec 3<pipe
head -c 1 <&3 >/dev/null
kill -TERM $!
got=$(cat <&3 | wc -c)
wait $!
echo "code $?"
[ "$got" -lt 8000000 ] && echo "ended early"
rm pipe
# A signal can come between the file's name and the end of the program.
late=0
for delay in 0.001 0.01 0.02 0.03 0.04 0.05; do
    for signal in INT TERM HUP; do
        timeout --preserve-status -k 60 -s $signal $delay \
            $PHICONV extract ../a.phipack gguf -o a.gguf
        code=$?
        case $code in
        0) [ -e a.gguf ] || echo "nothing was written" ;;
        130 | 143 | 129) [ ! -e a.gguf ] || late=$((late + 1)) ;;
        *) echo "code $code" ;;
        esac
        rm -f a.gguf
        ls -A
    done
done
[ $late -lt 4 ] || echo "$late of 18 files appeared after a signal"
# Each of them when it is seen at work.
for signal in INT TERM HUP; do
    at_work $signal a.gguf $PHICONV extract ../a.phipack gguf -o a.gguf
done
