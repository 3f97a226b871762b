"""What may stand in a path. Anything else is no address of ours: 404, before anybody looks anything up."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter, IntegerConverter


class Word(BaseConverter):
    """A code, a purpose, a pass or a merchant's own order number."""

    regex = r"[0-9A-Za-z_:.|*\-]{1,64}"


class Whole(IntegerConverter):
    """A number of a row, no larger than PostgreSQL's."""

    regex = r"[0-9]{1,18}"


def narrow_paths(app: Flask) -> None:
    """Hold every parameter of every door to these forms, those of doors yet to be built as well."""
    app.url_map.converters.update(default=Word, string=Word, int=Whole)
