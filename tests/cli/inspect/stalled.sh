# A pipe into which nobody writes: a signal ended nothing, as reading went on
# after it.
mkfifo pipe
for signal in INT TERM HUP; do
    # Opened for both, or the shell would wait.
    env --default-signal=$signal timeout --preserve-status -k 60 -s $signal 0.1 \
        $PHICONV inspect - <>pipe
    echo "code $?"
done
