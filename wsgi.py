"""Where gunicorn and the flask command find the application."""

from haihe.app import create_app

app = create_app()
