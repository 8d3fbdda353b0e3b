$PHICONV eval-ppl --help
