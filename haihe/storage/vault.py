"""Personal data at rest: AES-256-GCM with the key's id beside it, found again through a keyed blind index.

The index is an HMAC under a key of its own, so a stolen table can neither be read nor be searched by trying every
identity number.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


@dataclass(frozen=True)
class Sealed:
    """A ciphertext (nonce first) and the id of the key that made it."""

    key_id: str
    ciphertext: bytes


class Vault:
    """Seals and opens short texts. `purpose` is bound to the ciphertext: a sealed name cannot pass for a number."""

    def __init__(self, keys: Mapping[str, bytes], current: str, index_key: bytes) -> None:
        self._ciphers = {kid: AESGCM(key) for kid, key in keys.items()}
        self._index_key = index_key
        self.current = current

    def seal(self, plain: str, purpose: str) -> Sealed:
        """Encrypt under the current key."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.current].encrypt(nonce, plain.encode(), purpose.encode())
        return Sealed(self.current, nonce + sealed)

    def open(self, key_id: str, ciphertext: bytes, purpose: str) -> str:
        """Decrypt with the key that sealed it; raises InvalidTag if anything was tampered with."""
        nonce, sealed = ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:]
        return self._ciphers[key_id].decrypt(nonce, sealed, purpose.encode()).decode()

    def index(self, plain: str, purpose: str) -> bytes:
        """The blind index: the same text always gives the same 32 bytes, and only to the holder of the key."""
        return hmac.digest(self._index_key, f"{purpose}\0{plain}".encode(), "sha256")
