"""Where notices may go, when they are tried again, and what is signed: held against RFC 9421's own examples."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey, OKPKey

from haihe.domain.blotting import blotted
from haihe.domain.errors import InvalidInput
from haihe.domain.webhooks import (
    is_public,
    next_attempt,
    read_webhook_host,
    read_webhook_url,
    signature_base,
    signature_params,
)

BEGAN = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",  # noqa: S104 - an address like any other here
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2001::7f00:1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "2400:3200::1%eth0",
        "fec0::1",
        "ff02::1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "pay.example.cn",
        "",
    ],
)
def test_a_special_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "223.5.5.5", "2400:3200::1", "2606:4700::1111"])
def test_an_ordinary_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://pay.example.cn", "https://pay.example.cn/"),
        ("https://PAY.example.cn:443/a/b", "https://pay.example.cn/a/b"),
        ("https://pay.example.cn:8443/a", "https://pay.example.cn:8443/a"),
        ("https://xn--fiq228c.cn/", "https://xn--fiq228c.cn/"),
    ],
)
def test_an_address_is_kept_in_one_form(text: str, kept: str) -> None:
    assert str(read_webhook_url(text)) == kept


@pytest.mark.parametrize(
    "text",
    [
        "http://pay.example.cn/",
        "ftp://pay.example.cn/",
        "pay.example.cn",
        "https://",
        "https:///hook",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[/",
        "https://pay.example.cn./",
        "https://user@pay.example.cn/",
        "https://pay.example.cn@127.0.0.1/",
        "https://pay.example.cn\\@127.0.0.1/",
        "https://pay.example.cn:99999/",
        "https://pay.example.cn:x/",
        "https://pay.example.cn/?key=1",
        "https://pay.example.cn/?",
        "https://pay.example.cn/#a",
        "https://pay.example.cn/a b",
        "https://pay.example.cn/\r\nX: y",
        "https://pay.example.cn/\u4f60",
        "https://\uff50ay.example.cn/",
        "https://pay_example.cn/",
        "https://pay.example.cn/" + "a" * 512,
    ],
)
def test_what_is_no_public_https_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_webhook_url(text)
    assert refused.value.code == "WEBHOOK_URL_INVALID"


def test_this_machine_is_an_address_only_where_that_is_allowed() -> None:
    assert str(read_webhook_url("http://127.0.0.1:9000/x", local_allowed=True)) == "http://127.0.0.1:9000/x"
    assert str(read_webhook_url("http://[::1]:9000/x", local_allowed=True)) == "http://[::1]:9000/x"
    for text in ("http://127.0.0.1:9000/x", "http://localhost/x"):
        with pytest.raises(InvalidInput):
            read_webhook_url(text)
    with pytest.raises(InvalidInput):
        read_webhook_url("http://10.0.0.1/x", local_allowed=True)


@pytest.mark.parametrize("text", ["https://a.cn", "a.cn/x", "10.0.0.1", "localhost", "a.cn?x", "", "a cn"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_webhook_host(text)
    assert refused.value.code == "WEBHOOK_HOST_INVALID"


def test_a_host_is_kept_in_one_form() -> None:
    assert read_webhook_host(" Pay.Example.CN:443 ") == "pay.example.cn"
    assert read_webhook_host("pay.example.cn:8443") == "pay.example.cn:8443"


def test_the_ladder_climbs_to_an_hour_and_ends_after_three_days() -> None:
    at, failed, pauses = BEGAN, 0, []
    while True:
        failed += 1
        due = next_attempt(failed, BEGAN, at)
        if due is None:
            break
        pauses.append(int((due - at).total_seconds()))
        at = due

    assert pauses[:9] == [15, 15, 30, 180, 1800, 1800, 1800, 1800, 3600]
    assert set(pauses[9:]) == {3600}
    assert timedelta(days=3) - timedelta(hours=1) < at - BEGAN <= timedelta(days=3)


def test_the_signature_of_rfc_9421_b_2_4_holds_over_the_base_made_here() -> None:
    components = ("@status", "content-type", "content-digest", "content-length")
    values = {
        "@status": "200",
        "content-type": "application/json",
        "content-digest": "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:",
        "content-length": "23",
    }
    params = signature_params(components, created=1618884473, keyid="test-key-ecc-p256")
    signature = base64.b64decode(
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="
    )
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key = ECKey.import_key(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA",
            "y": "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0",
        }
    )

    key.public_key.verify(
        encode_dss_signature(r, s), signature_base(components, values, params), ECDSA(SHA256())
    )


def test_the_signature_of_rfc_9421_b_2_6_holds_over_the_base_made_here() -> None:
    components = ("date", "@method", "@path", "@authority", "content-type", "content-length")
    values = {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "@method": "POST",
        "@path": "/foo",
        "@authority": "example.com",
        "content-type": "application/json",
        "content-length": "18",
    }
    params = signature_params(components, created=1618884473, keyid="test-key-ed25519")
    key = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}
    ).public_key
    signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="

    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(signature), signature_base(components, values, params))


def test_what_a_server_answers_is_kept_short_and_without_numbers() -> None:
    answer = "收到 11010519491231002X\r\n电话 138 0013 8000 \x00<b>".encode() + b"\xff" + b"a" * 1000

    assert blotted(answer).startswith("收到 ●●● 电话 ●●●")
    assert len(blotted(answer)) == 200
    assert blotted(b"") == ""
    assert blotted(b"order 1234 ok") == "order 1234 ok"
