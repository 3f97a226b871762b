"""全市一次算: the same rules as `haihe.domain`, read as expressions over columns for fourteen million residents at once."""
