"""Every route asks who is there, but for those named here with a reason."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

OPEN = {
    "/healthz": "says only that the process lives",
    "/readyz": "says only whether the database answers",
    "/openapi.json": "the description is public",
    "/docs/": "the description is public",
    "/docs/<path:path>": "the description is public",
    "/static/<path:filename>": "public assets",
    "/oauth/token": "asks for client credentials itself",
    "/oauth/par": "asks for client credentials itself",
    "/oauth/introspect": "asks for client credentials itself",
    "/oauth/revoke": "asks for client credentials itself",
    "/oauth/authorize": "asks for the resident's session itself, and tells a stranger to log in",
    "/m/enter": "takes a ticket that only a resident's session can fetch",
    "/oauth/jwks": "public keys",
    "/v1/notice-keys": "public keys",
    "/.well-known/oauth-authorization-server": "public metadata (RFC 8414)",
    "/.well-known/authzen-configuration": "public metadata (AuthZEN §9)",
    "/v1/login": "is where a resident shows who they are",
    "/v1/admin/login": "is where staff show who they are",
    "/m/login": "shows residents the way in, and is the demo city's door",
    "/merchant/apply": "anybody may apply, so many an hour; it shows nothing of anybody",
    "/merchant/login": "is where a merchant's people show who they are",
    "/merchant/logout": "ends a session, if there is one",
    "/": "shows the way to each face, and nothing else",
    "/console/<path:anything>": "says only that there is no such page",
    "/console/login": "is where staff show who they are",
    "/verify": "says whether a report is genuine to whoever holds its code",
    "/v1/verify": "says whether a report is genuine to whoever holds its code",
    "/look": "remembers larger type in the browser alone, and only for a form of ours",
}
# Pages show a stranger where to log in.
LOGINS = {"/merchant": "/merchant/login", "/m": "/m/login", "/console": "/console/login"}


def test_no_route_answers_a_stranger(app: Flask, client: FlaskClient) -> None:
    unlocked = []
    for rule in app.url_map.iter_rules():
        if rule.rule in OPEN:
            continue
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for data, content_type in ((None, None), (b"{", "application/json"), (b"{}", "application/json")):
                answer = client.open(path, method=method, data=data, content_type=content_type)
                if not refused(rule.rule, answer):
                    unlocked.append((method, rule.rule, answer.status_code))
    assert unlocked == []


def refused(rule: str, answer: TestResponse) -> bool:
    login = next(
        (login for root, login in LOGINS.items() if rule == root or rule.startswith(f"{root}/")), None
    )
    if login is not None:
        return answer.status_code == 303 and answer.location.partition("?")[0] == login
    return answer.status_code == 401 and answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("path", sorted(OPEN))
def test_the_list_of_open_doors_names_only_doors_that_exist(app: Flask, path: str) -> None:
    assert path in {rule.rule for rule in app.url_map.iter_rules()}
