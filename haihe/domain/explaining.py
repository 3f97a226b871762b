"""说明: a score and a decision in sentences for the resident they are about.

Nothing is worked out anew: the lines and findings are what the computation returned. Here they are given the names, sources
and legal bases of the rulebook, and what would change them. None of it is for merchants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from haihe.domain.criteria import Answer, Finding, PointsAtLeast
from haihe.domain.eligibility import Decision, Outcome
from haihe.domain.facts import Facts
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Offer, Scenario
from haihe.domain.scoring import Change, Line, LineKind, Score

FEN_A_YUAN = 100


@dataclass(frozen=True, slots=True)
class LineExplanation:
    """得分明细 as it is read: what, how many points, why, on whose word and by what right.

    Where a dimension starts, and where its bound takes or adds points, there is no indicator and so no department.
    """

    kind: LineKind
    indicator: str | None
    name: str
    points: int
    because: str
    department: str | None
    policy_item: str | None
    legal_basis: str | None
    record_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DimensionExplanation:
    """One dimension with its bounds; the points of its lines add up to `points`."""

    code: str
    name: str
    points: int
    base: int
    cap: int
    lines: tuple[LineExplanation, ...]


@dataclass(frozen=True, slots=True)
class ChangeExplanation:
    """A change that will come by itself."""

    on: date
    before: int
    after: int
    indicators: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class ScoreExplanation:
    """海河分 as the resident reads it. `help` says what can be done about negative records, None where there are none."""

    total: int
    grade: str
    grade_name: str
    on: date
    rulebook: str
    dimensions: tuple[DimensionExplanation, ...]
    next_changes: tuple[ChangeExplanation, ...]
    help: str | None


def explain_score(score: Score, rulebook: Rulebook) -> ScoreExplanation:
    """A score in words. The rulebook must be the one it was computed with."""
    dimensions = tuple(
        DimensionExplanation(
            code=d.code,
            name=d.name,
            points=score.dimensions[d.code],
            base=d.base,
            cap=d.cap,
            lines=tuple(_explain_line(line, rulebook) for line in score.lines if line.dimension == d.code),
        )
        for d in rulebook.dimensions
    )
    return ScoreExplanation(
        total=score.total,
        grade=score.grade,
        grade_name=rulebook.grade_of(score.total).name,
        on=score.on,
        rulebook=score.rulebook,
        dimensions=dimensions,
        next_changes=tuple(_explain_change(c, rulebook) for c in score.next_changes),
        help=_help(score, rulebook),
    )


def _explain_line(line: Line, rulebook: Rulebook) -> LineExplanation:
    indicator = rulebook.by_code[line.indicator] if line.indicator else None
    plain = "起始分" if line.kind is LineKind.BASE else "封顶/保底调整"
    return LineExplanation(
        kind=line.kind,
        indicator=line.indicator,
        name=indicator.name if indicator else plain,
        points=line.points,
        because=line.because,
        department=indicator.department if indicator else None,
        policy_item=indicator.policy_item if indicator else None,
        legal_basis=indicator.legal_basis if indicator else None,
        record_ids=line.record_ids,
    )


def _explain_change(change: Change, rulebook: Rulebook) -> ChangeExplanation:
    names = tuple(rulebook.by_code[code].name for code in change.indicators)
    sentence = f"{change.on.isoformat()} 起 {change.after - change.before:+d}（{'、'.join(names)}）"
    return ChangeExplanation(change.on, change.before, change.after, names, sentence)


def _help(score: Score, rulebook: Rulebook) -> str | None:
    names = [i.name for i in rulebook.indicators if i.code in score.listed]
    if not names:
        return None
    return (
        f"有生效中的「{'」「'.join(names)}」记录。认为有误的，可以提出异议，处理期间暂不计分；"
        "已经履行义务的，可以在“信用中国”网站申请信用修复，修复后当日恢复。"
    )


@dataclass(frozen=True, slots=True)
class DecisionExplanation:
    """判定 as the resident reads it.

    `headline` is the answer in one breath, `missing` every reason for a no, `ahead` what the next better offer asks for,
    `enough_from` the day from which the points will be enough by themselves, `otherwise` what anybody gets without points.
    """

    headline: str
    missing: tuple[str, ...]
    met: tuple[str, ...]
    ahead: str | None
    enough_from: date | None
    otherwise: str


def explain_decision(
    decision: Decision, scenario: Scenario, facts: Facts, on: date, next_changes: Sequence[Change] = ()
) -> DecisionExplanation:
    """A decision in words. `next_changes` are those of the resident's score, if they are at hand."""
    missing = tuple(f.reason for f in decision.findings if f.answer is not Answer.MET)
    return DecisionExplanation(
        headline=_headline(decision.offer) if decision.offer else "，".join(missing),
        missing=missing,
        met=tuple(f.reason for f in decision.findings if f.answer is Answer.MET),
        ahead=_ahead(decision.offer, scenario, facts, on) if decision.offer else None,
        enough_from=_enough_from(decision, facts, next_changes),
        otherwise=scenario.default_terms,
    )


def _headline(offer: Offer) -> str:
    return f"您可以享受：{offer.label}，额度 {yuan(offer.ceiling_fen)} 元"


def yuan(fen: int) -> str:
    """An amount of money as it is spoken of: 10000 fen is 100, 9950 fen is 99.50."""
    whole, rest = divmod(fen, FEN_A_YUAN)
    return f"{whole}.{rest:02}" if rest else str(whole)


def _ahead(given: Offer, scenario: Scenario, facts: Facts, on: date) -> str | None:
    """What the nearest better offer still asks for."""
    better = scenario.offers[scenario.offers.index(given) + 1 :]
    for offer in better:
        verdict = offer.criterion.judge(facts, on) if offer.criterion else None
        if verdict is not None and verdict.answer is not Answer.MET:
            reasons = "，".join(f.reason for f in verdict.findings if f.answer is not Answer.MET)
            return f"{reasons}，可享：{offer.label}"
    return None


def _enough_from(decision: Decision, facts: Facts, next_changes: Sequence[Change]) -> date | None:
    """The day from which the points will be enough, where points are all that is missing."""
    missing = [f for f in decision.findings if f.answer is not Answer.MET]
    if decision.outcome is not Outcome.NOT_ELIGIBLE or facts.points is None or not _only_points(missing):
        return None
    needed = facts.points + max(f.gap or 0 for f in missing)
    return next((c.on for c in next_changes if c.after >= needed), None)


def _only_points(missing: Sequence[Finding]) -> bool:
    return bool(missing) and all(f.criterion == PointsAtLeast.name for f in missing)
