"""The name under which the deeds know `TooOften`, which lives among the other errors."""

from haihe.domain.errors import TooOften

__all__ = ["TooOften"]
