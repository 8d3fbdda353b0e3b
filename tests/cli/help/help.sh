$PHICONV help --help
