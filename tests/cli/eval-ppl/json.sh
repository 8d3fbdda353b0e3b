# Keys that other programs read; what differs from run to run is left out.
$PHICONV quantize "$SAMPLE" -t q4_0=a.gguf -q
$PHICONV eval-ppl a.gguf -r "$SAMPLE" -f "$TEXT" -c 64 --chunks 3 --json \
    --max-kld 1 --min-same-top 0.2 --max-ppl-ratio 2 |
    sed -E 's/"(seconds|tokens_per_second)":[0-9.e+-]+/"\1":0/g'
$PHICONV eval-ppl "$SAMPLE" -f "$TEXT" -c 64 --chunks 2 --json |
    sed -E 's/"(seconds|tokens_per_second)":[0-9.e+-]+/"\1":0/g'
