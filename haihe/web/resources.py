"""Resource indicators (RFC 8707): the parts of our interface that a token can be made for, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterable

PARTS = ("", "/access/v1", "/v1/merchant", "/v1/admin")


def known_resources(base_url: str) -> tuple[str, ...]:
    """Everything that a `resource` parameter may name: the whole interface first, then its parts."""
    return tuple(base_url + part for part in PARTS)


def serves(audiences: Iterable[str], base_url: str, path: str) -> bool:
    """May a token for these audiences be used at this path?"""
    address = base_url + path
    return any(
        one == base_url or (one in known_resources(base_url) and address.startswith(one + "/"))
        for one in audiences
    )
