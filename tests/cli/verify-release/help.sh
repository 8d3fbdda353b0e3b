$PHICONV verify-release --help
