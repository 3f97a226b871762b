"""A notice as it goes over the wire: the event in JSON, sealed where the merchant wants it so, digested and signed."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

import orjson
from joserfc import jwe
from joserfc.jwk import import_key

from haihe.domain.webhooks import WebhookUrl, signature_base, signature_params
from haihe.storage.deliveries import Taken
from haihe.usecases.context import TIANJIN
from haihe.usecases.notice_keys import Signer

LABEL = "haihe"
TAG = "haihe-notice"
SIGNATURE_ALGORITHM = "ecdsa-p256-sha256"
# The path and the authority rather than the whole address: behind a proxy that ends TLS the scheme looks another.
COVERED = ("@method", "@authority", "@path", "content-type", "content-digest", "haihe-event-id")
CONTENT_ENCRYPTION = "A256GCM"
KEY_ENCRYPTION = {"EC": "ECDH-ES", "RSA": "RSA-OAEP-256"}


def envelope(taken: Taken) -> bytes:
    """The event as the merchant reads it. `id` is the same at every attempt and every replay."""
    return orjson.dumps(
        {
            "id": taken.event_id,
            "type": taken.type,
            "created_at": taken.created_at.astimezone(TIANJIN).isoformat(timespec="seconds"),
            "sequence": taken.sequence,
            "order": taken.body or None,
        }
    )


def message(taken: Taken, url: WebhookUrl, signer: Signer, at: datetime) -> tuple[dict[str, str], bytes]:
    """Headers and body of one attempt. What is signed is what is sent: sealed first, then digested, then signed."""
    body, content_type = envelope(taken), "application/json"
    if taken.encryption_jwk is not None:
        body, content_type = _sealed(body, taken.encryption_jwk), "application/jose"
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    fields = {
        "content-type": content_type,
        "content-digest": f"sha-256=:{digest}:",  # RFC 9530 §2
        "haihe-event-id": taken.event_id,
    }
    derived = {"@method": "POST", "@authority": url.authority, "@path": url.path}
    params = signature_params(
        COVERED, created=int(at.timestamp()), keyid=signer.kid, alg=SIGNATURE_ALGORITHM, tag=TAG
    )
    signature = base64.b64encode(signer.sign(signature_base(COVERED, fields | derived, params))).decode()
    return fields | {"signature-input": f"{LABEL}={params}", "signature": f"{LABEL}=:{signature}:"}, body


def _sealed(plain: bytes, jwk: dict[str, str]) -> bytes:
    """A compact JWE (RFC 7516) that only the merchant can open."""
    algorithm = KEY_ENCRYPTION[jwk["kty"]]
    header = {"alg": algorithm, "enc": CONTENT_ENCRYPTION, "cty": "application/json"}
    if "kid" in jwk:
        header["kid"] = jwk["kid"]
    sealed = jwe.encrypt_compact(
        header,
        plain,
        import_key(jwk),
        algorithms=[algorithm, CONTENT_ENCRYPTION],  # type: ignore[arg-type]
    )
    return sealed.encode()
