$PHICONV quantise model
