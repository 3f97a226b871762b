"""A newcomer walks the whole way: log in, bind, read, join, see the points, pick a benefit, show a code, leave."""

from flask.testing import FlaskClient

from tests.web.resident.phone import Phone


def test_a_newcomer_walks_from_login_to_a_code_and_out_again(client: FlaskClient, phone: Phone) -> None:
    assert phone.get("/v1/me/points").json["code"] == "NOT_BOUND"
    assert phone.get("/v1/me/consents").json["consents"][0]["purpose"] == "JOIN"
    assert phone.bind().json == {
        "level": "L3",
        "verified_on": "2026-11-20",
        "moved": False,
        "notice": "实名绑定完成。",
    }
    assert phone.get("/v1/me/points").json["code"] == "NOT_JOINED"
    assert phone.join().json["in_force"] is True

    points = phone.get("/v1/me/points").json
    assert (points["total"], points["grade"]["name"], points["as_of"]) == (510, "一般", "2026-11-20")
    assert sum(line["points"] for line in points["lines"]) == 510

    assert not any(b["eligible"] for b in phone.get("/v1/me/benefits").json["benefits"])
    shown = phone.post("/v1/me/passes", {"scenario": "XYZ-15"})
    assert shown.status_code == 201
    assert shown.json["headline"] == "还差 40 分"
    assert phone.get(f"/v1/me/passes/{shown.json['code']}/qr.svg").mimetype == "image/svg+xml"

    left = phone.delete("/v1/me/consents/JOIN").json
    assert left["in_force"] is False
    assert [k["what"] for k in left["kept"]] == [
        "您同意与撤回的凭证",
        "部门依法归集的原始信用记录",
        "账号与实名绑定",
    ]
    assert phone.get("/v1/me/points").json["code"] == "NOT_JOINED"
    assert phone.client.post("/v1/logout", headers=phone.headers).status_code == 204
    assert phone.get("/v1/me/benefits").json["code"] == "SESSION_INVALID"
