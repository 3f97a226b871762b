"""The demo city's residents and records as the domain knows them."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pyarrow as pa

from haihe.city.columns import HUNDRED, ResidentFacts, consent
from haihe.city.generating import CLASSES
from haihe.domain.records import Record, RecordState, Severity
from tests.city.imagined import Life


def lives_of(residents: pa.Table, records: pa.Table) -> list[Life]:
    """The same rows as the domain knows them."""
    histories: defaultdict[int, list[Record]] = defaultdict(list)
    for r in records.to_pylist():
        histories[r["resident_id"]].append(
            Record(
                record_id=r["record_id"],
                indicator=r["indicator"],
                occurred_on=r["occurred_on"],
                quantity=Decimal(r["hundredths"]) / HUNDRED,
                level=r["level"],
                severity=Severity(r["severity"]) if r["severity"] else None,
                valid_from=r["valid_from"],
                valid_to=r["valid_to"],
                state=RecordState(r["state"]),
            )
        )
    return [
        Life(
            ResidentFacts(
                resident_id=r["resident_id"],
                birth_date=r["birth_date"],
                district=r["district"],
                joined=r["joined"],
                sensitive_consents=frozenset(c for c in CLASSES if r[consent(c)]),
            ),
            tuple(histories[r["resident_id"]]),
        )
        for r in residents.to_pylist()
    ]
