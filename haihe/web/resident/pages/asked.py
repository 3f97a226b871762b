"""谁查过我: the questions, each with the reasons that only its subject hears."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from haihe.usecases.who_asked import list_questions, show_question
from haihe.web.context import context
from haihe.web.resident.pages.door import MemberPages, member, page

blp = MemberPages("asked", __name__)
A_PAGE = 20
LONGEST_CURSOR = 40


@blp.get("/questions")
def questions() -> AnyResponse:
    """Newest first."""
    caller = member()
    before = request.args.get("before", "")[:LONGEST_CURSOR] or None
    asked, following = list_questions(context(), caller.resident_id, before, A_PAGE)
    return page("questions.html", "asked", asked=asked, following=following)


@blp.get("/questions/<string:decision_id>")
def question(decision_id: str) -> AnyResponse:
    """One question, with the rules and facts of that moment."""
    caller = member()
    return page("question.html", "asked", shown=show_question(context(), caller.resident_id, decision_id))
