"""A resident whom the demo city names: told by what their life is made of and what it must come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from haihe.demo.composing import Piece
from haihe.domain.dates import add_months
from haihe.domain.identity import IdType

CITY_AREA, HMT_AREA, FOREIGN_AREA = "120100", "830000", "912999"
MEDICAL, BLOOD = "MEDICAL", "BLOOD_DONATION"


@dataclass(frozen=True, slots=True)
class Named:
    """One named resident. `points` is what the pieces must come to, None for somebody who has no points.

    `born` is the age in years and how many days the birthday is past (negative: to come). `left` says that a consent was
    given and withdrawn; `orders` are scenarios and how an order of each stands; `account` is False for somebody who has never opened the mini-program.
    """

    key: str
    note: str
    points: int | None
    pieces: tuple[Piece, ...] = ()
    born: tuple[int, int] = (36, 100)
    sensitive: tuple[str, ...] = ()
    joined: bool = True
    left: bool = False
    account: bool = True
    id_type: IdType = IdType.RESIDENT
    area: str = CITY_AREA
    orders: tuple[tuple[str, str], ...] = ()

    def birth_date(self, today: date) -> date:
        """The birth date, seen from the day on which the resident is made."""
        years, days = self.born
        return add_months(today, -12 * years) - timedelta(days=days)
