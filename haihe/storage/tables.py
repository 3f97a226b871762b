"""The database with every table known to it, so that whoever takes it from here sees the whole."""

from haihe.storage import (
    alarms,
    city_jobs,
    decisions,
    links,
    notices,
    notifications,
    objections,
    office,
    onboarding,
    orders,
    partners,
    records,
    reports,
    residents,
    rules,
    scores,
    statements,
)
from haihe.storage.db import db

__all__ = [
    "alarms",
    "city_jobs",
    "db",
    "decisions",
    "links",
    "notices",
    "notifications",
    "objections",
    "office",
    "onboarding",
    "orders",
    "partners",
    "records",
    "reports",
    "residents",
    "rules",
    "scores",
    "statements",
]
