"""How much may be asked in how much time. What is beyond it is refused alike, whoever it was about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many in so many seconds, counted in stretches of time that begin for everybody at once."""

    most: int
    seconds: int

    def window(self, at_ms: int) -> int:
        """The number of the stretch of time."""
        return at_ms // (self.seconds * 1000)

    def seconds_left(self, at_ms: int) -> int:
        """Whole seconds until the next stretch begins, at least one."""
        return self.seconds - at_ms // 1000 % self.seconds


# All calls of one client, unless the installation says otherwise.
PER_CLIENT = Allowance(60_000, 60)
# One merchant's questions about one resident. Every yes and no is of a band that the administrator published; whoever
# asks on is waiting for the moment at which somebody's points pass it.
ABOUT_ONE_RESIDENT = Allowance(240, 3600)
# Codes that are nobody's. Of 10**18 codes a few thousand are shown at any time: who finds one by trying has tried for
# millennia. What this guards is the database, which is asked whenever Redis does not know a code.
UNKNOWN_CODES = Allowance(600, 60)
# Verification codes of reports that are nobody's. Each has a hundred random bits, so nobody finds one by trying.
WRONG_REPORT_CODES = Allowance(120, 60)
