$PHICONV extract --help
