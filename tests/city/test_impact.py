"""What a draft would do to the whole city is what the domain decides for one resident after another."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from flask import Flask
from ibis.backends import BaseBackend
from sqlalchemy import select, text

from haihe.city.flows import Flow
from haihe.city.impact import ScenarioImpact, counted_rows, try_scenario
from haihe.city.population import Population, read_population
from haihe.city.reach import BANDS
from haihe.city.rulebook_impact import try_rulebook
from haihe.city.snapshot import take_snapshot
from haihe.demo.city import create_city
from haihe.domain.criteria import All, PointsAtLeast
from haihe.domain.dates import age_on
from haihe.domain.eligibility import decide
from haihe.domain.facts import Facts
from haihe.domain.rulebook_reader import read_rulebook
from haihe.domain.scenarios import Scenario
from haihe.storage.db import db
from haihe.storage.residents import Resident
from haihe.usecases.context import Context
from haihe.usecases.gather_facts import gather_facts
from haihe.web.context import EXTENSION
from tests.conftest import KEPT_TABLES, NOON, Clock
from tests.domain.published import RULEBOOK_FILE, SCENARIO_FILES, load, rulebook, scenarios

RESIDENTS = 2_000
TODAY = date(2026, 11, 20)
CLASSES = ("MEDICAL", "BLOOD_DONATION")


@pytest.fixture(scope="module")
def city(served_app: Flask, session_clock: Clock, redis_client: redis.Redis) -> Iterator[Flask]:
    """One demo city in the database for all of these tests: none of them changes anything."""
    session_clock.now = NOON
    redis_client.flushall()
    ctx: Context = served_app.extensions[EXTENSION]
    with served_app.app_context():
        tables = [t.name for t in db.metadata.sorted_tables if t.name not in KEPT_TABLES]
        db.session.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
        db.session.commit()
        create_city(ctx, RESIDENTS, 2026, ctx.now(), lambda _done: None)
        yield served_app
        db.session.rollback()


@pytest.fixture(scope="module")
def snapshot(city: Flask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city as files."""
    return take_snapshot(tmp_path_factory.mktemp("city") / "day", rulebook(), CLASSES, TODAY).directory


@pytest.fixture(scope="module")
def population(engine: BaseBackend, snapshot: Path) -> Population:
    """The people drafts are tried on."""
    return read_population(engine, snapshot, TODAY)


@pytest.fixture(scope="module")
def people(city: Flask) -> list[Facts]:
    """The facts of everybody who is counted, one by one, from the database."""
    ids = db.session.execute(select(Resident.id)).scalars().all()
    return [g.facts for g in gather_facts(ids, rulebook(), TODAY).values() if g.score is not None]


@pytest.fixture
def run(city: Flask, tmp_path: Path) -> Any:
    """A command of an operator: on a file with this text."""

    def invoke(command: str, body: str, *more: str) -> Any:
        file = tmp_path / "draft.yaml"
        file.write_text(body, "utf-8")
        return city.test_cli_runner().invoke(args=["city", command, str(file), *more])

    return invoke


def lowered(scenario: Scenario, points: int) -> Scenario:
    """The scenario with the first threshold of points moved."""
    assert isinstance(scenario.criterion, All)
    rest = [p for p in scenario.criterion.parts if not isinstance(p, PointsAtLeast)]
    return replace(scenario, criterion=All((PointsAtLeast(points), *rest)))


def place(scenario: Scenario, facts: Facts) -> int | None:
    offer = decide(facts, scenario, TODAY).offer
    return None if offer is None else scenario.offers.index(offer)


def what(before: int | None, after: int | None) -> str:
    if before is None:
        return "neither" if after is None else "gain"
    return "lose" if after is None else "keep"


def band(facts: Facts) -> int:
    assert facts.birth_date is not None
    return sum(age_on(facts.birth_date, TODAY) >= low for low in BANDS) - 1


def agrees(flow: Flow, counted: Counter[str]) -> bool:
    """Whether whatever is told is right; what is not told says nothing."""
    right = {w: counted[w] for w in ("gain", "lose", "keep")}
    right |= {"people": counted.total(), "before": right["keep"] + right["lose"]}
    right["after"] = right["keep"] + right["gain"]
    return all(told is None or told == right[name] for name, told in asdict(flow).items())


@pytest.mark.parametrize(
    ("code", "points"), [("XYZ-02", 600), ("XYZ-03", 580), ("XYZ-05", 640), ("XYZ-08", 640)]
)
def test_everybody_is_counted_as_the_domain_decides_for_them(
    population: Population, people: list[Facts], code: str, points: int
) -> None:
    published = scenarios()[code]
    draft = lowered(published, points)
    alone = Counter(
        (f.district or "", band(f), f.grade, place(published, f), place(draft, f)) for f in people
    )
    facts = population.facts(rulebook(), TODAY)
    together: Counter[Any] = Counter()
    for row in counted_rows(population, facts, rulebook(), draft, published, TODAY):
        together[tuple(row[k] for k in ("district", "band", "grade", "before", "after"))] += row["people"]
    assert together == alone

    impact = try_scenario(population, rulebook(), draft, published, TODAY)
    moved = [(f, what(place(published, f), place(draft, f))) for f in people]
    assert agrees(impact.whole, Counter(w for _, w in moved))
    for groups, of in (
        (impact.districts, lambda f: f.district or ""),
        (impact.ages, lambda f: str(band(f))),
        (impact.grades, lambda f: f.grade),
    ):
        assert {g.code for g in groups} == {of(f) for f in people}
        for group in groups:
            assert agrees(group.flow, Counter(w for f, w in moved if of(f) == group.code)), group


def test_a_lowered_threshold_is_counted_as_plain_sql_counts_it(population: Population) -> None:
    published = scenarios()["XYZ-05"]
    impact = try_scenario(population, rulebook(), lowered(published, 560), published, TODAY)
    gain, before = db.session.execute(
        text(
            "SELECT count(*) FILTER (WHERE total BETWEEN 560 AND 599), count(*) FILTER (WHERE total >= 600) FROM scores"
        )
    ).one()
    assert gain > 100
    assert (impact.whole.gain, impact.whole.lose, impact.whole.before) == (gain, 0, before)
    assert impact.whole.after == before + gain


def test_offers_are_told_apart_and_cost_at_most_what_everybody_could_use(
    population: Population, people: list[Facts]
) -> None:
    draft = lowered(scenarios()["XYZ-02"], 600)
    better = replace(draft.offers[1], criterion=PointsAtLeast(640))
    draft = replace(draft, offers=(draft.offers[0], better))
    impact = try_scenario(population, rulebook(), draft, None, TODAY)
    reached = Counter(place(draft, f) for f in people)
    assert [o.after for o in impact.offers] == [reached[0], reached[1]]
    for cost in impact.costs:
        assert cost.people
        assert cost.at_most_fen == cost.people * cost.ceiling_fen * cost.times
    assert {(c.period, c.times) for c in impact.costs} == {("RUNNING", 3)}
    assert "上限估算" in impact.assumption


def test_a_draft_of_something_new_only_gains(population: Population) -> None:
    draft = replace(scenarios()["XYZ-05"], code="XYZ-99", valid_from=date(2027, 6, 1))
    impact = try_scenario(population, rulebook(), draft, None, TODAY)
    assert impact.published_revision is None
    assert impact.whole.gain == impact.whole.after
    assert (impact.whole.before, impact.whole.lose) == (0, 0)


def test_no_group_of_fewer_than_twenty_is_told_of(population: Population) -> None:
    published = scenarios()["XYZ-03"]
    impact = try_scenario(population, rulebook(), lowered(published, 590), published, TODAY)
    told = [n for n in numbers(impact) if n is not None]
    assert None in numbers(impact)
    assert not [n for n in told if 0 < n < 20]
    for group in (*impact.districts, *impact.ages, *impact.grades):
        flow = group.flow
        if None not in (flow.before, flow.after, flow.gain, flow.lose, flow.keep):
            assert flow.before == flow.keep + flow.lose  # type: ignore[operator]
            continue
        # One number alone that is not told could be subtracted.
        hidden = [n for n in asdict(flow).values() if n is None]
        assert len(hidden) > 1, group


def numbers(impact: ScenarioImpact) -> list[int | None]:
    flows = [impact.whole, *(g.flow for g in (*impact.districts, *impact.ages, *impact.grades))]
    offers = [n for o in impact.offers for n in (o.before, o.after, o.gain, o.lose, o.keep)]
    return [n for f in flows for n in asdict(f).values()] + offers


def test_cases_say_what_the_domain_says_of_somebody_like_them(population: Population) -> None:
    published = scenarios()["XYZ-05"]
    impact = try_scenario(population, rulebook(), lowered(published, 560), published, TODAY)
    gain = next(c for c in impact.cases if c.kind == "获得")
    assert 560 <= gain.points < 600
    assert gain.before.missing == (f"还差 {600 - gain.points} 分",)
    assert gain.after.met[0] == "海河分已达到 560 分"
    assert [c.case for c in impact.cases] == list(range(1, len(impact.cases) + 1))
    assert all(c.at_least_people >= 20 and c.at_least_people % 10 == 0 for c in impact.cases)


def test_facts_are_computed_once_for_every_rulebook_and_day(population: Population) -> None:
    population.facts(rulebook(), TODAY)
    file = population.facts_file(rulebook(), TODAY)
    written = file.stat().st_mtime_ns
    population.facts(rulebook(), TODAY)
    assert file.stat().st_mtime_ns == written
    other = replace(rulebook(), grades=rulebook().grades[1:])
    assert population.facts_file(other, TODAY) != file
    assert not list(file.parent.glob("*.unfinished"))


def changed_rulebook() -> dict[str, Any]:
    """The published rulebook with more for living here, and less for a clean run."""
    body: dict[str, Any] = load(RULEBOOK_FILE)
    body["version"] = "HH-TEST"
    for indicator in body["indicators"]:
        if indicator["code"] == "A02":
            indicator |= {"points": 5, "cap": 25}
        if indicator["kind"] == "unbroken_months":
            indicator["cap"] = max(indicator["cap"] // 3, 1)
    return body


def test_a_rulebook_moves_everybody_as_the_domain_scores_them(
    population: Population, people: list[Facts]
) -> None:
    draft = read_rulebook(changed_rulebook())
    read = [(s, s) for s in scenarios().values()]
    impact = try_rulebook(population, draft, rulebook(), read, TODAY)

    ids = db.session.execute(select(Resident.id)).scalars().all()
    after = [g.facts for g in gather_facts(ids, draft, TODAY).values() if g.score is not None]
    pairs = list(zip(people, after, strict=True))
    totals = [(b.points or 0, a.points or 0) for b, a in pairs]
    assert impact.whole.people == len(pairs)
    assert impact.whole.up in (None, sum(a > b for b, a in totals))
    assert impact.whole.down in (None, sum(a < b for b, a in totals))
    assert impact.whole.mean_before == round(sum(b for b, _ in totals) / len(pairs), 1)
    assert impact.whole.mean_after == round(sum(a for _, a in totals) / len(pairs), 1)
    for one in impact.distribution:
        assert one.before == sum(one.at_least <= b < one.below for b, _ in totals)
        assert one.after == sum(one.at_least <= a < one.below for _, a in totals)
    grades = Counter((b.grade, a.grade) for b, a in pairs)
    for change in impact.grade_changes:
        assert change.people in (None, grades[change.before, change.after])
    for reach, (scenario, _) in zip(impact.reach, read, strict=True):
        moved = Counter(what(place(scenario, b), place(scenario, a)) for b, a in pairs)
        assert agrees(reach.flow, moved), reach
    assert any(r.flow.gain or r.flow.lose for r in impact.reach)
    assert not population.facts_file(draft, TODAY).exists()


def test_a_changed_line_is_explained_and_the_lines_add_up(population: Population) -> None:
    draft = read_rulebook(changed_rulebook())
    impact = try_rulebook(population, draft, rulebook(), [], TODAY)
    assert impact.cases
    for case in impact.cases:
        assert case.points_after - case.points_before == sum(
            line.points_after - line.points_before for line in case.lines
        )
        assert all(line.because_before and line.because_after for line in case.lines)
    assert any("每年 +5 分" in str(line.because_after) for c in impact.cases for line in c.lines)


def test_nothing_that_is_told_says_who_anybody_is(city: Flask, run: Any, snapshot: Path) -> None:
    vault = city.extensions[EXTENSION].vault
    residents = db.session.execute(select(Resident)).scalars().all()
    secrets = {vault.open(r.key_id, r.name_sealed, "name") for r in residents}
    secrets |= {vault.open(r.key_id, r.id_number_sealed, "id_number") for r in residents}
    secrets |= {r.birth_date.isoformat() for r in residents if age_on(r.birth_date, TODAY) >= BANDS[0]}

    draft = SCENARIO_FILES[2].read_text("utf-8").replace("points_at_least: 600", "points_at_least: 560")
    book = yaml.safe_dump(changed_rulebook(), allow_unicode=True, sort_keys=False)
    for command, body in (("try-scenario", draft), ("try-rulebook", book)):
        for more in (("--json",), ("--snapshot", str(snapshot))):
            result = run(command, body, *more)
            assert result.exit_code == 0, result.output
            assert not [s for s in secrets if s in result.output]
            assert "resident_id" not in result.output
            assert "birth" not in result.output
            if "--json" in more:
                cases = json.loads(result.output)["cases"]
                assert cases
                assert not [code for code in ("district", "12010") if code in json.dumps(cases)]


def test_a_trial_reads_as_a_page(run: Any) -> None:
    draft = SCENARIO_FILES[4].read_text("utf-8").replace("points_at_least: 600", "points_at_least: 560")
    output = run("try-scenario", draft).output
    for words in (
        "全市",
        "按区",
        "滨海新区",
        "按年龄",
        "按等级",
        "按优惠档",
        "费用上限",
        "例 1 获得",
        "不足 20 人",
    ):
        assert words in output
    assert "对照：已发布的第 1 版" in output


def test_a_wrong_scenario_is_refused_with_every_line(run: Any) -> None:
    lines = SCENARIO_FILES[2].read_text("utf-8").splitlines()
    wrong = "\n".join(lines)
    wrong = wrong.replace("points_at_least: 600", "points_at_least: abc")
    wrong = wrong.replace("{grade_at_least: G4}", "{income_above: 4}").replace("name: 信易医·", "name: 急诊·")
    wrong = wrong.replace("lead_department:", "lead_departmant:")
    result = run("try-scenario", wrong)
    assert result.exit_code == 1
    number = {
        key: n
        for n, line in enumerate(wrong.splitlines(), 1)
        for key in ("abc", "income_above", "急诊·", "departmant:")
        if key in line
    }
    assert f"第 {number['abc']} 行  criteria.all[0].points_at_least：应为整数" in result.output
    assert f"第 {number['income_above']} 行  offers[1].criteria.income_above：不认识的条件" in result.output
    assert "依据：个人信息保护法" in result.output
    assert f"第 {number['急诊·']} 行  name：「急诊」属基本公共服务" in result.output
    assert f"第 {number['departmant:']} 行  lead_departmant：不认识的字段" in result.output
    assert "第 1 行  lead_department：这里还缺少 lead_department" in result.output
    told = json.loads(run("try-scenario", wrong, "--json").output)
    assert {f["line"] for f in told["faults"]} == {1, *number.values()}


def test_a_wrong_rulebook_is_refused_with_every_line(run: Any) -> None:
    body = RULEBOOK_FILE.read_text("utf-8").replace("version: HH-2026.1", "version: HH-T", 1)
    wrong = body.replace("levels: {L2: 5, L3: 10}", "levels: {L2: 5, L3: 十}", 1)
    line = next(n for n, text in enumerate(wrong.splitlines(), 1) if "L3: 十" in text)
    result = run("try-rulebook", wrong)
    assert result.exit_code == 1
    assert f"第 {line} 行  indicators[0].levels.L3：应为整数分值" in result.output

    twice = body + "\nname: 又一个名称\n"
    result = run("try-rulebook", twice)
    assert result.exit_code == 1
    assert f"第 {len(twice.splitlines())} 行" in result.output
    assert "请只留一处" in result.output

    broken = run("try-rulebook", "version: [HH\nname: x\n")
    assert (broken.exit_code, "不是正确的 YAML" in broken.output) == (1, True)


def test_a_rulebook_without_what_a_published_scenario_asks_for_is_refused(run: Any) -> None:
    body = changed_rulebook()
    body["indicators"] = [i for i in body["indicators"] if i["code"] != "E11"]
    result = run("try-rulebook", yaml.safe_dump(body, allow_unicode=True, sort_keys=False))
    assert result.exit_code == 1
    assert "已发布的场景 XYZ-01 依赖的内容不见了" in result.output


def test_a_snapshot_that_cannot_be_used_is_told_plainly(run: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    draft = SCENARIO_FILES[4].read_text("utf-8")
    result = run("try-scenario", draft, "--snapshot", str(empty))
    assert result.exit_code == 1
    assert "不是完整的快照" in result.output
