"""A worker of the whole city: takes one question after another from the queue and answers it in an engine of its own."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

from haihe.city.answering import answer, plain
from haihe.city.engine import EngineFailed, EngineUnavailable, connect
from haihe.city.snapshot import SnapshotError, Watch, take_snapshot
from haihe.domain.errors import HaiheError
from haihe.domain.rulebook import Rulebook
from haihe.storage.city_jobs import one_job_held
from haihe.usecases.city_jobs import Taken, fail_job, finish_job, take_job, tell_progress
from haihe.usecases.context import Context

KEPT_FOR = timedelta(hours=1)
# Progress is written down when it has moved by this much, or something else is being done.
WORTH_TELLING = 0.02


class KeptSnapshot:
    """The last snapshot, for an hour: drafts tried one after another do not read the database each time."""

    def __init__(self, ctx: Context, home: Path) -> None:
        self.ctx = ctx
        self.home = home
        self._kept: tuple[date, tuple[str, ...], datetime, Path] | None = None
        self._number = 0

    def __call__(self, on: date, rulebook: Rulebook, classes: tuple[str, ...], watch: Watch) -> Path:
        """The directory of a snapshot of that day, at most an hour old."""
        now = self.ctx.now()
        if self._kept is not None:
            day, had, taken, directory = self._kept
            if day == on and set(classes) <= set(had) and now - taken < KEPT_FOR:
                return directory
            self._kept = None
            shutil.rmtree(directory, ignore_errors=True)
        self._number += 1
        made = take_snapshot(self.home / f"{on}-{self._number}", rulebook, dict.fromkeys(classes), on, watch)
        self._kept = (on, classes, now, made.directory)
        return made.directory


def do_one_job(ctx: Context, engine: str, home: Path, snapshots: KeptSnapshot) -> bool:
    """Answer the oldest question that nobody is working on; False if there is none."""
    with one_job_held() as job_id:
        if job_id is None:
            return False
        taken = take_job(job_id, ctx.now())
        if taken is not None:
            _answer(ctx, engine, home, snapshots, taken)
        return True


def _answer(ctx: Context, engine: str, home: Path, snapshots: KeptSnapshot, taken: Taken) -> None:
    told = (-1.0, "")

    def stage(done: float, doing: str) -> None:
        nonlocal told
        if doing != told[1] or done - told[0] >= WORTH_TELLING:
            told = (done, doing)
            tell_progress(taken.job_id, done, doing)

    try:
        backend = connect(engine, temporary=home / "spill")
        try:
            found = answer(ctx, backend, snapshots, taken.kind, taken.draft, taken.on, stage)
        finally:
            backend.disconnect()
    except HaiheError as error:
        fail_job(taken.job_id, error.code, error.detail, ctx.now())
    except (EngineFailed, EngineUnavailable, SnapshotError) as error:
        fail_job(taken.job_id, "CITY_ENGINE_FAILED", str(error), ctx.now())
    else:
        finish_job(taken.job_id, plain(found), ctx.now())
