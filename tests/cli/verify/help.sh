$PHICONV verify --help
