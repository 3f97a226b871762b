"""A department sends a file over HTTP and is told what became of it; nobody sees anybody else's."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io

import pyotp
import pytest
from flask.testing import FlaskClient

from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.partners import OAuthClient
from haihe.storage.records import Source
from haihe.usecases.context import Context
from haihe.usecases.staff_login import create_staff
from tests.builders import Builders, id_number

COLUMNS = "record_no,indicator,id_type,id_number,name,occurred_on\n"
GOOD = f"R1,D05,RESIDENT,{id_number(1)},王小河,2026-10-01\n"
BAD = f"=2+3,D05,RESIDENT,{id_number(1)[:-1]},王小河,2026-10-01\n"
FILE = (COLUMNS + GOOD + BAD).encode()
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
Headers = dict[str, str]


def credentials(
    ctx: Context, client: FlaskClient, source: str, scopes: tuple[str, ...] = ("records",)
) -> Headers:
    with transaction():
        db.session.add(Source(code=source, name=f"部门{source}", indicators=[]))
        db.session.flush()
        db.session.add(
            OAuthClient(
                client_id=f"s-{source}",
                secret_sha256=hashlib.sha256(b"secret").digest(),
                scopes=list(scopes),
                source=source,
                created_at=ctx.now(),
            )
        )
        next_generation()
    answer = client.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(f"s-{source}", "secret")
    )
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


@pytest.fixture
def department(ctx: Context, client: FlaskClient) -> Headers:
    return credentials(ctx, client, "RS")


@pytest.fixture
def staff(ctx: Context, client: FlaskClient):
    def as_role(role: str) -> Headers:
        create_staff(ctx, role, "a long enough password", SECRET, role, [], ctx.now(), "operator:test")
        code = pyotp.TOTP(SECRET).at(ctx.now())
        body = {"username": role, "password": "a long enough password", "totp": code}
        return {"Authorization": f"Bearer {client.post('/v1/admin/login', json=body).get_json()['token']}"}

    return as_role


def send(client: FlaskClient, headers: Headers, data: bytes = FILE, content_type: str = "text/csv"):
    return client.post("/v1/admin/records", data=data, headers=headers, content_type=content_type)


def test_a_half_good_file_is_answered_with_its_report(client: FlaskClient, department: Headers) -> None:
    answer = send(client, department)
    assert answer.status_code == 200
    report = answer.get_json()
    assert {k: report[k] for k in ("added", "changed", "unchanged", "quarantined", "lines", "repeated")} == {
        "added": 1,
        "changed": 0,
        "unchanged": 0,
        "quarantined": 1,
        "lines": 2,
        "repeated": False,
    }
    [error] = report["errors"]
    assert (error["line"], error["record_no"], error["field"], error["code"]) == (
        3,
        "=2+3",
        "id_number",
        "ID_INVALID",
    )
    assert report["report_url"].endswith(f"/v1/admin/imports/{report['import_id']}/report.csv")
    again = send(client, department).get_json()
    assert (again["added"], again["unchanged"], again["repeated"]) == (0, 1, True)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (FILE, "text/csv; charset=utf-8"),
        (FILE.decode().encode("gb18030"), "application/octet-stream"),
        (gzip.compress(FILE), "application/gzip"),
        (gzip.compress(FILE), "text/csv"),
        (b'{"record_no":"J1","indicator":"D05"}\n', "application/x-ndjson"),
    ],
)
def test_what_the_file_is_is_found_by_looking(
    client: FlaskClient, department: Headers, data: bytes, content_type: str
) -> None:
    assert send(client, department, data, content_type).status_code == 200


def test_a_form_may_carry_the_file(client: FlaskClient, department: Headers) -> None:
    form = {"file": (io.BytesIO(FILE), "十月.csv")}
    report = client.post("/v1/admin/records", data=form, headers=department).get_json()
    assert report["added"] == 1
    view = client.get(f"/v1/admin/imports/{report['import_id']}", headers=department).get_json()
    assert (view["file_name"], view["format"], view["source"], view["lines_done"]) == (
        "十月.csv",
        "csv",
        "RS",
        3,
    )
    empty = client.post(
        "/v1/admin/records", data={"other": "x"}, headers=department, content_type="multipart/form-data"
    )
    assert (empty.status_code, empty.get_json()["code"]) == (422, "FILE_MISSING")


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"", "text/csv", 422, "FILE_EMPTY"),
        (b"\x1f\x8b\x08", "application/gzip", 422, "GZIP_BROKEN"),
        (b"a,b\n", "text/csv", 422, "FORMAT_UNKNOWN"),
        (b"\x00\xff" * 50, "application/octet-stream", 422, "FORMAT_UNKNOWN"),
        (b"{}", "application/json", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"x", "multipart/form-data", 422, "FILE_MISSING"),
        (b"x", "multipart/form-data; boundary=a", 422, "FILE_MISSING"),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_problem(
    client: FlaskClient, department: Headers, data: bytes, content_type: str, status: int, code: str
) -> None:
    answer = send(client, department, data, content_type)
    assert (answer.status_code, answer.mimetype, answer.get_json()["code"]) == (
        status,
        "application/problem+json",
        code,
    )
    assert client.get("/v1/admin/imports", headers=department).get_json()["items"] == []


def test_the_report_opens_in_a_spreadsheet_without_running_anything(
    client: FlaskClient, department: Headers
) -> None:
    import_id = send(client, department).get_json()["import_id"]
    answer = client.get(f"/v1/admin/imports/{import_id}/report.csv", headers=department)
    assert answer.content_type == "text/csv; charset=utf-8"
    header, row = csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig")))
    assert header == ["line", "record_no", "field", "code", "detail", "note"]
    assert row[:4] == ["3", "'=2+3", "id_number", "ID_INVALID"]


def test_a_department_sees_only_its_own_imports(
    ctx: Context, client: FlaskClient, department: Headers
) -> None:
    import_id = send(client, department).get_json()["import_id"]
    other = credentials(ctx, client, "GX")
    for path in (f"/v1/admin/imports/{import_id}", f"/v1/admin/imports/{import_id}/report.csv"):
        assert client.get(path, headers=department).status_code == 200
        assert client.get(path, headers=other).get_json()["code"] == "IMPORT_NOT_FOUND"
    assert client.get("/v1/admin/imports", headers=other).get_json() == {"items": [], "next": None}


def test_imports_come_in_pages_the_latest_first(client: FlaskClient, department: Headers) -> None:
    ids = [send(client, department, FILE + b"\n" * n).get_json()["import_id"] for n in range(3)]
    first = client.get("/v1/admin/imports?limit=2", headers=department).get_json()
    assert [i["import_id"] for i in first["items"]] == [ids[2], ids[1]]
    rest = client.get(f"/v1/admin/imports?limit=2&before={first['next']}", headers=department).get_json()
    assert [i["import_id"] for i in rest["items"]] == [ids[0]]
    assert rest["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "before=0", "before=99999999999999999999"])
def test_a_page_that_cannot_be_is_refused(client: FlaskClient, department: Headers, query: str) -> None:
    assert client.get(f"/v1/admin/imports?{query}", headers=department).status_code == 422


def test_a_number_beyond_all_numbers_is_not_found(client: FlaskClient, department: Headers) -> None:
    assert client.get(f"/v1/admin/imports/{10**30}", headers=department).status_code == 404


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("data_clerk", 200),
        ("system_admin", 200),
        ("auditor", 200),
        ("security_admin", 403),
        ("approver", 403),
        ("scenario_editor", 403),
    ],
)
def test_staff_see_all_imports_if_their_role_may(
    client: FlaskClient, department: Headers, staff, role: str, status: int
) -> None:
    import_id = send(client, department).get_json()["import_id"]
    headers = staff(role)
    assert client.get("/v1/admin/imports", headers=headers).status_code == status
    assert client.get(f"/v1/admin/imports/{import_id}", headers=headers).status_code == status


def test_staff_do_not_send_records_themselves(client: FlaskClient, staff) -> None:
    assert send(client, staff("data_clerk")).status_code == 401


def test_merchants_and_tokens_of_another_scope_are_not_let_in(
    ctx: Context, client: FlaskClient, a: Builders
) -> None:
    other = credentials(ctx, client, "XX", scopes=("check",))
    assert send(client, other).status_code == 403
    merchant = a.merchant(scopes=("records",))
    answer = client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(merchant.client_id, merchant.client_secret),
    )
    headers = {"Authorization": f"Bearer {answer.get_json()['access_token']}"}
    assert send(client, headers).get_json()["code"] == "NOT_A_SOURCE"


@pytest.mark.parametrize(
    "path", ["/v1/admin/imports?limit=x", "/v1/admin/imports/1", "/v1/admin/imports/1/report.csv"]
)
def test_a_stranger_learns_nothing(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer abc"}).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer a.b.c"}).status_code == 401
