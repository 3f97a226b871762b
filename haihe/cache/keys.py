"""Where things are kept in Redis.

Everything about one resident lies in one of sixteen shards, whose number in braces makes Redis Cluster keep the shard
together: so one script can read a pass, the resident behind it and the voucher in a single round trip. A pass code says
nothing about its resident, yet lies in the resident's shard: codes are drawn until the keyed hash of one falls there.
"""

from __future__ import annotations

SHARDS = 16
# A bucket is searched from its beginning, so it is small; smaller ones would take more memory.
BUCKET = 64


def shard_of_resident(resident_id: int) -> int:
    """The shard of a resident's copy and passes."""
    return resident_id % SHARDS


def shard_of_pass(code_hash: bytes) -> int:
    """The shard of a pass, known from its keyed hash alone."""
    return code_hash[0] % SHARDS


def voucher(shard: int) -> str:
    """Present while the keeper vouches for the shard; holds the configuration's generation."""
    return f"h:{{{shard}}}:voucher"


def floor(shard: int) -> str:
    """The highest generation ever vouched for: an older one is never vouched for again."""
    return f"h:{{{shard}}}:floor"


def passes(shard: int) -> str:
    """Prefix of the passes of a shard."""
    return f"h:{{{shard}}}:p:"


def residents(shard: int) -> str:
    """Prefix of the buckets of residents' copies of a shard."""
    return f"h:{{{shard}}}:c:"


def sign(shard: int, run: str) -> str:
    """Present as long as nothing has been lost of a shard since a run that fills Redis began."""
    return f"h:{{{shard}}}:filling:{run}"


def decisions(shard: int) -> str:
    """The stream of decisions not yet taken over by PostgreSQL."""
    return f"h:{{{shard}}}:decisions"


def batches(shard: int) -> str:
    """The stream of batches of decisions not yet taken over by PostgreSQL."""
    return f"h:{{{shard}}}:batches"


def resident_place(resident_id: int) -> tuple[str, int]:
    """Bucket and field of a resident's copy: buckets of 64 stay in Redis's compact encoding."""
    bucket, field = divmod(resident_id // SHARDS, BUCKET)
    return f"{residents(shard_of_resident(resident_id))}{bucket}", field


def questions(shard: int, merchant_id: int, window: int) -> str:
    """How often a merchant has asked about each resident of a shard in one stretch of time."""
    return f"h:{{{shard}}}:asked:{merchant_id}:{window}"


def counter(name: str, window: int) -> str:
    """How often something has happened in one stretch of time."""
    return f"h:count:{name}:{window}"


def place_in_shard(resident_id: int) -> int:
    """Bucket and field as one number."""
    return resident_id // SHARDS
