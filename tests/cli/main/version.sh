$PHICONV --version
