"""When something about the whole city cannot be done."""

from __future__ import annotations


class CityFailed(Exception):
    """The message is meant for whoever asked for it: what is the matter, what stays as it was, and what to do."""
