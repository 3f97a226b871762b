"""The yardstick: a Flask route that does nothing, under the same gunicorn."""

from flask import Flask

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def nothing() -> tuple[str, int, dict[str, str]]:
    """An answer of the size of ours, made of nothing."""
    return "{}", 200, {"Content-Type": "application/json"}
