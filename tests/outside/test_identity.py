"""Real-name verification: the signed request, every answer, and the simulator."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import InvalidInput, Unavailable
from haihe.domain.identity import Identity, IdType
from haihe.outside.identity import CityIdentity, NoIdentity, SimulatedIdentity, identity_service
from tests.builders import id_number
from tests.outside.test_wechat import settings

KEY = b"shared"
SOMEBODY = Identity(IdType.RESIDENT, id_number(7), date(1990, 5, 4))


@dataclass
class FakeCity:
    """Answers what a test tells it to, and keeps the last request."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    asked: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def city() -> Iterator[FakeCity]:
    fake = FakeCity()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fake.asked = self.rfile.read(int(self.headers["Content-Length"]))
            fake.headers = dict(self.headers)
            self.send_response(fake.status)
            self.end_headers()
            self.wfile.write(fake.body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        fake.url = f"http://127.0.0.1:{http.server_port}/verify"
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield fake
        http.shutdown()


def test_a_match_gives_level_and_district(city: FakeCity) -> None:
    city.body = json.dumps({"result": "MATCH", "level": "L2", "district": "120103"}).encode()
    verified = CityIdentity(city.url, KEY).verify("account:1", SOMEBODY, "李华")
    assert (verified.level, verified.district, verified.identity) == ("L2", "120103", SOMEBODY)


def test_a_district_that_is_none_of_the_sixteen_is_no_district(city: FakeCity) -> None:
    city.body = json.dumps({"result": "MATCH", "level": "L3", "district": "110101"}).encode()
    assert CityIdentity(city.url, KEY).verify("account:1", SOMEBODY, "李华").district is None


def test_the_request_is_signed_as_documented(city: FakeCity) -> None:
    city.body = json.dumps({"result": "MATCH", "level": "L3"}).encode()
    CityIdentity(city.url, KEY).verify("account:1", SOMEBODY, "李华")
    at, nonce = city.headers["X-Haihe-Timestamp"], city.headers["X-Haihe-Nonce"]
    signed = f"{at}\n{nonce}\n{hashlib.sha256(city.asked).hexdigest()}".encode()
    assert city.headers["X-Haihe-Signature"] == hmac.new(KEY, signed, "sha256").hexdigest()
    assert json.loads(city.asked)["id_number"] == SOMEBODY.number


def test_a_mismatch_is_for_the_resident_to_mend(city: FakeCity) -> None:
    city.body = b'{"result": "MISMATCH"}'
    with pytest.raises(InvalidInput) as raised:
        CityIdentity(city.url, KEY).verify("account:1", SOMEBODY, "李华")
    assert raised.value.code == "IDENTITY_MISMATCH"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (429, b"", "IDENTITY_BUSY"),
        (503, b"", "IDENTITY_BUSY"),
        (500, b"", "IDENTITY_UNAVAILABLE"),
        (401, b"{}", "IDENTITY_UNAVAILABLE"),
        (200, b"", "IDENTITY_UNAVAILABLE"),
        (200, b"[]", "IDENTITY_UNAVAILABLE"),
        (200, b"{}", "IDENTITY_UNAVAILABLE"),
        (200, b'{"result": "MATCH"}', "IDENTITY_UNAVAILABLE"),
        (200, b'{"result": "MATCH", "level": "L9"}', "IDENTITY_UNAVAILABLE"),
    ],
)
def test_nobody_is_verified_by_an_answer_that_does_not_say_so(
    city: FakeCity, status: int, body: bytes, code: str
) -> None:
    city.status, city.body = status, body
    with pytest.raises(Unavailable) as raised:
        CityIdentity(city.url, KEY).verify("account:1", SOMEBODY, "李华")
    assert raised.value.code == code


def test_a_closed_port_is_told_as_unavailable() -> None:
    with pytest.raises(Unavailable):
        CityIdentity("http://127.0.0.1:1/", KEY).verify("account:1", SOMEBODY, "李华")


def test_the_simulator_always_places_a_number_in_the_same_district() -> None:
    first = SimulatedIdentity().verify("account:1", SOMEBODY, "李华")
    again = SimulatedIdentity().verify("account:2", SOMEBODY, "李华")
    assert first.district == again.district
    assert first.district in DISTRICTS
    assert first.level == "L3"


def test_the_simulator_refuses_and_is_busy_when_the_name_asks_for_it() -> None:
    for name in ("", "  ", "李不符"):
        with pytest.raises(InvalidInput):
            SimulatedIdentity().verify("account:1", SOMEBODY, name)
    with pytest.raises(Unavailable):
        SimulatedIdentity().verify("account:1", SOMEBODY, "王繁忙")


def test_the_simulator_is_for_the_demo_alone() -> None:
    assert isinstance(identity_service(settings(demo=True)), SimulatedIdentity)
    assert isinstance(identity_service(settings()), NoIdentity)
    real = identity_service(settings(demo=True, identity_url="https://id.example", identity_secret="s"))
    assert isinstance(real, CityIdentity)
    with pytest.raises(Unavailable):
        NoIdentity().verify("account:1", SOMEBODY, "李华")
