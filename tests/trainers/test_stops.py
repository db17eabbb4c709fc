"""A stop is obeyed within two seconds: nothing longer than a step, a batch or a token lies between two looks for it.

Counted rather than timed, so that a busy machine decides nothing; `test_exact_resume` stops a real process.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainers.test_training_loop import new_loop
from trainers import wishes as wishes_module
from trainers.config import TrainingConfig
from trainers.methods.loop import TrainingLoop
from trainers.run_directory import RunDirectory, Wish
from trainers.wishes import Wishes

MICRO_BATCHES = 2


class Watched:
    """A loop whose passes through the model and looks for wishes are counted; one may bring a wish to stop."""

    def __init__(self, loop: TrainingLoop, stop_in_pass: int = 0) -> None:
        self.loop = loop
        self.passes = self.steps = 0
        self.since_look: list[int] = [0]  # passes between two looks
        self._stop_in_pass = stop_in_pass
        sound = loop.stepper.take

        def take(progress: object) -> float:
            self.steps += 1
            return sound(progress)  # type: ignore[arg-type]

        loop.stepper.take = take  # type: ignore[method-assign,assignment]
        loop.wishes.look = self.look  # type: ignore[method-assign]
        loop.parts.model.ln_f.register_forward_pre_hook(  # once in every pass, of sampling too
            lambda *_: self.count()
        )

    def count(self) -> None:
        self.passes += 1
        self.since_look[-1] += 1

    def look(self) -> set[Wish]:
        self.since_look.append(0)
        return {"stop"} if 0 < self._stop_in_pass <= self.passes else set()


@pytest.fixture
def config(tiny: TrainingConfig) -> TrainingConfig:
    """Four steps of two passes each, with validations of four batches and samples of four tokens."""
    return tiny.with_changes(
        "test",
        max_steps=4,
        eval_interval=2,
        sample_interval=2,
        micro_batch_size=tiny.batch_size // MICRO_BATCHES,
    )


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.methods.evaluation._TOKENS_AT_ONCE", {"cpu": 16})


def test_a_stop_is_looked_for_after_every_step_every_batch_and_every_token(
    tmp_path: Path, config: TrainingConfig
) -> None:
    watched = Watched(new_loop(tmp_path / "run", config))
    watched.loop.run()
    assert watched.steps == 4
    assert watched.passes >= 4 * MICRO_BATCHES + 2 * 4 + 2 * 4  # steps, validations, samples
    assert max(watched.since_look) == MICRO_BATCHES


@pytest.mark.parametrize("stop_in_pass", [1, 2, 3, 5, 7, 9, 11, 13, 17, 21])
def test_once_a_stop_is_wished_no_further_step_begins_and_the_last_one_is_saved(
    tmp_path: Path, config: TrainingConfig, stop_in_pass: int
) -> None:
    watched = Watched(new_loop(tmp_path / "run", config), stop_in_pass)
    watched.loop.run()
    run = watched.loop.writer.run
    assert watched.passes - stop_in_pass < MICRO_BATCHES  # at most what was left of the step
    assert watched.loop.writer.status.state == "stopped"
    assert watched.loop.progress.step == watched.steps
    assert [info.step for info in run.checkpoints()][-1:] == [watched.steps]


def test_a_wish_is_found_a_fifth_of_a_second_later_and_a_signal_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(wishes_module.time, "monotonic", lambda: now)
    run = RunDirectory(tmp_path)
    wishes = Wishes(run)
    assert not wishes.stop_is_wished()
    run.wish("stop")
    now += 0.19
    assert not wishes.stop_is_wished()
    now += 0.02
    assert wishes.stop_is_wished()
    run.withdraw("stop")
    now += 1
    assert not wishes.stop_is_wished()
    wishes._on_signal(15, None)
    assert wishes.stop_is_wished()
