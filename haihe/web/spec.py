"""The description of every door: OpenAPI 3.1, made from the schemas, browsable at /docs with assets of our own."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from apispec import BasePlugin
from flask import Flask
from flask_smorest import Api
from flask_swagger_ui import get_swaggerui_blueprint
from marshmallow import Schema, fields

DOCS_PATH = "/docs"
SPEC_PATH = "/openapi.json"
WORDS = re.compile(r"[0-9A-Za-z]+")

DESCRIPTION = """天津“海河分”信用惠民接口。

* **居民**（`/v1/me/…`）：小程序登录后以会话令牌访问。
* **商户**（`/access/v1/…`、`/v1/merchant/…`）：OAuth 2.0 客户端凭证；只得到“可以/不可以”，从不得到积分。
* **部门与管理人员**（`/v1/admin/…`）：部门用 OAuth 2.0 客户端凭证，管理人员用双因素登录。

出错时一律返回 RFC 9457 `application/problem+json`，`code` 稳定不变，`detail` 说明哪里不对、怎么办。
时间为 RFC 3339（`+08:00`），金额为整数分。
"""

COMPONENTS: dict[str, Any] = {
    "securitySchemes": {
        "oauth2": {
            "type": "oauth2",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": "/oauth/token",
                    "scopes": {
                        "check": "核验（商户）",
                        "order": "订单（商户）",
                        "statement": "对账单（商户）",
                        "webhook": "通知（商户）",
                        "records": "报送信用记录（部门）",
                    },
                }
            },
        },
        "client": {"type": "http", "scheme": "basic", "description": "client_id 与 client_secret"},
        "resident": {"type": "http", "scheme": "bearer", "description": "POST /v1/login 所得的会话令牌"},
        "staff": {
            "type": "http",
            "scheme": "bearer",
            "description": "POST /v1/admin/login 所得的会话令牌",
        },
    }
}


class Problem(Schema):
    """RFC 9457."""

    type = fields.String(metadata={"example": "about:blank"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True, metadata={"description": "稳定的错误代码", "example": "INVALID"})
    detail = fields.String(required=True, metadata={"description": "哪里不对，怎么办"})
    field = fields.String(metadata={"description": "有问题的字段"})
    errors = fields.Dict(metadata={"description": "逐个字段的问题"})


class Doors(Api):  # type: ignore[misc]  # flask-smorest carries no types.
    """flask-smorest with our own problem documents in place of its error bodies."""

    ERROR_SCHEMA = Problem

    def _register_error_handlers(self) -> None:
        """`web/problems.py` tells every error already."""

    def _register_responses(self) -> None:
        """Errors are problem documents, and are described as such."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/problem+json"
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE


class Named(BasePlugin):
    """Gives every operation a name of its own, by which clients are generated and collections imported."""

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **_more: Any
    ) -> None:
        """The method and the path as one word."""
        for method, operation in (operations or {}).items():
            operation.setdefault("operationId", "_".join([method, *WORDS.findall(path or "")]))


def describe(app: Flask, base_url: str) -> Doors:
    """The API whose blueprints describe themselves, and the page to browse it."""
    options = {
        "info": {"description": DESCRIPTION},
        "servers": [{"url": base_url}],
        "components": deepcopy(COMPONENTS),
    }
    # OpenAPI wants a whole address here, not one that is relative to ours.
    flow = options["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    flow["tokenUrl"] = base_url + flow["tokenUrl"]
    app.config.update(
        API_TITLE="海河分 API",
        API_VERSION="1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH=SPEC_PATH.removeprefix("/"),
        API_SPEC_OPTIONS=options,
    )
    app.register_blueprint(get_swaggerui_blueprint(DOCS_PATH, SPEC_PATH, config={"app_name": "海河分 API"}))
    return Doors(app, spec_kwargs={"extra_plugins": [Named()]})
