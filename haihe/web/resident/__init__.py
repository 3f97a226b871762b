"""居民端: the mini-program."""
