"""`make bench`: every figure beside its yardstick, measured in one run. Machines differ; ratios last."""
