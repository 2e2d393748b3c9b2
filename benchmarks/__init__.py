"""How fast qlab is, as ratios to other ways of doing the same: `make bench` runs all and writes README.md."""
