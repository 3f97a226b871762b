"""The world outside the house: services of others, each behind an adapter with a simulator for the demo city."""
