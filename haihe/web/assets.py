"""Stylesheet, scripts and icons: served by ourselves, under an address that changes with their content, kept for long."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, request, url_for

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=60"


@cache
def content_hash(name: str) -> str:
    """Sixteen digits that change whenever the file does; a name that is no file of ours is a mistake in a template."""
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:16]


def asset(name: str) -> str:
    """The address of a file under static/, with its content's hash."""
    return url_for("static", filename=name, v=content_hash(name))


def icon(name: str) -> str:
    """The address of one picture in the set of icons."""
    return f"{asset('vendor/icons.svg')}#{name}"


def serve_assets(app: Flask) -> None:
    """Say how long a file may be kept: for good where it was asked for by its content, for a minute otherwise."""

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 206, 304):
            # An address of an older content may still be asked for while a new version is being rolled out.
            filename = (request.view_args or {}).get("filename", "")
            asked = request.args.get("v")
            same = asked is not None and asked == content_hash(filename)
            response.headers["Cache-Control"] = FOREVER if same else SHORTLY
        return response
