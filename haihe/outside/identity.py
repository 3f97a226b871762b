"""The city's real-name verification."""

from __future__ import annotations

from haihe.config import Settings
from haihe.usecases.context import IdentityService


def identity_service(settings: Settings) -> IdentityService: ...
