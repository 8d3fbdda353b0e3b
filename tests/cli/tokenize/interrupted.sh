# A signal while a text becomes tokens: the program dies of it, and prints no
# count. One that heeds it only afterwards has printed the count by then.
if [ -n "${WRAPPER:-}" ]; then
    echo "skipped: too slow in another program"
    exit 77
fi
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
. "$ROOT/tests/cli/at_work.sh"
# No letter before a blank: one thread has all of it, however many there are.
yes '1 2 3 4 5 6 7 8 9' | head -c 60000000 >text
for signal in INT TERM; do
    for try in 1 2 3; do
        # It was faster.
        [ $try = 1 ] || { cat text text >more && mv more text; }
        begin $PHICONV tokenize "$SAMPLE" -f text --count >out
        wait_for_handler $signal || exit
        sleep 0.3
        kill -s $signal $pid 2>/dev/null
        wait $pid 2>/dev/null
        code=$?
        [ $code = 0 ] || break
    done
    echo "code $code, printed: $(cat out)."
done
