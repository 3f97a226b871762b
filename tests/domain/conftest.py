"""Hypothesis without a deadline and the same examples every time: a red run can be run again by anybody."""

from hypothesis import settings

settings.register_profile("domain", max_examples=100, deadline=None, derandomize=True, database=None)
settings.load_profile("domain")
