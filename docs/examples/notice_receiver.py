"""接收海河分通知：核对摘要与签名，必要时解密，按事件编号去重。需要 joserfc 与 cryptography。

用法：HAIHE=http://127.0.0.1:8000 python notice_receiver.py，然后登记 http://127.0.0.1:9000/ 为通知地址。
"""

import base64
import hashlib
import json
import os
import re
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwe
from joserfc.jwk import KeySet

COVERED = ("@method", "@authority", "@path", "content-type", "content-digest", "haihe-event-id")


def open_notice(method, authority, path, headers, body, keys, private_key=None, now=None):
    """核对并打开一条通知，返回事件（dict）；任何一处不对都抛出 ValueError。headers 的名字须为小写。"""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if headers["content-digest"] != f"sha-256=:{digest}:":
        raise ValueError("正文与摘要不符")
    params = headers["signature-input"].removeprefix("haihe=")
    said = re.fullmatch(
        r'\(([^)]*)\);created=(\d+);keyid="([^"]+)";alg="ecdsa-p256-sha256";tag="haihe-notice"', params
    )
    if not said or said[1].replace('"', "").split() != list(COVERED):
        raise ValueError("签名没有覆盖应覆盖的内容")
    if abs((now or time.time()) - int(said[2])) > 300:
        raise ValueError("签名时间相差超过五分钟")
    values = {**headers, "@method": method, "@authority": authority, "@path": path}
    base = "\n".join([*(f'"{name}": {values[name]}' for name in COVERED), f'"@signature-params": {params}'])
    key = next((k for k in keys.keys if k.kid == said[3]), None)
    if key is None:
        raise ValueError("没有这把公钥，请重新获取 /v1/notice-keys")
    raw = base64.b64decode(headers["signature"].removeprefix("haihe=:").removesuffix(":"))
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.public_key.verify(signature, base.encode(), ECDSA(SHA256()))
    except Exception as error:
        raise ValueError("签名不对") from error
    if headers["content-type"] == "application/jose":
        allowed = ["ECDH-ES", "RSA-OAEP-256", "A256GCM"]
        body = jwe.decrypt_compact(body.decode(), private_key, algorithms=allowed).plaintext
    return json.loads(body)


def fetch_keys(haihe):
    """公钥；可保存五分钟，遇到没见过的 keyid 时再取一次。"""
    with urllib.request.urlopen(f"{haihe}/v1/notice-keys", timeout=5) as answer:  # noqa: S310 - our own address
        return KeySet.import_key_set(json.load(answer))


class Receiver(BaseHTTPRequestHandler):
    seen: set = set()  # noqa: RUF012 - 示例用内存；正式使用时放进有唯一约束的表

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            keys = fetch_keys(os.environ.get("HAIHE", "http://127.0.0.1:8000"))
            event = open_notice("POST", headers["host"], self.path, headers, body, keys)
        except (KeyError, ValueError) as error:
            self.send_error(400, explain=str(error))
            return
        if event["id"] not in self.seen:  # 同一事件可能到达不止一次
            self.seen.add(event["id"])
            print(event["type"], event["sequence"], event["order"], flush=True)
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()
