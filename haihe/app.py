"""The one place that wires the house together."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Flask, Request, Response, request
from flask.json.provider import JSONProvider
from flask.sessions import NullSession, SessionInterface, SessionMixin
from flask_migrate import Migrate
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import SQLAlchemyError

from haihe.cache.copies import Copies
from haihe.cli import audit, city, demo, keys, records, rules, staff, statements, webhooks
from haihe.cli.rescore import rescore_command
from haihe.cli.worker import worker_command
from haihe.config import Settings, read_settings
from haihe.domain.allowances import Allowance
from haihe.outside.identity import identity_service
from haihe.outside.webhooks import WebhookSender
from haihe.outside.wechat import wechat_login
from haihe.storage.tables import db
from haihe.storage.vault import Vault
from haihe.usecases.context import Context, day_of
from haihe.usecases.rules_in_force import RulesInForce
from haihe.web import operator
from haihe.web.admin import audit as admin_audit
from haihe.web.admin import city_jobs as admin_city_jobs
from haihe.web.admin import drafts as admin_drafts
from haihe.web.admin import files as admin_files
from haihe.web.admin import login as admin_login
from haihe.web.admin import merchant_health as admin_merchant_health
from haihe.web.admin import merchants as admin_merchants
from haihe.web.admin import objections as admin_objections
from haihe.web.admin import people as admin_people
from haihe.web.admin import records as admin_records
from haihe.web.admin import source_questions as admin_source_questions
from haihe.web.admin import sources as admin_sources
from haihe.web.admin import staff as admin_staff
from haihe.web.admin.pages import audit as console_audit
from haihe.web.admin.pages import cases as console_cases
from haihe.web.admin.pages import dashboards as console_dashboards
from haihe.web.admin.pages import data as console_data
from haihe.web.admin.pages import drafts as console_drafts
from haihe.web.admin.pages import entry as console_entry
from haihe.web.admin.pages import golden as console_golden
from haihe.web.admin.pages import own_password as console_own_password
from haihe.web.admin.pages import partner_access as console_partner_access
from haihe.web.admin.pages import partner_entry as console_partner_entry
from haihe.web.admin.pages import partner_health as console_partner_health
from haihe.web.admin.pages import partners as console_partners
from haihe.web.admin.pages import people as console_people
from haihe.web.admin.pages import scenarios as console_scenarios
from haihe.web.admin.pages import sources as console_sources
from haihe.web.admin.pages import staff as console_staff
from haihe.web.admin.pages import withdrawals as console_withdrawals
from haihe.web.assets import serve_assets
from haihe.web.context import EXTENSION
from haihe.web.merchant import access, oauth, oauth_authorize, orders
from haihe.web.merchant import sandbox as merchant_sandbox
from haihe.web.merchant import statements as merchant_statements
from haihe.web.merchant import webhooks as merchant_webhooks
from haihe.web.merchant.pages import application as merchant_application
from haihe.web.merchant.pages import counter as merchant_counter
from haihe.web.merchant.pages import desk as merchant_desk
from haihe.web.merchant.pages import documents as merchant_documents
from haihe.web.merchant.pages import entry as merchant_entry
from haihe.web.merchant.pages import people as merchant_people
from haihe.web.pages import register_pages
from haihe.web.paths import narrow_paths
from haihe.web.problems import problem, register_problems
from haihe.web.rate_limits import tell_rate_limits
from haihe.web.resident import (
    benefits,
    consents,
    helpers,
    login,
    look_ahead,
    my_data,
    objections,
    page_entry,
    passes,
    points,
    questions,
    reports,
    verify,
)
from haihe.web.resident import orders as resident_orders
from haihe.web.resident.pages import asked as m_asked
from haihe.web.resident.pages import benefits as m_benefits
from haihe.web.resident.pages import entrance as m_entrance
from haihe.web.resident.pages import helpers as m_helpers
from haihe.web.resident.pages import me as m_me
from haihe.web.resident.pages import objections as m_objections
from haihe.web.resident.pages import orders as m_orders
from haihe.web.resident.pages import points as m_points
from haihe.web.resident.pages import reports as m_reports
from haihe.web.spec import describe

# Names a request that came without a name: unique among all workers, and cheaper than asking the system for chance.
PROCESS = secrets.token_hex(6)
ANSWERS = itertools.count(1)
# Printable ASCII without spaces and quotes: whatever name the caller's own system gives, and nothing that breaks a log.
REQUEST_ID = re.compile(r"[!#-&(-~]{1,128}")
# AuthZEN §10.1.3: whatever the caller named its request, the answer bears the same name.
ECHOES_ALL = "/access/"
LARGEST_BODY = 64 * 1024 * 1024


class OrjsonProvider(JSONProvider):
    """Flask's JSON by orjson: faster, and dates as RFC 3339."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)


class NoSessions(SessionInterface):
    """Every face of ours keeps its own logins, in the database: Flask's cookie is not read, and writing to it is refused."""

    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        return NullSession()


class Haihe(Flask):
    """Flask without what nobody here uses, which every question at the counter would pay for."""

    session_interface = NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """None of our views is a coroutine."""
        return func


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(settings: Settings | None = None, now: Callable[[], datetime] = _now) -> Flask:
    """The application; tests hand in their own settings and clock."""
    settings = settings or read_settings()
    app = Haihe("haihe", static_folder="web/static", template_folder="web/templates")
    app.json = OrjsonProvider(app)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_pre_ping": True,
            "connect_args": {"connect_timeout": 5},
            # A statement that fails is logged; whose data it was is nobody's business there.
            "hide_parameters": True,
        },
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SECRET_KEY=settings.secret_key,
    )
    db.init_app(app)
    _close_sessions_quietly(app)
    Migrate(app, db, directory="migrations", compare_type=True)
    app.extensions[EXTENSION] = Context(
        now=now,
        base_url=settings.base_url,
        pass_key=settings.pass_key,
        vault=Vault(settings.data_keys, settings.current_data_key, settings.index_key),
        copies=Copies(settings.redis_url),
        rules=RulesInForce(lambda: day_of(now())),
        wechat=wechat_login(settings),
        identity=identity_service(settings),
        messenger=WebhookSender(settings.webhooks_local),
        demo=settings.demo,
        client_allowance=Allowance(settings.client_requests_per_minute, 60),
    )
    _open_doors(app, settings.base_url)
    for group in (
        audit.group,
        city.group,
        demo.group,
        keys.group,
        records.group,
        rules.group,
        staff.group,
        statements.group,
        webhooks.group,
    ):
        app.cli.add_command(group)
    app.cli.add_command(rescore_command)
    app.cli.add_command(worker_command)
    return app


def _close_sessions_quietly(app: Flask) -> None:
    """At the end of a request the session is closed, which fails where PostgreSQL has died meanwhile. Flask's error
    handlers do not see that any more, so it must not spoil the answer that has been made already."""
    app.teardown_appcontext_funcs.remove(db._teardown_session)

    @app.teardown_appcontext
    def close_session(_error: BaseException | None) -> None:
        try:
            db.session.remove()
        except SQLAlchemyError as error:
            app.logger.error("database: the session could not be closed: %s", type(error).__name__)
            db.session().invalidate()
            db.session.registry.clear()


def _open_doors(app: Flask, base_url: str) -> None:
    narrow_paths(app)
    register_problems(app)
    app.register_error_handler(ParseException, _broken_body)
    app.after_request(_finish)
    tell_rate_limits(app)
    serve_assets(app)
    app.register_blueprint(operator.blp)
    register_pages(app)
    for pages in (
        m_entrance,
        m_points,
        m_benefits,
        m_asked,
        m_objections,
        m_orders,
        m_reports,
        m_helpers,
        m_me,
        merchant_application,
        merchant_entry,
        merchant_desk,
        merchant_people,
        merchant_documents,
        merchant_counter,
    ):
        app.register_blueprint(pages.blp)
    for console in (
        console_entry,
        console_own_password,
        console_scenarios,
        console_drafts,
        console_golden,
        console_staff,
        console_dashboards,
        console_data,
        console_sources,
        console_withdrawals,
        console_cases,
        console_people,
        console_partners,
        console_partner_access,
        console_partner_entry,
        console_partner_health,
        console_audit,
    ):
        app.register_blueprint(console.blp)
    for linking in (oauth_authorize.blp, page_entry.pages, verify.pages):
        app.register_blueprint(linking)
    api = describe(app, base_url)
    for door in (
        login,
        consents,
        helpers,
        points,
        questions,
        objections,
        my_data,
        reports,
        verify,
        benefits,
        look_ahead,
        passes,
        page_entry,
        resident_orders,
        oauth,
        access,
        orders,
        merchant_webhooks,
        merchant_statements,
        merchant_sandbox,
        admin_login,
        admin_city_jobs,
        admin_records,
        admin_objections,
        admin_source_questions,
        admin_people,
        admin_audit,
        admin_merchants,
        admin_merchant_health,
        admin_sources,
        admin_files,
        admin_staff,
        admin_drafts,
    ):
        api.register_blueprint(door.blp)
    api.register_blueprint(merchant_webhooks.keys_blp)


def _broken_body(_error: Exception) -> Response:
    """gunicorn reads a chunked body only when it is asked for, and says in its own way that it is malformed."""
    return problem(400, "BODY_BROKEN", "请求体没有按分块传输编码（chunked）的格式发送")


def _finish(response: Response) -> Response:
    """What every answer carries. The caller's request id is echoed, so that both sides speak of the same request."""
    given = request.headers.get("X-Request-ID")
    headers = response.headers
    if not (given and (REQUEST_ID.fullmatch(given) or request.path.startswith(ECHOES_ALL))):
        given = f"{PROCESS}{next(ANSWERS):x}"
    headers.add("X-Request-ID", given)
    headers.add("X-Content-Type-Options", "nosniff")
    if "Cache-Control" not in headers:
        headers.add("Cache-Control", "no-store")
    return response
