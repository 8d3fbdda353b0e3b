$PHICONV quantize "$SAMPLE" -t q4_0=a.gguf --pure -v |
    grep -v 'bound by' | grep -E 'output|file|a.gguf'
