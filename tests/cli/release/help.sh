$PHICONV release --help
