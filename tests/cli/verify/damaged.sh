# Every damaged part is told of, with its place.
cp "$ROOT/tests/golden/pack/folder.phipack" a.phipack
flip() { # offset: the byte there becomes another
    old=$(od -An -tu1 -j "$1" -N 1 a.phipack)
    # shellcheck disable=SC2059 # the number of a byte
    printf "\\$(printf %o $((old ^ 64)))" |
        dd of=a.phipack bs=1 seek="$1" conv=notrunc status=none
}
flip 6000 # config.json
flip 12000 # padding
flip 100000
flip 183103
$PHICONV verify a.phipack --json | sed 's/"seconds":[^,]*/"seconds":0/'
$PHICONV verify a.phipack -q
echo "code $?"
$PHICONV verify a.phipack --range 8000-12000
echo "code $?"
$PHICONV verify a.phipack --range 8000-50000 -q
echo "code $?"
$PHICONV quantize a.phipack -q -t q4_0=b.gguf
echo "code $?"
$PHICONV extract a.phipack config.json
echo "code $?"
ls
