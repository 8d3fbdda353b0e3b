$PHICONV export --help
