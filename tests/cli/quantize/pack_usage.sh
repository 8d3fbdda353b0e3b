# Names and options that do not go with packed files.
try() {
    $PHICONV quantize "$SAMPLE" "$@"
    echo "code $?"
}
try -t q4_0=a.phipack
try -t pack:q4_0=a.gguf
try -t pack:q4_0=a.phipack --split-max-size 1M
try -t pack:q4-0=a.phipack
try -t packed=a.phipack
try -t pack:=a.phipack
try -t pack
try -t q4_0=a.gguf --pack-planes
try -t pack:q4_0=a.phipack -t pack:q8_0=./a.phipack
ls
