"""A rulebook as officials write it (YAML, already parsed) becomes a `Rulebook`, or a list of what is wrong with it."""

from __future__ import annotations

from collections import Counter

from haihe.domain.kinds import (
    Kind,
    LevelMap,
    MonthlyLimited,
    PerUnit,
    SteppedDecay,
    Tiered,
    UnbrokenMonths,
    WhileListed,
)
from haihe.domain.reading import Fault, Reader, refuse
from haihe.domain.records import Severity
from haihe.domain.rulebook import (
    KEEPING,
    NEGATIVE,
    POSITIVE,
    Dimension,
    Fact,
    Grade,
    Indicator,
    Rulebook,
    Suggestion,
)

KINDS = (
    "per_unit",
    "monthly_limited",
    "tiered",
    "level_map",
    "while_listed",
    "stepped_decay",
    "unbroken_months",
)


def read_rulebook(data: object) -> Rulebook:
    """Take a parsed rulebook file; `InvalidRules` with code RULEBOOK_INVALID lists every fault."""
    faults: list[Fault] = []
    book = Reader(data, "", faults)
    rulebook = Rulebook(
        version=book.text("version"),
        name=book.text("name"),
        in_force_from=book.day("in_force_from"),
        legal_basis=book.text("legal_basis"),
        dimensions=tuple(_dimension(r) for r in book.readers("dimensions")),
        grades=tuple(_grade(r) for r in book.readers("grades")),
        indicators=tuple(_indicator(r) for r in book.readers("indicators")),
        facts=tuple(_fact(r) for r in book.readers("facts")),
    )
    book.close()
    _check_whole(rulebook, book)
    refuse("RULEBOOK_INVALID", faults)
    return rulebook


def _dimension(r: Reader) -> Dimension:
    dimension = Dimension(r.text("code"), r.text("name"), r.integer("base"), r.positive("cap"))
    if not 0 <= dimension.base <= dimension.cap:
        r.fault("base", f"应在 0 与上限 {dimension.cap} 之间")
    r.close()
    return dimension


def _grade(r: Reader) -> Grade:
    grade = Grade(r.text("code"), r.text("name"), r.integer("at_least"))
    r.close()
    return grade


def _fact(r: Reader) -> Fact:
    fact = Fact(r.text("code"), r.text("name"), r.text("department"), r.text("legal_basis"))
    r.close()
    return fact


def _indicator(r: Reader) -> Indicator:
    nature = r.text("nature")
    if nature not in (POSITIVE, KEEPING, NEGATIVE):
        r.fault("nature", f"应为其中之一：{POSITIVE}、{KEEPING}、{NEGATIVE}")
    indicator = Indicator(
        code=r.text("code"),
        name=r.text("name"),
        dimension=r.text("dimension"),
        nature=nature,
        kind=_kind(r),
        cap=r.integer("cap"),
        department=r.text("department"),
        policy_item=r.text("policy_item"),
        catalogue=r.text("catalogue"),
        legal_basis=r.text("legal_basis"),
        severity=r.choice("severity", Severity) if r.has("severity") else None,
        sensitive=r.optional_text("sensitive"),
        enabled=r.flag("enabled", True),
        suggestion=_suggestion(r, nature) if r.has("suggestion") else None,
    )
    if indicator.is_negative and any(points > 0 for points in indicator.kind.awards()):
        r.fault("kind", "失信指标不能加分")
    if not indicator.is_negative and any(points < 0 for points in indicator.kind.awards()):
        r.fault("kind", "正向、履约指标不能扣分")
    if indicator.is_negative and indicator.cap > 0:
        r.fault("cap", "失信指标的下限不能为正数")
    if not indicator.is_negative and indicator.cap <= 0:
        r.fault("cap", "正向指标的上限应大于 0")
    if indicator.is_negative and indicator.severity is None:
        r.fault("severity", "失信指标须写明类别：轻微、一般或严重", "信用修复管理办法")
    r.close()
    return indicator


def _suggestion(r: Reader, nature: str) -> Suggestion:
    if nature == NEGATIVE:
        r.fault("suggestion", "失信指标没有可以建议居民去做的事")
    if r.has("sensitive"):
        r.fault("suggestion", "不得建议居民以敏感个人信息换取积分", "个人信息保护法第二十八条")
    s = Reader(r.mapping("suggestion"), r.at("suggestion"), r.faults)
    suggestion = Suggestion(
        do=s.text("do"),
        a_month=s.positive("a_month", 1),
        level=s.optional_text("level"),
        continuing=s.flag("continuing", False),
    )
    if suggestion.level is not None and suggestion.level not in r.mapping("levels"):
        s.fault("level", "不是该指标 levels 中的级别")
    s.close()
    return suggestion


def _kind(r: Reader) -> Kind:
    kind = r.text("kind")
    unit = r.text("unit", "项")
    window = r.optional_positive("window_months")
    match kind:
        case "per_unit":
            return PerUnit(unit, window, each=r.integer("points"), per=r.positive("per", 1))
        case "monthly_limited":
            limit = r.positive("most_per_month")
            return MonthlyLimited(unit, window, each=r.integer("points"), most_per_month=limit)
        case "tiered":
            return Tiered(unit, window, tiers=_tiers(r))
        case "level_map":
            return LevelMap(unit, window, levels=_levels(r))
        case "while_listed":
            return WhileListed(unit, window, each=r.integer("points"))
        case "stepped_decay":
            by_severity = Reader(r.mapping("steps_by_severity"), r.at("steps_by_severity"), r.faults)
            ladders = {s: _steps(by_severity, s.value) for s in Severity if by_severity.has(s.value)}
            by_severity.close()
            return SteppedDecay(unit, None, steps=_steps(r, "steps"), steps_by_severity=ladders)
        case "unbroken_months":
            return UnbrokenMonths(unit, window, each=r.positive("points"))
    r.fault("kind", f"应为其中之一：{'、'.join(KINDS)}")
    return WhileListed(unit, window, each=0)


def _tiers(r: Reader) -> tuple[tuple[int | None, int], ...]:
    tiers = []
    lower = 0
    for tier in r.readers("tiers"):
        upper = tier.optional_positive("up_to")
        if upper is not None and upper <= lower:
            tier.fault("up_to", f"应大于上一档的 {lower}")
        lower = upper or lower
        tiers.append((upper, tier.positive("units_a_point")))
        tier.close()
    if not tiers:
        r.fault("tiers", "至少写一档")
    return tuple(tiers)


def _levels(r: Reader) -> dict[str, int]:
    levels = r.mapping("levels")
    if not levels:
        r.fault("levels", "至少写一个级别及其分值")
    for level, points in levels.items():
        if not isinstance(points, int) or isinstance(points, bool):
            r.fault(f"levels.{level}", "应为整数分值")
    return {str(k): v for k, v in levels.items() if isinstance(v, int)}


def _steps(r: Reader, key: str) -> tuple[tuple[int, int], ...]:
    steps = []
    last = 0
    for step in r.readers(key):
        months = step.positive("months")
        if months <= last:
            step.fault("months", f"应大于上一档的 {last} 个月")
        last = months
        steps.append((months, step.integer("points")))
        step.close()
    if not steps:
        r.fault(key, "至少写一档")
        return ((1, 0),)
    return tuple(steps)


def _check_whole(book: Rulebook, r: Reader) -> None:
    """What only shows when the parts stand together."""
    for key, codes in (
        ("dimensions", [d.code for d in book.dimensions]),
        ("grades", [g.code for g in book.grades]),
        ("indicators", [i.code for i in book.indicators] + [f.code for f in book.facts]),
    ):
        if not codes:
            r.fault(key, "不能为空")
        for code, times in Counter(codes).items():
            if times > 1:
                r.fault(key, f"代码 {code} 重复")
    known = {d.code for d in book.dimensions}
    for indicator in book.indicators:
        if indicator.dimension not in known:
            r.fault("indicators", f"{indicator.code} 所属维度 {indicator.dimension} 不存在")
    if book.grades and min(g.at_least for g in book.grades) > 0:
        r.fault("grades", "最低一个等级应从 0 分起，使每个得分都有等级")
