$PHICONV doctor --help
