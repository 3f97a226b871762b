"""A resident's phone: logs in, binds, joins, and speaks JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from haihe.usecases.consent_texts import present_text
from tests.builders import id_number

ADULT = date(1990, 5, 4)


@dataclass
class Phone:
    """One mini-program account on one phone."""

    client: FlaskClient
    name: str
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def log_in(self) -> TestResponse:
        answer = self.client.post("/v1/login", json={"js_code": f"demo-{self.name}"})
        if answer.status_code == 200:
            self.token = answer.json["token"]
            self.headers = {"Authorization": f"Bearer {self.token}"}
        return answer

    def bind(self, number: int = 1, birth: date = ADULT, name: str = "李华") -> TestResponse:
        body = {"name": name, "id_type": "RESIDENT", "id_number": id_number(number, birth)}
        return self.post("/v1/me/identity", body)

    def join(self) -> TestResponse:
        return self.put("/v1/me/consents/JOIN", {"version": present_text("JOIN").version})

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, headers=self.headers, **more)

    def post(self, path: str, body: Any) -> TestResponse:
        return self.client.post(path, json=body, headers=self.headers)

    def put(self, path: str, body: Any) -> TestResponse:
        return self.client.put(path, json=body, headers=self.headers)

    def delete(self, path: str) -> TestResponse:
        return self.client.delete(path, headers=self.headers)
