"""The report says what holds at that moment, can be checked by anybody, and is nobody else's to fetch."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from joserfc import jws
from joserfc.jwk import KeySet
from pypdf import PdfReader

from haihe.domain.reports import masked_name, read_code
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.reports import Report
from haihe.usecases.context import Context
from haihe.usecases.reports import forget_reports, verify_url
from tests.builders import Builders, id_number
from tests.conftest import Clock
from tests.web.resident.phone import Phone

Find = Callable[[Phone], int]


def made(phone: Phone, **body: bool) -> dict:
    answer = phone.post("/v1/me/reports", body)
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def paper(phone: Phone, report: dict) -> PdfReader:
    answer = phone.get(f"/v1/me/reports/{report['id']}.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert hashlib.sha256(answer.data).hexdigest() == report["pdf_sha256"]
    return PdfReader(io.BytesIO(answer.data))


def words(reader: PdfReader) -> str:
    text = "".join(page.extract_text() for page in reader.pages)
    # The reader does not know the encoding of a subset by character numbers, and keeps the zero of every pair of bytes.
    return "".join(text.replace("\0", "").split())


def test_the_paper_says_who_how_many_and_why(member: Phone, a: Builders, resident_of: Find) -> None:
    a.record(resident_of(member), "B14", document_no="津罚1号", severity="一般", issuer="市市场监管委")
    a.record(
        resident_of(member),
        "B14",
        document_no="津罚已修复2号",
        severity="一般",
        state="REPAIRED",
        record_no="GONE",
    )
    told = words(paper(member, made(member)))
    assert "李华" in told
    assert id_number(1) not in told
    assert id_number(1)[:3] + "*" * 11 + id_number(1)[-4:] in told
    assert "490分" in told
    assert "津罚1号" in told
    assert "HH-2026.1" in told
    assert "已修复2号" not in told
    assert "GONE" not in told


def test_its_font_is_embedded_and_subset(member: Phone) -> None:
    answer = member.get(f"/v1/me/reports/{made(member)['id']}.pdf")
    assert b"NotoSansSC" in answer.data
    assert len(answer.data) < 200_000
    fonts = [
        font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        for page in PdfReader(io.BytesIO(answer.data)).pages
        for font in page["/Resources"]["/Font"].values()
    ]
    assert fonts
    assert all({"/FontFile2", "/FontFile3"} & set(font.get_object()) for font in fonts)


def test_the_attached_content_is_signed_by_a_key_that_is_shown(member: Phone, client: FlaskClient) -> None:
    report = made(member)
    attached = paper(member, report).attachments
    content, signature = attached["report.json"][0], attached["report.jws"][0].decode()
    assert hashlib.sha256(content).hexdigest() == report["content_sha256"]
    assert signature == report["jws"]
    keys = KeySet.import_key_set(client.get("/v1/notice-keys").json)
    header, _nothing, sign = signature.split(".")
    middle = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    assert jws.deserialize_compact(f"{header}.{middle}.{sign}", keys).payload == content


def test_anybody_with_the_code_learns_that_it_is_genuine_and_no_more(
    member: Phone, client: FlaskClient
) -> None:
    report = made(member)
    for typed in (report["code"], report["code"].lower().replace("-", " "), report["code"].replace("1", "l")):
        told = client.post("/v1/verify", json={"code": typed}).json
        assert told == {
            "made_on": "2026-11-20",
            "valid_until": "2026-12-20",
            "name": "李*",
            "id_number": id_number(1)[:3] + "*" * 11 + id_number(1)[-4:],
            "pdf_sha256": report["pdf_sha256"],
            "total": None,
            "grade": None,
        }


def test_what_it_says_is_told_only_where_its_resident_chose_so(member: Phone, client: FlaskClient) -> None:
    told = client.post("/v1/verify", json={"code": made(member, share_summary=True)["code"]}).json
    assert (told["total"], told["grade"]) == (510, "一般")


def test_a_wrong_code_an_expired_one_and_one_of_somebody_who_left_look_alike(
    member: Phone, stranger: Phone, client: FlaskClient, clock: Clock
) -> None:
    expired, left = made(member)["code"], made(stranger)["code"]
    stranger.delete("/v1/me/consents/JOIN")
    clock.forward(days=30)
    answers = [
        client.post("/v1/verify", json={"code": code}) for code in (expired, left, "0" * 20, "x", "李华")
    ]
    assert {(a.status_code, a.get_data()) for a in answers} == {(404, answers[0].get_data())}
    token = form_token_of(client)
    pages = [
        client.post("/verify", data={"form_token": token, "code": code}) for code in (expired, left, "0" * 20)
    ]
    assert {p.status_code for p in pages} == {404}


def test_the_code_of_a_report_stands_in_no_address_that_a_server_sees(
    member: Phone, client: FlaskClient, ctx: Context
) -> None:
    code = made(member)["code"]

    address = urlsplit(verify_url(ctx, code))
    assert (address.path, address.query, address.fragment) == ("/verify", "", code)
    assert "是真的" not in client.get("/verify", query_string={"code": code}).text
    told = client.post("/verify", data={"form_token": form_token_of(client), "code": code})
    assert "是真的" in told.text


def form_token_of(client: FlaskClient) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', client.get("/verify").text)
    assert found is not None
    return found[1]


def test_trying_codes_is_slowed_down_and_a_right_code_still_works(member: Phone, client: FlaskClient) -> None:
    code = made(member)["code"]
    tried = [client.post("/v1/verify", json={"code": "0" * 20}).status_code for _ in range(125)]
    assert (tried[0], tried[-1]) == (404, 429)
    assert client.post("/v1/verify", json={"code": code}).status_code == 200


def test_a_report_is_its_residents_alone(member: Phone, stranger: Phone) -> None:
    report = made(member)
    for path in (f"/v1/me/reports/{report['id']}", f"/v1/me/reports/{report['id']}.pdf"):
        assert (stranger.get(path).status_code, stranger.get(path).json["code"]) == (404, "REPORT_NOT_FOUND")
    assert stranger.get("/v1/me/reports").json == {"reports": []}
    assert [r["id"] for r in member.get("/v1/me/reports").json["reports"]] == [report["id"]]


def test_five_a_day_and_no_more(member: Phone, clock: Clock) -> None:
    for _ in range(5):
        made(member)
    refused = member.post("/v1/me/reports", {})
    assert (refused.status_code, refused.json["code"]) == (429, "REPORTS_TOO_OFTEN")
    clock.forward(days=1, seconds=1)
    assert member.post("/v1/me/reports", {}).status_code == 201


def test_it_is_kept_sealed_for_thirty_days_and_then_deleted(member: Phone, clock: Clock) -> None:
    report = made(member)
    row = db.session.query(Report).one()
    assert "李华".encode() not in row.content_sealed
    assert b"%PDF" not in row.pdf_sealed
    clock.forward(days=29)
    assert forget_reports(clock.now) == 0
    clock.forward(days=1)
    member.log_in()
    assert member.get(f"/v1/me/reports/{report['id']}").status_code == 404
    assert forget_reports(clock.now) == 1


def test_leaving_deletes_it_at_once(member: Phone) -> None:
    made(member)
    member.delete("/v1/me/consents/JOIN")
    assert db.session.query(Report).count() == 0
    assert member.post("/v1/me/reports", {}).json["code"] == "NOT_JOINED"


def test_making_one_leaves_a_trace_and_its_content_is_in_the_export(member: Phone, resident_of: Find) -> None:
    report = made(member)
    (entry,) = db.session.query(AuditEntry).filter_by(deed="make_report").all()
    assert (entry.actor, entry.subject) == (f"resident:{resident_of(member)}", f"report:{report['id']}")
    (told,) = member.get("/v1/me/export").json["data"]["reports"]
    assert report["code"] in told["content"]


@pytest.mark.parametrize("body", [{"share_summary": "yes"}, {"share_summary": 1}, {"else": True}, []])
def test_a_choice_that_is_none_is_refused(member: Phone, body: object) -> None:
    assert member.post("/v1/me/reports", body).status_code == 422


def test_names_and_codes_are_read_as_people_write_them() -> None:
    assert [masked_name(n) for n in ("王芳", "王小明", "王", "阿依古丽·买买提")] == [
        "王*",
        "王**",
        "王*",
        "阿**",
    ]
    assert read_code("oi l00 0000-00000000000") == "01100-00000-00000-00000"
    assert read_code("U" * 20) is None
