# Keys that other programs read; what differs from run to run is left out.
$PHICONV quantize "$SAMPLE" -t q5_0=a.gguf --json |
    sed -E 's/"(seconds|peak_rss|[a-z]+_per_second)":[0-9.e+-]+/"\1":0/g
        s/"((busy|wall)_seconds)":\{[^}]*\}/"\1":{}/g
        s/"bound":"(compute|hash|read|write)"/"bound":"ANY"/'
