$PHICONV quantize --help
