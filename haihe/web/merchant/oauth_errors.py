"""The errors of OAuth's extensions that Authlib has no class for, under the names that their RFCs give them."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import OAuth2Error, UnsupportedGrantTypeError

from haihe.web.merchant.oauth_client import GRANT_TYPES


class InvalidTarget(OAuth2Error):  # type: ignore[misc]  # Authlib carries no types.
    """RFC 8707 §2: a resource that we do not know, or that was not granted."""

    error = "invalid_target"
    description = "Each resource must be one of ours, without a fragment, and within what was granted."


class InvalidDPoPProof(OAuth2Error):  # type: ignore[misc]
    """RFC 9449 §5."""

    error = "invalid_dpop_proof"


class UseDPoPNonce(OAuth2Error):  # type: ignore[misc]
    """RFC 9449 §8: the nonce to use is in the DPoP-Nonce header of this very answer."""

    error = "use_dpop_nonce"
    description = "Authorization server requires nonce in DPoP proof."


class InvalidRequestUri(OAuth2Error):  # type: ignore[misc]
    """RFC 9101 §6: a request_uri that is not ours, has served, or has run out."""

    error = "invalid_request_uri"


class RequestNotSupported(OAuth2Error):  # type: ignore[misc]
    """RFC 9101 §6: signed request objects are not taken; push the request instead (RFC 9126)."""

    error = "request_not_supported"
    description = "Request objects are not supported; push the request instead."


class UnknownGrantType(UnsupportedGrantTypeError):  # type: ignore[misc]
    """Authlib repeats what the caller sent, which may hold characters that RFC 6749 §5.2 does not allow here."""

    description = f"grant_type must be one of: {', '.join(GRANT_TYPES)}."


class RetryLater(OAuth2Error):  # type: ignore[misc]
    """RFC 7009 §2.2.1: the token has not been revoked, and the client may try again."""

    error = "temporarily_unavailable"
    status_code = 503
    description = "Too many tokens were revoked within a minute; the token is still good. Try again later."

    def get_headers(self) -> list[tuple[str, str]]:
        return [*super().get_headers(), ("Retry-After", "60")]
