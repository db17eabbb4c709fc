"""`transformers.Trainer` as the second backend: the same numbers, the same run directory, the same wishes obeyed."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import UserError
from engine.manifest import problem_of
from tests.trainers.foreign_models import foreign_model
from tests.trainers.small_runs import new_run, outcome, rows, start, train
from tests.trainers.test_bad_steps import BAD, answer_when_paused, poison_loss
from tests.trainers.test_exact_resume import until_running
from trainers.backends import check_backend
from trainers.config import TrainingConfig
from trainers.interventions import GoBackError, Intervention, read_interventions
from trainers.launcher import start_run
from trainers.methods.assembly import assemble, make_optimizer
from trainers.methods.loops import training_loop
from trainers.run_directory import RunDirectory, Wish
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes

pytest.importorskip("accelerate")


@pytest.fixture
def config(tiny: TrainingConfig, chats_file: Path, tmp_path: Path) -> TrainingConfig:
    """A fine-tuning run of a second, with dropout, accumulation and several epochs."""
    return tiny.with_changes(
        "test",
        method="fine_tuning",
        backend="trainer",
        dataset=str(chats_file),
        base_model=str(foreign_model(tmp_path / "llama", "llama")),
        context_length=60,
        micro_batch_size=2,
    )


def loop_of(path: Path, config: TrainingConfig) -> Any:
    run = new_run(path, config)
    parts = assemble(config, run.path / "tokens", None, lambda stage: None)
    return training_loop(parts, make_optimizer(parts), RunWriter(run), Wishes(run))


def trained(path: Path, config: TrainingConfig) -> RunDirectory:
    """A run in this process, to its end."""
    loop = loop_of(path, config)
    loop.run()
    return RunDirectory(path)


@pytest.mark.parametrize("method", ["pretraining", "fine_tuning"])
def test_both_backends_have_the_same_losses_on_the_same_batches(
    tmp_path: Path, config: TrainingConfig, text_file: Path, method: str
) -> None:
    changes: dict[str, object] = {"max_steps": 6, "log_interval": 1, "method": method}
    if method == "pretraining":
        changes["dataset"] = str(text_file)
    runs = [
        trained(tmp_path / backend, config.with_changes("test", backend=backend, **changes))
        for backend in ("hf", "trainer")
    ]
    ours, theirs = ([row.loss for row in run.metrics()[0]] for run in runs)
    assert len(ours) == 6
    assert theirs == pytest.approx(ours, abs=1e-6)
    assert theirs != ours[::-1]
    assert outcome(runs[0]) == outcome(runs[1])  # on this machine to the last bit, weights too


def test_the_run_directory_is_the_one_of_our_loop(tmp_path: Path, config: TrainingConfig) -> None:
    run = trained(tmp_path / "run", config)
    assert run.status().state == "finished"
    assert [row.step for row in run.metrics()[0]] == [3, 6, 8, 9, 12, 15, 16, 18, 21, 24]
    assert {row.step for row in run.samples()[0]} == {12, 24}
    assert [info.step for info in run.checkpoints()][-1] == 24
    for info in run.checkpoints():
        assert problem_of(Path(info.directory)) is None
    assert {path.suffix for path in run.checkpoints_path.rglob("*.*")} == {".json", ".safetensors"}


def test_stopped_killed_and_resumed_equals_uninterrupted(tmp_path: Path, config: TrainingConfig) -> None:
    whole = new_run(tmp_path / "whole", config)
    assert train(whole) == 0, whole.log_tail()
    parts = new_run(tmp_path / "parts", config)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with start(parts) as process:
            until_running(parts, process)
            time.sleep(0.05)
            process.send_signal(number)
            process.wait(60)
    assert train(parts) == 0, parts.log_tail()
    assert parts.status().state == "finished"
    assert outcome(parts) == outcome(whole)


def test_wishes_are_obeyed_at_the_end_of_a_step(tmp_path: Path, config: TrainingConfig) -> None:
    loop = loop_of(tmp_path / "run", config.with_changes("test", checkpoint_interval=1000))
    run, counted = loop.writer.run, loop.count_step

    def wish_at(*of_a_step: Any) -> None:
        counted(*of_a_step)
        time.sleep(0.21)  # wishes are looked at five times a second
        if loop.progress.step == 3:
            run.wish("save")
        if loop.progress.step == 5:
            run.wish("stop")

    loop.count_step = wish_at
    loop.run()
    assert run.status().state == "stopped"
    assert loop.progress.step == 5
    assert [info.step for info in run.checkpoints()] == [3, 5]


def test_a_learning_rate_that_a_person_changes_counts_from_the_next_step_on(
    tmp_path: Path, config: TrainingConfig
) -> None:
    results = []
    for backend in ("hf", "trainer"):
        changed = config.with_changes("test", backend=backend, max_steps=8, sample_interval=0)
        loop = loop_of(tmp_path / backend, changed)
        slow_down_after(loop, 3)
        loop.run()
        results.append(outcome(loop.writer.run))
    assert results[0] == results[1]


def slow_down_after(loop: Any, step: int) -> None:
    """Let the run go on with a tenth of the rate."""
    went_on = loop.goes_on

    def goes_on() -> bool:
        if loop.progress.step == step:
            change = Intervention(step=step + 1, kind="learning_rate", value=loop.config.learning_rate / 10)
            loop.interventions.add(change)
        return bool(went_on())

    loop.goes_on = goes_on


def test_a_step_that_is_not_finite_is_not_applied(tmp_path: Path, config: TrainingConfig) -> None:
    loop = loop_of(tmp_path / "run", config.with_changes("test", sample_interval=0, on_bad_step="stop"))
    before = [p.detach().clone() for p in loop.parts.model.parameters()]
    poison_loss(loop, lambda loss: loss * math.nan, {0})
    with pytest.raises(UserError, match="step 1: the loss became nan"):
        loop.run()
    assert all(torch.equal(*pair) for pair in zip(before, loop.parts.model.parameters(), strict=True))


def test_a_step_that_is_not_finite_is_left_out_as_in_our_loop(tmp_path: Path, config: TrainingConfig) -> None:
    config = config.with_changes("test", on_bad_step="skip", max_steps=10)
    runs = []
    for backend in ("hf", "trainer"):
        loop = loop_of(tmp_path / backend, config.with_changes("test", backend=backend))
        poison_loss(loop, lambda loss: loss * math.nan, {BAD, BAD + 1})
        loop.run()
        runs.append(loop.writer.run)
    ours, theirs = runs
    assert [entry.step for entry in read_interventions(theirs)] == [BAD + 1, BAD + 2]
    assert theirs.status().state == "finished"
    assert outcome(theirs) == outcome(ours)


def test_a_step_known_to_be_bad_is_never_computed(tmp_path: Path, config: TrainingConfig) -> None:
    config = config.with_changes("test", on_bad_step="skip", max_steps=10)
    found = loop_of(tmp_path / "found", config)
    poison_loss(found, lambda loss: loss * math.nan, {0, BAD})
    found.run()
    told = loop_of(tmp_path / "told", config)
    for entry in read_interventions(found.writer.run):
        told.interventions.add(entry)
    told.run()
    assert told.interventions.entries == found.interventions.entries
    assert outcome(told.writer.run) == outcome(found.writer.run)


@pytest.mark.parametrize("answer", ["skip_step", "learning_rate", "stop"])
def test_a_person_is_asked_about_a_step_that_is_not_finite(
    tmp_path: Path, config: TrainingConfig, answer: Wish
) -> None:
    loop = loop_of(tmp_path / "run", config.with_changes("test", max_steps=10))
    poison_loss(loop, lambda loss: loss * math.nan, {BAD})
    loop.writer.run.wish_learning_rate(1e-4)
    answer_when_paused(loop, answer)
    with pytest.raises(GoBackError) if answer == "learning_rate" else contextlib.nullcontext():
        loop.run()
    entries = [(entry.step, entry.kind) for entry in read_interventions(loop.writer.run)]
    expected = {"skip_step": [(BAD + 1, "skip_step")], "learning_rate": [(6, "learning_rate")], "stop": []}
    assert entries == expected[answer]
    assert loop.writer.status.state == {"skip_step": "finished", "stop": "stopped"}.get(answer, "running")
    assert loop.writer.run.checkpoints()[-1].step == (10 if answer == "skip_step" else 5)


def test_without_accelerate_the_run_is_refused_before_it_starts(
    tmp_path: Path, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "accelerate" else found(name)
    )
    check_backend(config.with_changes("test", backend="hf"))
    with pytest.raises(UserError, match=r"pip install 'tui-chat\[trainer\]'"):
        start_run(config, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_rows_of_a_resumed_run_are_not_written_twice(tmp_path: Path, config: TrainingConfig) -> None:
    run = new_run(tmp_path / "run", config.with_changes("test", max_steps=8))
    assert train(run) == 0, run.log_tail()
    (run.path / "config.json").write_bytes(config.to_json())
    assert train(run) == 0, run.log_tail()
    assert [row[0] for row in rows(run)] == [3, 6, 8, 9, 12, 15, 16, 18, 21, 24]
