"""规则层: the rules themselves, in plain Python. No Flask, no SQL, no Redis, no clock, no configuration."""
