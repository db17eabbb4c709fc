"""A step whose loss or gradient is not a number is never applied, and what happens next is said, chosen and kept."""

from __future__ import annotations

import contextlib
import fcntl
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from engine.errors import UserError
from engine.manifest import problem_of
from tests.trainers.small_runs import CODE, new_run, outcome, rows, train
from tests.trainers.test_launcher import until
from tests.trainers.test_training_loop import new_loop
from trainers import launcher
from trainers.config import TrainingConfig
from trainers.interventions import GoBackError, Intervention, Interventions, read_interventions
from trainers.methods.bad_steps import MOST_SKIPPED_IN_A_ROW
from trainers.methods.loop import TrainingLoop
from trainers.methods.method import Batch
from trainers.run_directory import RunDirectory, Wish
from trainers.verdict import curves_of

Loss = tuple[torch.Tensor, dict[str, torch.Tensor]]
BAD = 7  # the step after so many


def poison_loss(loop: TrainingLoop, change: Callable[[torch.Tensor], torch.Tensor], steps: set[int]) -> None:
    """Change the loss of some steps."""
    sound = loop.parts.method.loss

    def poisoned(model: torch.nn.Module, batch: Batch) -> Loss:
        loss, metrics = sound(model, batch)
        return (change(loss) if loop.progress.step in steps else loss), metrics

    loop.parts.method.loss = poisoned  # type: ignore[method-assign]


def poison_batch(loop: TrainingLoop, change: Callable[[Batch], Batch]) -> None:
    """Change the batch of one step."""
    sound = loop.parts.method.batches

    def batches(step: int) -> list[Batch]:
        return [change(batch) if step == BAD else batch for batch in sound(step)]

    loop.parts.method.batches = batches  # type: ignore[method-assign]


def poison_gradient(loop: TrainingLoop, number: float) -> None:
    """Put a number that is none into the gradient of one step."""
    weight = loop.parts.model.wte.weight

    def poisoned(gradient: torch.Tensor) -> torch.Tensor:
        return torch.full_like(gradient, number) if loop.progress.step == BAD else gradient

    weight.register_hook(poisoned)


def all_masked(batch: Batch) -> Batch:
    """No token of the batch is a target."""
    return batch._replace(targets=torch.full_like(batch.targets, -100), share=0.0)


def one_token_rows(batch: Batch) -> Batch:
    """Rows so short that nothing follows anything."""
    empty = {"inputs": batch.inputs[:, :0], "targets": batch.targets[:, :0]}
    return batch._replace(**empty, share=0.0)


def answer_when_paused(loop: TrainingLoop, answer: Wish) -> None:
    """A person who answers at once."""
    loop.wishes.look = lambda: {answer} if loop.writer.status.state == "paused" else set()  # type: ignore[method-assign]


POISONS: dict[str, Callable[[TrainingLoop], None]] = {
    "the loss is nan": lambda loop: poison_loss(loop, lambda loss: loss * math.nan, {BAD}),
    "the loss is inf": lambda loop: poison_loss(loop, lambda loss: loss * math.inf, {BAD}),
    "the loss is -inf": lambda loop: poison_loss(loop, lambda loss: loss * -math.inf, {BAD}),
    "the loss overflows": lambda loop: poison_loss(loop, lambda loss: loss * 3e38 * 10, {BAD}),
    "a gradient is inf": lambda loop: poison_gradient(loop, math.inf),
    "a gradient is nan": lambda loop: poison_gradient(loop, math.nan),
    "the gradient's norm overflows": lambda loop: poison_gradient(loop, 3e38),
    "all labels are masked": lambda loop: poison_batch(loop, all_masked),
    "rows have one token": lambda loop: poison_batch(loop, one_token_rows),
}


@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_step_is_left_out_and_said_within_one_step(
    tmp_path: Path, tiny: TrainingConfig, poison: str
) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", on_bad_step="skip", max_steps=10))
    POISONS[poison](loop)
    loop.run()
    run = loop.writer.run
    assert loop.writer.status.state == "finished"
    assert all(bool(parameter.isfinite().all()) for parameter in loop.parts.model.parameters())
    (skipped,) = read_interventions(run)
    assert (skipped.step, skipped.kind) == (BAD + 1, "skip_step")
    (bad,) = [row for row in run.metrics()[0] if row.note]
    assert (bad.step, bad.loss) == (BAD + 1, None)
    assert any(word in bad.note for word in ("nan", "inf"))
    assert list(curves_of(run.metrics()[0]).bad_steps) == [BAD + 1]
    assert all(math.isfinite(loss) for loss in curves_of(run.metrics()[0]).losses)


def test_a_damaged_weight_is_not_saved_and_the_run_goes_back_to_before_it(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", checkpoint_interval=3))
    sound = loop.parts.method.batches

    def batches(step: int) -> list[Batch]:
        if step == BAD:
            loop.parts.model.wte.weight.data[0, 0] = math.nan
            loop.parts.model.wte.weight.data[1:, 0] = math.inf
        return sound(step)

    loop.parts.method.batches = batches  # type: ignore[method-assign]
    with pytest.raises(UserError, match="The weights themselves are damaged: resume goes on from the last"):
        loop.run()
    checkpoints = loop.writer.run.checkpoints()
    assert [checkpoint.step for checkpoint in checkpoints] == [3, 6]
    assert all(problem_of(Path(checkpoint.directory)) is None for checkpoint in checkpoints)


def test_steps_are_not_left_out_for_ever(tmp_path: Path, tiny: TrainingConfig) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", on_bad_step="skip", max_steps=40))
    poison_loss(loop, lambda loss: loss * math.nan, set(range(3, 40)))
    with pytest.raises(UserError, match="10 steps before it were left out already.*--learning-rate"):
        loop.run()
    assert len(read_interventions(loop.writer.run)) == MOST_SKIPPED_IN_A_ROW


def test_a_run_with_a_step_left_out_is_the_run_that_never_computed_it(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    found = new_loop(tmp_path / "found", tiny.with_changes("test", on_bad_step="skip"))
    poison_loss(found, lambda loss: loss * math.nan, {BAD})
    found.run()
    told = new_loop(tmp_path / "told", tiny)
    (skipped,) = read_interventions(found.writer.run)
    told.interventions.add(skipped)
    told.run()
    assert outcome(told.writer.run)[0] == outcome(found.writer.run)[0]
    assert outcome(told.writer.run)[2] == outcome(found.writer.run)[2]
    other = new_loop(tmp_path / "other", tiny)
    other.run()
    assert outcome(other.writer.run)[2] != outcome(found.writer.run)[2]


def begin(run: RunDirectory) -> subprocess.Popen[bytes]:
    """A process that trains a run whose loss is nan at one step, until something was done about it."""
    program = f"""
import sys
from pathlib import Path
from trainers import __main__ as process
from trainers.methods import pretraining
run, sound = Path({str(run.path)!r}), pretraining.Pretraining.batches
def batches(self, step):
    is_poisoned = step == {BAD} and not (run / "interventions.json").exists()
    return [b._replace(share=float("nan")) if is_poisoned else b for b in sound(self, step)]
pretraining.Pretraining.batches = batches
sys.argv = ["trainers", str(run)]
sys.exit(process.main())
"""
    with run.log_path.open("ab") as log:
        return subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=log, cwd=CODE)


def test_a_paused_run_waits_for_a_decision_and_does_the_same_after_a_kill(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    whole = new_run(tmp_path / "whole", tiny.with_changes("test", on_bad_step="skip"))
    with begin(whole) as process:
        assert process.wait(120) == 0, whole.log_tail()
    run = new_run(tmp_path / "run", tiny)
    with begin(run) as process:
        status = until(run, lambda status: status.state == "paused")
        assert (status.paused_for, status.step) == ("bad_step", BAD)
        assert status.error.startswith(f"At step {BAD + 1} the loss became nan.")
        with pytest.raises(UserError, match="waits for a decision.*--skip-step"):
            launcher.resume_run(run)
        launcher.resume_run(run, skip_step=True)
        until(run, lambda status: status.step > BAD + 3 or status.state == "finished")
        process.kill()
    with begin(run) as process:
        assert process.wait(120) == 0, run.log_tail()
    assert outcome(run) == outcome(whole)
    assert "the step is left out" in run.log_tail()


def test_a_lower_learning_rate_goes_back_to_the_checkpoint_and_is_kept(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    loop = new_loop(tmp_path / "run", tiny)
    poison_loss(loop, lambda loss: loss * math.nan, {BAD})
    loop.writer.run.wish_learning_rate(1e-4)
    answer_when_paused(loop, "learning_rate")
    with pytest.raises(GoBackError):
        loop.run()
    run = loop.writer.run
    (lowered,) = read_interventions(run)
    assert (lowered.step, lowered.kind, lowered.value) == (
        6,
        "learning_rate",
        1e-4,
    )  # after the checkpoint of 5
    assert lowered.reason.endswith(f"because at step {BAD + 1} the loss became nan")
    assert train(run) == 0, run.log_tail()
    whole = new_run(tmp_path / "whole", tiny)
    Interventions(whole).add(lowered)
    assert train(whole) == 0, whole.log_tail()
    assert outcome(run) == outcome(whole)
    rates = {row[0]: row[4] for row in rows(run)}
    assert rates[3] > 100 * rates[24] or rates[6] < 1.1e-4 < rates[3]


@pytest.mark.slow
def test_a_paused_run_goes_back_with_a_lower_learning_rate_and_finishes(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    run = new_run(tmp_path / "run", tiny)
    with begin(run) as process:
        until(run, lambda status: status.state == "paused")
        with pytest.raises(UserError, match="learning_rate must be above 0"):
            launcher.resume_run(run, learning_rate=-1.0)
        launcher.resume_run(run, learning_rate=1e-4)
        assert process.wait(120) == 0, run.log_tail()
    status = run.status()
    assert (status.state, status.error, status.paused_for) == ("finished", "", "")
    notes = [row.note for row in run.metrics()[0] if row.note]
    assert notes == [f"learning rate 0.0001 from here on, because at step {BAD + 1} the loss became nan"]
    with pytest.raises(UserError, match="has no step to leave out"), holding(run):
        launcher.resume_run(run, skip_step=True)


@contextlib.contextmanager
def holding(run: RunDirectory) -> Iterator[None]:
    """As if a process trained the run."""
    with (run.path / "owner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_stop_at_the_pause_keeps_the_last_checkpoint(tmp_path: Path, tiny: TrainingConfig) -> None:
    loop = new_loop(tmp_path / "run", tiny)
    poison_loss(loop, lambda loss: loss * math.nan, {BAD})
    answer_when_paused(loop, "stop")
    loop.run()
    assert loop.writer.status.state == "stopped"
    assert [checkpoint.step for checkpoint in loop.writer.run.checkpoints()] == [5]


def test_a_person_s_change_makes_another_course_and_memory_stays_short(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    interventions = Interventions(run)
    for step, kind, value in ((9, "skip_step", 0), (12, "micro_batch_size", 2), (4, "learning_rate", 0.5)):
        interventions.add(Intervention(step=step, kind=kind, value=value, reason=kind))
    assert [(entry.step, entry.kind) for entry in read_interventions(run)] == [
        (4, "learning_rate"),
        (12, "micro_batch_size"),
    ]
    assert interventions.micro_batch_size(11) == 0 and interventions.micro_batch_size(12) == 2
    assert interventions.learning_rate(3, 1.0) == 1.0 and interventions.learning_rate(4, 1.0) == 0.5
    assert not interventions.take_over(interventions.up_to(4), 4)
    assert interventions.take_over((), 4) and [entry.step for entry in interventions.entries] == [12]
