$PHICONV inspect --help
