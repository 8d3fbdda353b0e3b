# Threads and kernels change nothing, not the last digit, in any mode.
$PHICONV quantize "$SAMPLE" -t q5_0=a.gguf -q
for act in exact fast ref; do
    for options in "-j 1" "-j 2" "-j 3 --cpu scalar"; do
        # shellcheck disable=SC2086 # two words
        $PHICONV eval-ppl a.gguf -r "$SAMPLE" -f "$TEXT" -c 64 --chunks 2 \
            --json --act $act $options |
            sed -E 's/"(seconds|tokens_per_second)":[0-9.e+-]+//g' |
            sha256sum
    done | sort -u | wc -l
done
PHICONV_CPU=scalar $PHICONV eval-ppl a.gguf -f "$TEXT" -c 64 --chunks 1
