$PHICONV tokenize --help
