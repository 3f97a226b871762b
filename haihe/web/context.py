"""The context of the deeds, as the application holds it."""

from __future__ import annotations

from flask import current_app

from haihe.usecases.context import Context

EXTENSION = "haihe"


def context() -> Context:
    """The context of this worker."""
    held: Context = current_app.extensions[EXTENSION]
    return held
