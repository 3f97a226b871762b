"""商户端: systems and counters of merchants."""
