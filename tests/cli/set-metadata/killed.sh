# Killed before any of its writes, syncs and renames, the file has the old
# metadata or the new, whole, and the same tensors.
# shellcheck source=tests/cli/under_strace.sh
. "$ROOT/tests/cli/under_strace.sh"
$PHICONV quantize "$SAMPLE" -q -t q4_0=room.gguf
$PHICONV quantize "$SAMPLE" -q -t q4_0=none.gguf --no-provenance
for what in room none; do
    cp $what.gguf want.gguf
    $PHICONV set-metadata want.gguf -q general.name=New general.author=me
    $PHICONV inspect $what.gguf --diffable >old
    $PHICONV inspect want.gguf --diffable >new
    kills=0
    left=0
    for call in pwrite64 fsync renameat2 unlinkat; do
        for k in 1 2 3 4; do
            cp $what.gguf m.gguf
            # bash says on standard error who was killed.
            (
                strace -f -qq -o log -e trace=$call \
                    -e inject=$call:signal=KILL:when=$k \
                    $PHICONV set-metadata m.gguf -q general.name=New \
                    general.author=me
                exit
            ) 2>/dev/null
            code=$?
            [ $code = 0 ] && break
            kills=$((kills + 1))
            $PHICONV inspect m.gguf --diffable >now
            cmp -s now old || cmp -s now new || echo "$call $k: neither"
            # The next run is not disturbed by what is left, and removes it.
            ls -A | sed -n 's/^\.m\.gguf\..*/phiconv: note: &: a run that was '"\
"'killed had left it; removed/p' >notes
            left=$((left + $(wc -l <notes)))
            $PHICONV set-metadata m.gguf general.name=New general.author=me \
                2>&1 >/dev/null | cmp - notes
            ls -A | grep '^\.m\.gguf\.'
            $PHICONV inspect m.gguf --diffable | cmp - new
        done
    done
    echo "$what: at least three: $((kills >= 3)), left a file: $((left > 0))"
done
ls -A | grep -v '^\(log\|notes\|now\|old\|new\)$'
