"""`make bench-city`: the whole city, every figure beside its yardstick in the same run, with the memory that it took."""
