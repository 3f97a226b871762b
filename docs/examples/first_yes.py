"""从零到第一个“可以”：生成密钥、取令牌、核验、开立并完成订单、对账。需要 authlib、httpx2、joserfc。

用法：python first_yes.py key              生成私钥 haihe-key.json，印出要登记的公钥
      python first_yes.py token CLIENT_ID  印出访问令牌，供 curl 使用
      python first_yes.py try CLIENT_ID    用沙箱客户端走一遍
"""

import json
import os
import sys
import time
from pathlib import Path

from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

HAIHE = os.environ.get("HAIHE", "http://127.0.0.1:8000")
KEY_FILE = Path("haihe-key.json")
SCENARIO = "XYZ-15"


def make_key():
    """私钥只留在自己手里；要登记的是公钥。"""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    KEY_FILE.touch(mode=0o600)
    KEY_FILE.write_text(json.dumps(key.as_dict(private=True)))
    print(json.dumps(key.as_dict(private=False)))


def connect(client_id, haihe=HAIHE, key_file=KEY_FILE, **options):
    """以 private_key_jwt 取令牌；令牌到期前自动再取。"""
    key = ECKey.import_key(json.loads(key_file.read_text()))
    client = OAuth2Client(
        client_id,
        key,
        token_endpoint_auth_method="private_key_jwt",  # noqa: S106 - 一种方式的名字
        base_url=haihe,
        **options,
    )
    client.register_client_auth_method(PrivateKeyJWT(alg="ES256", headers={"kid": key.kid}))
    client.fetch_token(f"{haihe}/oauth/token", grant_type="client_credentials")
    return client


def ask(client, code):
    """柜台的一问：出示这个信用码的人，现在能不能使用这项优惠？"""
    question = {
        "subject": {"type": "pass", "id": code},
        "action": {"name": "use"},
        "resource": {"type": "scenario", "id": SCENARIO},
    }
    return client.post("/access/v1/evaluation", json=question).raise_for_status().json()


def show(client, resident):
    """沙箱里的测试居民出示信用码；正式环境里由居民的手机出示，您来扫。"""
    body = {"resident": resident, "scenario": SCENARIO}
    return client.post("/v1/merchant/sandbox/passes", json=body).raise_for_status().json()["code"]


def use(client, out_order_no):
    """核验、开立订单、完成订单；返回对账单里这个订单的各行。"""
    answer = ask(client, show(client, "eligible"))
    print("核验：", answer["decision"], answer["context"]["code"], answer["context"]["benefit"])
    opened = {"out_order_no": out_order_no, "decision_id": answer["context"]["decision_id"]}
    order = client.post("/v1/merchant/orders", json=opened).raise_for_status().json()
    again = client.post("/v1/merchant/orders", json=opened).raise_for_status().json()
    print("开立：", order["state"], "；同一订单号再发一次，结果相同：", again == order)
    done = {
        "payments": [{"name": "租金", "amount_fen": 300}],
        "discounts": [{"name": "优惠", "amount_fen": 100}],
    }
    path = f"/v1/merchant/orders/{out_order_no}/complete"
    print("完成：", client.post(path, json=done).raise_for_status().json()["total_fen"], "分")
    lines = client.get("/v1/merchant/sandbox/statement").raise_for_status().json()["lines"]
    return [line for line in lines if line["out_order_no"] == out_order_no]


def main():
    if sys.argv[1:] == ["key"]:
        make_key()
    elif sys.argv[1:2] == ["token"]:
        print(connect(sys.argv[2]).token["access_token"])
    elif sys.argv[1:2] == ["try"]:
        client = connect(sys.argv[2])
        for resident in ("not-available", "expired", "over-quota"):
            print(f"{resident}：", ask(client, show(client, resident))["context"]["code"])
        mine = use(client, f"FIRST-{int(time.time())}")
        print(
            "对账：",
            [(line["what"], line["change_fen"]) for line in mine],
            "合计",
            sum(x["change_fen"] for x in mine),
            "分",
        )
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
