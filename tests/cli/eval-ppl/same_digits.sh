# Threads and kernels change nothing, not the last digit.
$PHICONV quantize "$SAMPLE" -t q5_0=a.gguf -q
for options in "-j 1" "-j 2" "-j 3 --cpu scalar" "-j 2 --cpu scalar"; do
    # shellcheck disable=SC2086 # two words
    $PHICONV eval-ppl a.gguf -r "$SAMPLE" -f "$TEXT" -c 128 --chunks 3 --json \
        $options | sed -E 's/"(seconds|tokens_per_second)":[0-9.e+-]+//g' |
        sha256sum
done | sort -u | wc -l
PHICONV_CPU=scalar $PHICONV eval-ppl a.gguf -f "$TEXT" -c 64 --chunks 1
