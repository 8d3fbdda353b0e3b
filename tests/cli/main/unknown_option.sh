$PHICONV --versoin
