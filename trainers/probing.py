"""Ten steps of a throw-away model, in a process of its own: how fast a run would be here and now. Torch-free.

    results = measure([ProbeRequest(config=config, vocab_size=65)])
    results[0].tokens_per_second, results[0].peak_bytes

    we -> it   the requests, one JSON object, on stdin       it -> us   the results, one JSON object, on stdout
    `python -m trainers.methods.probe`                       one line of a problem instead, when it cannot

The one rule: nothing of a run is touched: not its files, not its random numbers, not its weights.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from engine.errors import UserError
from engine.process import child_environment, child_folder
from engine.records import Record
from trainers.config import TrainingConfig

STEPS = 10
SECONDS = 15.0  # of steps, when ten take longer; where one pass does, a shorter one is timed
_SECONDS_TO_BEGIN = 90.0  # importing torch from a cold disk, making a large model
_SECONDS_BETWEEN_LOOKS = 0.05


class ProbeRequest(Record):
    """A run to try, and how many tokens its vocabulary has."""

    config: TrainingConfig
    vocab_size: int
    steps: int = STEPS


class ProbeOrder(Record):
    """What the process is to do; several requests take turns, step by step."""

    requests: tuple[ProbeRequest, ...]
    seconds: float = SECONDS  # for all of them
    is_whole: bool = False  # passes are never shortened, so that memory is what the run's will be


class ProbeResult(Record):
    """What the steps showed."""

    tokens_per_second: float = 0.0
    seconds_per_step: float = 0.0
    steps: int = 0
    num_parameters: int = 0
    slowest_over_fastest: float = 1.0  # of the passes: far above 1, something else was computing
    peak_bytes: int = 0  # of the whole process, on a GPU of the device
    device: str = ""
    precision: str = ""
    threads: int = 0


class ProbeAnswer(Record):
    """The results in the order of the requests, or why there are none."""

    results: tuple[ProbeResult, ...] = ()
    problem: str = ""


def measure(
    requests: Sequence[ProbeRequest],
    seconds: float = SECONDS,
    is_cancelled: Callable[[], bool] = lambda: False,
    is_whole: bool = False,
) -> tuple[ProbeResult, ...]:
    """Try some runs in a process of its own; blocks, so an app calls it in a thread.

    Raises:
        UserError: when it cannot be measured, most often for lack of memory, or was cancelled.
    """
    order = ProbeOrder(requests=tuple(requests), seconds=seconds, is_whole=is_whole).to_json()
    # A file rather than a pipe: nobody has to drain it, and it is gone with us.
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as question:
        question.write(order)
        question.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "trainers.methods.probe"],
            stdin=question,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            cwd=child_folder(),
            env=child_environment(),
        )
        _wait(process, time.monotonic() + 2 * seconds + _SECONDS_TO_BEGIN, is_cancelled)
        answer.seek(0)
        lines = answer.read().splitlines()
    if not lines:
        raise UserError(
            "The probe steps ended without an answer: most likely there is not enough memory for this run."
        )
    found = ProbeAnswer.from_json(lines[-1], "probe")
    if found.problem:
        raise UserError(found.problem)
    return found.results


def _wait(process: subprocess.Popen[bytes], deadline: float, is_cancelled: Callable[[], bool]) -> None:
    try:
        while process.poll() is None:
            if is_cancelled() or time.monotonic() > deadline:
                raise UserError("The probe steps were not waited for to the end.")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
