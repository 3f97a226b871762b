"""The signature algorithms that others may sign with: for client assertions (RFC 7523) and DPoP proofs (RFC 9449)."""

from __future__ import annotations

from collections.abc import Collection

from joserfc.jws import JWSRegistry


class Registry(JWSRegistry):
    """joserfc's, where EdDSA (RFC 8037) means what it has always meant here: Ed25519, which RFC 9864 now calls so.

    Header members that we do not know are passed over (RFC 7515 §4), unless `crit` names them. A header has room for the
    public key of a DPoP proof, an RSA key of the largest size included.
    """

    algorithms = {**JWSRegistry.algorithms, "EdDSA": JWSRegistry.algorithms["Ed25519"]}  # noqa: RUF012
    max_header_length = 4096

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=list(algorithms), strict_check_header=False)
