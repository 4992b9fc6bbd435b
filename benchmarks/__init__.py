"""Programs that measure. Run on purpose: `make bench`; tests only run a smoke of each."""
