"""The application as gunicorn and the flask command find it."""

import sys

from haihe.app import create_app
from haihe.config import ConfigurationError

try:
    app = create_app()
except ConfigurationError as error:
    # Whoever forgot a setting needs to be told which one, not where in the code it was missed.
    print(f"海河分 · 配置有误：{error}", file=sys.stderr)
    sys.exit(2)
