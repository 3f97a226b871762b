"""Many questions in one request, each answered as if it had been asked alone (AuthZEN's evaluations).

A pass is for the one benefit that its resident picked: asked about others with it, the answer is NOT_AVAILABLE, and the
pass stays unclaimed. Residents who have linked themselves are looked up together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson

from haihe.domain.errors import Forbidden, TooOften
from haihe.usecases.answer_question import answer_nobody, answer_question
from haihe.usecases.ask_about_linked import AboutLinked
from haihe.usecases.asking import Asker, Question, not_admitted, too_often
from haihe.usecases.context import Context


class SubjectKind(StrEnum):
    """Who is asked about: the holder of a pass, a linked resident, or somebody of a kind that we know nothing of."""

    PASS = "pass"  # noqa: S105 - the word of the interface
    RESIDENT = "resident"
    UNKNOWN = ""


class Semantic(StrEnum):
    """AuthZEN §7.1.2.1: answer everything, or stop at the first no, or at the first yes."""

    EXECUTE_ALL = "execute_all"
    DENY_ON_FIRST_DENY = "deny_on_first_deny"
    PERMIT_ON_FIRST_PERMIT = "permit_on_first_permit"


# After which decision nothing more is asked; None: never.
STOPS_AT = {
    Semantic.EXECUTE_ALL: None,
    Semantic.DENY_ON_FIRST_DENY: b'{"decision":f',
    Semantic.PERMIT_ON_FIRST_PERMIT: b'{"decision":t',
}


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """A question with something wrong in it: the status and the words that it would have been told alone."""

    status: int
    code: str
    message: str

    def told(self) -> bytes:
        """The answer in its place among the others: a no, with the error in the context."""
        error = {"status": self.status, "code": self.code, "message": self.message}
        return orjson.dumps({"decision": False, "context": {"error": error}})


# Subject, its id, and the scenario.
Asked = tuple[SubjectKind, str, str]


def answer_questions(
    ctx: Context,
    asker: Asker,
    questions: Sequence[Asked | Unanswerable],
    semantic: Semantic,
    at: datetime,
) -> list[bytes]:
    """The answers as JSON, in order, and no more of them than the semantic wants; only what is told is decided.

    Raises Unauthenticated or Forbidden for a client that may not ask at all.
    """
    linked = linked_among(ctx, asker, questions, at)
    stops_at, resident = STOPS_AT[semantic], SubjectKind.RESIDENT
    answers = []
    for question in questions:
        if isinstance(question, Unanswerable):
            answer = question.told()
        elif question[0] is resident and linked is not None:
            name, scenario = question[1:]
            admitted = scenario in linked.partner.scenarios
            answer = (
                (linked.answer(name, scenario) or _too_often(too_often(at))) if admitted else NOT_ADMITTED
            )
        else:
            answer = _alone(ctx, Question(asker, question[1], question[2], at), question[0])
        answers.append(answer)
        if stops_at is not None and answer.startswith(stops_at):
            break
    if linked is not None:
        linked.write_down()
    return answers


def linked_among(
    ctx: Context, asker: Asker, questions: Sequence[Asked | Unanswerable], at: datetime
) -> AboutLinked | None:
    """The linked residents among these questions, looked up together; None where there are none."""
    names = [q[1] for q in questions if not isinstance(q, Unanswerable) and q[0] is SubjectKind.RESIDENT]
    return AboutLinked(ctx, asker, names, at) if names else None


def _alone(ctx: Context, question: Question, kind: SubjectKind) -> bytes:
    try:
        return answer_question(ctx, question) if kind is SubjectKind.PASS else answer_nobody(ctx, question)
    except TooOften as error:
        return _too_often(error)
    except Forbidden as error:
        if error.code == NOT_ADMITTED_CODE:
            return NOT_ADMITTED
        raise


def answer_about_linked(ctx: Context, asker: Asker, name: str, scenario: str, at: datetime) -> bytes:
    """One question about a linked resident. Raises TooOften, and what a question by pass raises."""
    linked = AboutLinked(ctx, asker, [name], at)
    if scenario not in linked.partner.scenarios:
        raise not_admitted()
    answer = linked.answer(name, scenario)
    if answer is None:
        raise too_often(at)
    linked.write_down()
    return answer


def _too_often(error: TooOften) -> bytes:
    return Unanswerable(429, error.code, error.detail).told()


NOT_ADMITTED_CODE = not_admitted().code
NOT_ADMITTED = Unanswerable(403, NOT_ADMITTED_CODE, not_admitted().detail).told()
