$PHICONV bench --help
