"""A worker of the whole city: rescores it every day, and answers one question after another from the queue."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

from haihe.city.answering import answer, plain
from haihe.city.engine import connect
from haihe.city.failing import CityFailed
from haihe.city.rescore import Apart, rescore_city
from haihe.city.snapshot import SnapshotError, Watch, open_snapshot, take_snapshot
from haihe.domain.errors import HaiheError
from haihe.domain.rulebook import Rulebook
from haihe.storage.city_jobs import daily_rescore_held, one_job_held
from haihe.usecases.city_jobs import Taken, fail_job, finish_job, take_job, tell_progress
from haihe.usecases.context import Context, day_of
from haihe.usecases.daily_rescore import rescore_due

KEPT_FOR = timedelta(hours=1)
ACTOR = "worker:city"
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
            if day == on and set(classes) <= set(had) and now - taken < KEPT_FOR and _whole(directory, on):
                return directory
            self._kept = None
            shutil.rmtree(directory, ignore_errors=True)
        self._number += 1
        made = take_snapshot(self.home / f"{on}-{self._number}", rulebook, dict.fromkeys(classes), on, watch)
        self._kept = (on, classes, now, made.directory)
        return made.directory


def _whole(directory: Path, on: date) -> bool:
    """Whether it is all there still: somebody may have cleared the directory for temporary files."""
    try:
        open_snapshot(directory, on)
    except SnapshotError:
        return False
    return True


def do_one_job(ctx: Context, engine: str, home: Path, snapshots: KeptSnapshot) -> bool:
    """Answer the oldest question that nobody is working on; False if there is none."""
    with one_job_held() as job_id:
        if job_id is None:
            return False
        taken = take_job(job_id, ctx.now())
        if taken is not None:
            _answer(ctx, engine, home, snapshots, taken)
        return True


def rescore_if_due(ctx: Context, engine: str, home: Path, apart: Apart | None = None) -> bool:
    """Bring everybody up to date once a day, and once more under another rulebook; False if there is nothing to do.

    Raises CityFailed. A run that was cut off has written whole batches, and the next one does the rest.
    """
    if not rescore_due(ctx, ctx.now()):
        return False
    with daily_rescore_held() as ours:
        # Whoever held it before us may have done it.
        if not ours or not rescore_due(ctx, ctx.now()):
            return False
        with tempfile.TemporaryDirectory(prefix="rescore-", dir=home) as work:
            backend = connect(engine, temporary=Path(work) / "spill")
            try:
                rescore_city(ctx, backend, Path(work), day_of(ctx.now()), ACTOR, apart=apart)
            finally:
                backend.disconnect()
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
    except CityFailed as error:
        fail_job(taken.job_id, "CITY_ENGINE_FAILED", str(error), ctx.now())
    else:
        finish_job(taken.job_id, plain(found), ctx.now())
