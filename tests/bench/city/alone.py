"""One piece of work in a process of its own, so that its peak memory is its own too."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """What the work returned, how many seconds it took and how many gigabytes at its peak."""

    result: Any
    seconds: float
    peak: float


def alone(work: Callable[..., Any], *given: Any) -> Done:
    """Do it; an error in the other process has been printed there and ends the run here."""
    spawning = get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=_measured, args=(there, work, *given))
    process.start()
    there.close()
    try:
        done: Done = here.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{work.__name__} ended with {process.exitcode}") from None
    process.join()
    return done


def _measured(there: Connection, work: Callable[..., Any], *given: Any) -> None:
    begun = time.monotonic()
    result = work(*given)
    there.send(Done(result, time.monotonic() - begun, _peak()))
    there.close()


def _peak() -> float:
    """Of this program alone: what getrusage says may still be the parent's."""
    status = Path("/proc/self/status").read_text("ascii")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak) / 1e6
