"""The report as one HTML file that works from a disk: no network, no script, and every picture also as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from haihe.city.charts import (
    HIDDEN,
    bars_chart,
    columns_chart,
    named_bars_chart,
    pairs_chart,
    spans_chart,
    stacks_chart,
)
from haihe.city.report import CityReport, GroupPoints
from haihe.city.report_reach import Gap, GroupReach, ScenarioReach
from haihe.usecases.context import TIANJIN
from haihe.usecases.source_freshness import Freshness

Cell = str | int | float | None
# What the little squares of a key look like where they are no grade.
PLAIN = {"was": "var(--before)", "bar": "var(--river)"}
HALF_STEP = 50


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, what it says in words, and its numbers."""

    id: str
    title: str
    told: str
    chart: Markup
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    key: Sequence[tuple[str, str]] = ()
    words: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers without a picture."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report."""

    id: str
    title: str
    figures: Sequence[Figure] = ()
    sentences: Sequence[str] = ()
    table: Table | None = None


def report_page(report: CityReport) -> str:
    """The whole file."""
    environment = Environment(
        loader=PackageLoader("haihe.city"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["told"] = _told
    return environment.get_template("report.html").render(
        r=report,
        taken_at=_moment(report.taken_at),
        joined_share=_percent(_part(report.joined, report.residents)),
        plain=PLAIN,
        sections=(
            Section("points", "积分与等级", tuple(_points(report))),
            Section("reach", "场景可及", tuple(_reach(report)), (REACH_WORDS,)),
            Section("coverage", "数据完整", (_coverage(report),), (COVERAGE_WORDS,)),
            Section("sources", "数据新鲜", (), (_fresh_words(report.sources),), _freshness(report.sources)),
            _drift(report, report.before),
        ),
    )


REACH_WORDS = "可及：在截至日符合条件、名额未用完的计分居民。占比以同组计分居民为分母；条件里若写明年龄或居住区，各组自然不同。"
COVERAGE_WORDS = (
    "有数据：有一条能够计分的信用记录，或已说明的事实。未同意使用：需要单独同意的敏感信息，居民没有同意，系统不去使用。"
    "没有数据：两者都不是，多为部门尚未报送或居民没有发生。失信类指标没有记录正是应有的情形，不在此列。"
)


def _points(report: CityReport) -> Iterable[Figure]:
    segments = report.distribution
    yield Figure(
        "points-all",
        "积分分布（全市）",
        _sentence(
            "计分居民按积分分段的人数",
            f"人数最多的是 {most.at_least}–{most.below - 1} 分"
            if (most := max((s for s in segments if s.people), key=lambda s: s.people or 0, default=None))
            else "",
        ),
        columns_chart("积分分布（全市）", [(str(s.at_least), s.people) for s in segments]),
        ("积分", "人数"),
        [(f"{s.at_least}–{s.below - 1} 分", s.people) for s in segments],
    )
    most_people = max((g.people or 0 for g in report.grades), default=0)
    yield Figure(
        "grades-all",
        "等级（全市）",
        "计分居民在各等级的人数。",
        bars_chart(
            "等级（全市）",
            [(f"{g.code} {g.name}", g.people, _told(g.people)) for g in report.grades],
            most_people,
        ),
        ("等级", "人数"),
        [(f"{g.code} {g.name}", g.people) for g in report.grades],
    )
    for by, name, groups in (("district", "按区", report.districts), ("band", "按年龄", report.ages)):
        yield _spans(f"points-{by}", f"积分中位数与四分位（{name}）", groups)
        yield _stacks(f"grades-{by}", f"等级构成（{name}）", groups, report)


def _spans(name: str, title: str, groups: Sequence[GroupPoints]) -> Figure:
    known = [g.quartiles for g in groups if g.quartiles]
    first = min((q[0] for q in known), default=500) // HALF_STEP * HALF_STEP
    last = -(-max((q[2] for q in known), default=600) // HALF_STEP) * HALF_STEP
    halves = [q[1] for q in known]
    words = f"各组中位数在 {min(halves)} 到 {max(halves)} 分之间" if halves else "人数过少，不列出"
    return Figure(
        name,
        title,
        f"圆点为中位数，横线为中间一半居民的范围。{words}。",
        spans_chart(title, [(g.name, g.quartiles) for g in groups], (first, last)),
        ("", "计分居民", "下四分位", "中位数", "上四分位"),
        [(g.name, g.people, *(g.quartiles or (None, None, None))) for g in groups],
    )


def _stacks(name: str, title: str, groups: Sequence[GroupPoints], report: CityReport) -> Figure:
    heads = [f"{g.code} {g.name}" for g in report.grades]
    living = any(g.residents is not None for g in groups)
    return Figure(
        name,
        title,
        "每一横条是一组计分居民，从左到右为各等级所占的部分。",
        stacks_chart(title, [(g.name, [_part(n, g.people) for n in g.grades]) for g in groups]),
        ("", *(("居民", "已加入") if living else ()), "计分居民", *heads),
        [(g.name, *((g.residents, g.joined) if living else ()), g.people, *g.grades) for g in groups],
        [(f"g{n}", head) for n, head in enumerate(heads)],
    )


def _reach(report: CityReport) -> Iterable[Figure]:
    yield Figure(
        "reach-all",
        "各场景可及的居民（全市）",
        "每个已发布场景可及的居民占计分居民的比例。",
        named_bars_chart(
            "各场景可及的居民（全市）",
            [(f"{s.scenario} {s.name}", s.whole.share, _figure(s.whole)) for s in report.reach],
        ),
        ("场景", "可及", "计分居民", "占比"),
        [(f"{s.scenario} {s.name}", *_reached(s.whole)) for s in report.reach],
    )
    for s in report.reach:
        title = f"{s.scenario} {s.name}"
        groups = (*s.districts, *s.ages)
        yield Figure(
            f"reach-{s.scenario}",
            title,
            _gaps(s),
            bars_chart(
                f"{title}：各区与各年龄段可及的比例",
                [(g.name, g.share, _percent(g.share)) for g in groups],
                max((g.share or 0 for g in groups), default=0),
            ),
            ("", "可及", "计分居民", "占比"),
            [("全市", *_reached(s.whole)), *((g.name, *_reached(g)) for g in groups)],
        )


def _gaps(s: ScenarioReach) -> str:
    told = [_gap("各区之间", s.district_gap), _gap("各年龄段之间", s.age_gap)]
    return f"全市 {_percent(s.whole.share)}。" + "".join(told)


def _gap(between: str, gap: Gap | None) -> str:
    if gap is None:
        return ""
    most, least = round(100 * gap.most_share, 1), round(100 * gap.least_share, 1)
    if most == least:
        return f"{between}没有差别（{most:.1f}%）。"
    return (
        f"{between}最多相差 {most - least:.1f} 个百分点（{gap.least} {least:.1f}%，{gap.most} {most:.1f}%）。"
    )


def _coverage(report: CityReport) -> Figure:
    shares = [_part(c.known, _sum(c.known, c.not_agreed, c.unknown)) for c in report.coverage]
    return Figure(
        "coverage-all",
        "各指标有数据的居民",
        "每个指标有数据的居民占计分居民的比例；其余为数据不足。",
        named_bars_chart(
            "各指标有数据的居民",
            [
                (f"{c.code} {c.name}", share, _percent(share))
                for c, share in zip(report.coverage, shares, strict=True)
            ],
        ),
        ("指标", "来源部门", "有数据", "未同意使用", "没有数据"),
        [(f"{c.code} {c.name}", c.department, c.known, c.not_agreed, c.unknown) for c in report.coverage],
    )


def _fresh_words(sources: Sequence[Freshness]) -> str:
    never = sum(s.days is None for s in sources)
    known = [s.days for s in sources if s.days is not None]
    if not sources:
        return "还没有登记来源部门。"
    oldest = f"最久的距今 {max(known)} 天" if known else ""
    return _sentence(f"共 {len(sources)} 个来源", oldest, f"{never} 个还没有报送过" if never else "")


def _freshness(sources: Sequence[Freshness]) -> Table:
    return Table(
        ("来源", "最近导入", "距今"),
        [
            (
                s.name,
                s.last_on.isoformat() if s.last_on else "尚未报送",
                None if s.days is None else f"{s.days} 天",
            )
            for s in sources
        ],
    )


def _drift(report: CityReport, before: Mapping[str, Any] | None) -> Section:
    if before is None:
        return Section(
            "drift", "与上次相比", (), ("这是第一份报告，还没有可以比较的上一份；下次运行时在这里比较。",)
        )
    same = "规则集相同" if before["rulebook"] == report.rulebook else f"上次规则集为 {before['rulebook']}"
    figures = (
        _pairs(
            "drift-points",
            "积分分布",
            {f"{s['at_least']}–{s['below'] - 1}": s["people"] for s in before["distribution"]},
            {f"{s.at_least}–{s.below - 1}": s.people for s in report.distribution},
            before["scored"],
            report.scored,
        ),
        _pairs(
            "drift-grades",
            "等级",
            {f"{g['code']} {g['name']}": g["people"] for g in before["grades"]},
            {f"{g.code} {g.name}": g.people for g in report.grades},
            before["scored"],
            report.scored,
        ),
        _pairs(
            "drift-reach",
            "场景可及",
            {s["scenario"]: s["whole"]["reached"] for s in before["reach"]},
            {s.scenario: s.whole.reached for s in report.reach},
            before["scored"],
            report.scored,
        ),
    )
    days = (report.on - date.fromisoformat(before["on"])).days
    words = f"上一份报告截至 {before['on']}（{days} 天前），计分居民 {_told(before['scored'])}；{same}。图中为占计分居民的比例。"
    return Section("drift", "与上次相比", figures, (words,))


def _pairs(
    name: str,
    title: str,
    was: Mapping[str, int | None],
    now: Mapping[str, int | None],
    was_people: int | None,
    people: int | None,
) -> Figure:
    """What there was only once counts as nobody at the other time."""
    names = sorted({*was, *now}, key=lambda n: (int(n.split("–")[0]) if "–" in n else 0, n))
    rows = [(n, was.get(n, 0), now.get(n, 0)) for n in names]
    shares = [(n, _part(a, was_people), _part(b, people)) for n, a, b in rows]
    moved = [(abs(b - a), n, a, b) for n, a, b in shares if a is not None and b is not None]
    words = "人数过少，不列出。"
    if moved:
        _, most, a, b = max(moved)
        words = (
            f"变动最大的是 {most}：{_percent(a)} → {_percent(b)}。"
            if round(a, 3) != round(b, 3)
            else "没有明显变动。"
        )
    highest = max((s for _, *both in shares for s in both if s is not None), default=1.0)
    return Figure(
        name,
        title,
        words,
        pairs_chart(f"{title}：上次与这次", shares, highest),
        ("", "上次", "这次", "上次占比", "这次占比"),
        [(*row, _percent(a), _percent(b)) for row, (_, a, b) in zip(rows, shares, strict=True)],
        (("was", "上次"), ("bar", "这次")),
    )


def _reached(group: GroupReach) -> tuple[Cell, ...]:
    return group.reached, group.people, _percent(group.share)


def _figure(group: GroupReach) -> str:
    return f"{_told(group.reached)} 人 · {_percent(group.share)}"


def _part(some: int | None, people: int | None) -> float | None:
    return None if some is None or not people else some / people


def _sum(*parts: int | None) -> int | None:
    known = [p for p in parts if p is not None]
    return sum(known) if len(known) == len(parts) else None


def _percent(share: float | None) -> str:
    return HIDDEN if share is None else f"{100 * share:.1f}%"


def _told(value: Cell) -> str:
    if value is None:
        return HIDDEN
    return value if isinstance(value, str) else f"{value:,}"


def _sentence(*parts: str) -> str:
    return "，".join(p for p in parts if p) + "。"


def _moment(taken_at: str) -> str:
    return f"{datetime.fromisoformat(taken_at).astimezone(TIANJIN):%Y-%m-%d %H:%M}"
