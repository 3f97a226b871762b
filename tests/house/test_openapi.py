"""openapi.yaml is what the code says, and the code answers everything that it lists."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from flask import Flask
from flask.testing import FlaskClient

CHECKED_IN = Path(__file__).parents[2] / "openapi.yaml"
# Pages and files for people and machines that are no part of the described interface.
UNDESCRIBED = re.compile(
    r"^/($|docs|static|healthz|readyz|openapi\.json|look$|verify$|oauth/(authorize|enter)$|(console|merchant|m)($|/))"
)


def test_the_checked_in_description_is_the_one_the_code_makes(client: FlaskClient) -> None:
    made = client.get("/openapi.json").get_json()

    assert yaml.safe_load(CHECKED_IN.read_text("utf-8")) == made, "run `make openapi`"


def test_every_route_is_described_and_every_described_route_exists(app: Flask, client: FlaskClient) -> None:
    described = {
        (method.upper(), path)
        for path, item in client.get("/openapi.json").get_json()["paths"].items()
        for method in item
        if method in ("get", "put", "post", "delete", "patch")
    }
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not UNDESCRIBED.match(rule.rule)
    }

    assert described == served


def test_the_description_can_be_browsed_without_the_network(client: FlaskClient) -> None:
    page = client.get("/docs/").get_data(as_text=True)

    assert "swagger-ui" in page
    assert "//" not in re.sub(
        r"http://www\.w3\.org\S*", "", "".join(re.findall(r'(?:src|href)="([^"]*)"', page))
    )


def test_clients_can_be_generated_and_collections_imported(client: FlaskClient) -> None:
    made = client.get("/openapi.json").get_json()
    operations = [
        operation
        for item in made["paths"].values()
        for method, operation in item.items()
        if method in ("get", "put", "post", "delete", "patch")
    ]
    names = [operation.get("operationId") for operation in operations]
    schemes = made["components"]["securitySchemes"]

    assert None not in names
    assert len(set(names)) == len(names)
    assert all(operation["summary"] and "security" in operation for operation in operations)
    assert {name for o in operations for lock in o["security"] for name in lock} <= set(schemes)
    assert [urlsplit(server["url"]).scheme for server in made["servers"]] == ["http"]
    token_url = schemes["oauth2"]["flows"]["clientCredentials"]["tokenUrl"]
    assert token_url == f"{made['servers'][0]['url']}/oauth/token"
    # What stands for nothing given is not described as something to send.
    assert [
        (name, field)
        for name, schema in made["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if described.get("default") == "" and described.get("minLength")
    ] == []
