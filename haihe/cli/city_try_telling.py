"""What a trial found, as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from haihe.cli.tables import HIDDEN, table
from haihe.domain.explaining import yuan

if TYPE_CHECKING:
    from haihe.city.impact import Flow, Group, ScenarioImpact
    from haihe.city.rulebook_impact import Movement, RulebookImpact

FLOW_HEADS = ("计分居民", "现在可用", "发布后可用", "获得", "失去", "保留")
MOVE_HEADS = ("计分居民", "升高", "降低", "不变", "平均（前）", "平均（后）")
PERIODS = {None: "每人一次", "RUNNING": "同时在外", "MONTH": "每月", "YEAR": "每年"}


def tell_scenario(impact: ScenarioImpact) -> str:
    """The impact of a draft scenario."""
    return "\n".join(_scenario(impact))


def tell_rulebook(impact: RulebookImpact) -> str:
    """The impact of a draft rulebook."""
    return "\n".join(_rulebook(impact))


def _scenario(impact: ScenarioImpact) -> Iterator[str]:
    against = f"已发布的第 {impact.published_revision} 版" if impact.published_revision else "尚未发布过"
    yield f"场景 {impact.scenario} {impact.name}：草稿试算（{impact.on}，规则集 {impact.rulebook}，对照：{against}）"
    yield table(("", *FLOW_HEADS), [("全市", *_flow(impact.whole))])
    for title, groups in (("按区", impact.districts), ("按年龄", impact.ages), ("按等级", impact.grades)):
        yield f"\n{title}"
        yield table(("", *FLOW_HEADS), [(g.name, *_flow(g.flow)) for g in _somebody(groups)])
    yield "\n按优惠档"
    yield table(
        ("", "额度（元）", "现在", "发布后", "获得", "失去", "保留"),
        [(o.label, yuan(o.ceiling_fen), o.before, o.after, o.gain, o.lose, o.keep) for o in impact.offers],
    )
    yield "\n费用上限"
    yield table(
        ("", "人数", "额度（元）", "期间", "次数", "至多（元）"),
        [
            (c.label, c.people, yuan(c.ceiling_fen), PERIODS[c.period], c.times, _money(c.at_most_fen))
            for c in impact.costs
        ],
    )
    yield f"  {impact.assumption}"
    yield "\n个例（虚构；数值为同类居民的平均）"
    for case in impact.cases:
        yield f"  例 {case.case} {case.kind}：海河分 {case.points}，同类居民至少 {case.at_least_people:,} 人"
        for when, told in (("现在", case.before), ("发布后", case.after)):
            yield f"    {when}：{told.headline}"
            yield from (f"      ○ {reason}" for reason in told.missing)
            yield from (f"      ✓ {reason}" for reason in told.met)
    yield _footnote(impact.suppressed_below)


def _rulebook(impact: RulebookImpact) -> Iterator[str]:
    yield f"规则集 {impact.draft}：草稿试算（{impact.on}，对照现行 {impact.present}）"
    yield table(("", *MOVE_HEADS), [_movement(impact.whole)])
    yield f"  中位数：{_number(impact.median_before)} → {_number(impact.median_after)}"
    for title, groups in (
        ("按区", impact.districts),
        ("按年龄", impact.ages),
        ("按现在的等级", impact.grades),
    ):
        yield f"\n{title}"
        yield table(("", *MOVE_HEADS), [_movement(m) for m in groups])
    yield "\n积分分布（人数过少的分数段并入相邻段）"
    yield table(
        ("", "现在", "发布后"),
        [(f"{b.at_least}–{b.below - 1} 分", b.before, b.after) for b in impact.distribution],
    )
    yield "\n等级变化"
    yield table(("", "人数"), [(f"{c.before} → {c.after}", c.people) for c in impact.grade_changes])
    yield "\n已发布场景的可及人数"
    yield table(("", *FLOW_HEADS), [(f"{r.scenario} {r.name}", *_flow(r.flow)) for r in impact.reach])
    yield "\n个例（虚构；只含所涉指标的记录）"
    for case in impact.cases:
        yield (
            f"  例 {case.case}：{case.points_before} → {case.points_after} 分，"
            f"同类居民至少 {case.at_least_people:,} 人"
        )
        for line in case.lines:
            yield f"    {line.name}  {line.points_before:+d} → {line.points_after:+d}"
            yield f"      现在：{line.because_before or '没有这一项'}"
            yield f"      草稿：{line.because_after or '没有这一项'}"
    yield _footnote(impact.suppressed_below)


def _flow(flow: Flow) -> tuple[int | None, ...]:
    return flow.people, flow.before, flow.after, flow.gain, flow.lose, flow.keep


def _movement(m: Movement) -> tuple[Any, ...]:
    return m.name, m.people, m.up, m.down, m.same, m.mean_before, m.mean_after


def _somebody(groups: Sequence[Group]) -> list[Group]:
    return [g for g in groups if g.flow.people != 0]


def _money(fen: int | None) -> str | None:
    return None if fen is None else f"{fen // 100:,}"


def _number(value: float | None) -> str:
    return HIDDEN if value is None else f"{value:g}"


def _footnote(least: int) -> str:
    return f"\n{HIDDEN}：不足 {least} 人，或能由此推算出不足 {least} 人的数，不列出。"
