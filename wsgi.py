"""The application as gunicorn and the flask command find it."""

from haihe.app import create_app

app = create_app()
