"""The same expression on Apache Spark gives the same answers. Skipped where pyspark or Java is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ibis.backends import BaseBackend

from haihe.city.criteria import verdict_column
from haihe.city.decisions import decide_columns, facts_columns
from haihe.city.engine import EngineFailed, computing, connect
from haihe.city.generating import CLASSES, blocks
from haihe.city.scoring import score_columns
from haihe.demo.plan import Plan
from haihe.domain.criteria import All, AnyOf, Criterion, Not, PointsAtLeast, Stated
from tests.city.comparing import Row, rows_alone, rows_of, rows_together, tables, tables_in
from tests.city.demo_columns import lives_of
from tests.city.imagined import Life, lives
from tests.city.test_criteria import SCENARIO, orders_of, orders_table
from tests.domain.published import rulebook, scenarios

TODAY = date(2026, 11, 20)

pytestmark = [
    pytest.mark.skipif(
        find_spec("pyspark") is None, reason="pyspark is not installed (requirements-spark.txt)"
    ),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, and there is none"),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning",
        "ignore::FutureWarning",
        "ignore::ResourceWarning",
        "ignore:toPandas attempted Arrow:UserWarning",
    ),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseBackend]:
    """Spark on two threads of this machine."""
    engine = connect("local[2]", memory="1GB", temporary=tmp_path_factory.mktemp("spark"))
    yield engine
    engine.disconnect()


@pytest.fixture(scope="module")
def residents() -> list[Life]:
    """Some of the demo city, and some who live on the edges of every window."""
    edges = lives(rulebook(), TODAY, 7, 300)
    city = [life for pair in blocks(Plan(1_000, 7, TODAY)) for life in lives_of(*pair)]
    return edges + [life for life in city if life.resident.resident_id > len(edges)]


def test_points_are_the_same_on_spark_as_one_by_one(spark: BaseBackend, residents: list[Life]) -> None:
    alone = rows_alone(residents, rulebook(), TODAY)
    assert rows_together(spark, residents, rulebook(), TODAY, CLASSES) == alone


def test_decisions_are_the_same_on_spark_as_on_duckdb(
    spark: BaseBackend, engine: BaseBackend, residents: list[Life]
) -> None:
    tree = AnyOf((All((PointsAtLeast(600), Stated("F01", "驾驶证有效"))), Not(Stated("F02", "车牌已绑定"))))
    assert decided(spark, residents, tree) == decided(engine, residents, tree)


def decided(engine: BaseBackend, residents: list[Life], tree: Criterion) -> list[Row]:
    people, records = tables(residents, CLASSES)
    orders = orders_table(orders_of(residents, 3))
    found = tables_in(engine, residents=people, records=records, orders=orders)
    scored = score_columns(rulebook(), found["residents"], found["records"], TODAY)
    facts = facts_columns(scored, found["orders"], (SCENARIO,))
    verdicts = facts.select("resident_id", verdict=verdict_column(tree, facts, TODAY))
    return rows_of(engine, decide_columns(scenarios()[SCENARIO], facts, TODAY)) + rows_of(engine, verdicts)


def test_a_result_is_one_file_in_its_order(spark: BaseBackend, tmp_path: Path) -> None:
    numbers = ibis.range(0, 10_000).unnest().name("n").as_table()
    spark.to_parquet(numbers.order_by(numbers["n"].desc()), tmp_path / "numbers.parquet")

    assert pq.read_table(tmp_path / "numbers.parquet")["n"].to_pylist() == list(reversed(range(10_000)))
    assert [f.name for f in tmp_path.iterdir()] == ["numbers.parquet"]


def test_what_goes_wrong_in_spark_is_told_like_what_goes_wrong_in_duckdb(
    spark: BaseBackend, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"n": [1, 2, 3]}), tmp_path / "gone.parquet")
    gone = spark.read_parquet(tmp_path / "gone.parquet")
    (tmp_path / "gone.parquet").write_bytes(b"PAR1 no more")

    with pytest.raises(EngineFailed, match=r"^没有算成：."), computing("没有算成"):
        spark.to_parquet(gone, tmp_path / "out.parquet")
    with pytest.raises(EngineFailed, match=r"^没有算成：."), computing("没有算成"):
        spark.to_pyarrow(gone)
    with pytest.raises(EngineFailed, match=r"^没有算成：."), computing("没有算成"):
        spark.read_parquet(tmp_path / "never.parquet")
    assert [f.name for f in tmp_path.iterdir()] == ["gone.parquet"]
