"""What can be wrong, in words for the person who must mend it. The domain knows nothing of HTTP."""

from __future__ import annotations


class HaiheError(Exception):
    """Something a person can be told: a stable `code`, a Chinese `detail`, and the `field` it is about, if any."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class InvalidInput(HaiheError):
    """What came in cannot be accepted as it is; nothing was changed."""


class NotFound(HaiheError):
    """There is no such thing, or none that this caller may know of: the two are told alike."""


class OutOfReach(NotFound):
    """It exists, but in a district that is not the caller's: told like anything that does not exist, and put on the record."""


class Forbidden(HaiheError):
    """The caller is known, but this is not theirs to do."""


class Unauthenticated(HaiheError):
    """The caller has not shown who they are, or what they showed no longer holds."""


class Conflict(HaiheError):
    """The request is well formed but contradicts what is already so."""


class Unavailable(HaiheError):
    """Something outside us does not answer; the same request may succeed later."""


class TooOften(HaiheError):
    """Asking too often: nothing is wrong with the request, and it will be taken after `retry_after` seconds."""

    def __init__(self, code: str, detail: str, retry_after: int) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after
