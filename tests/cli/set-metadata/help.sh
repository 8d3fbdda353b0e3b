$PHICONV set-metadata --help
