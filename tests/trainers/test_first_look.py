"""The training process looks before its first step, says what it sees, and trains as if it had not looked."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.trainers.small_runs import new_run, outcome, train
from trainers.config import TrainingConfig
from trainers.methods import first_look
from trainers.methods.assembly import assemble, make_optimizer
from trainers.methods.first_look import look_before_first_step
from trainers.methods.loop import TrainingLoop
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes


def say_nothing(stage: str) -> None:
    """Nobody watches."""


def test_a_run_that_looked_is_to_the_last_bit_the_run_that_did_not(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = new_run(tmp_path / "looked", tiny)
    assert train(looked) == 0, looked.log_tail()
    assert "steps tried" in looked.log_tail()
    plain = new_run(tmp_path / "plain", tiny)
    parts = assemble(tiny, plain.path / "tokens", None, say_nothing)
    TrainingLoop(parts, make_optimizer(parts), RunWriter(plain), Wishes(plain)).run()
    assert outcome(looked) == outcome(plain)


def test_log_and_status_know_memory_and_time_before_the_first_step(
    tmp_path: Path, tiny: TrainingConfig, caplog: pytest.LogCaptureFixture
) -> None:
    run, stages = new_run(tmp_path / "run", tiny), []
    parts, writer = assemble(tiny, run.path / "tokens", None, say_nothing), RunWriter(run)
    with caplog.at_level(logging.INFO):
        look = look_before_first_step(parts, writer, stages.append)
    assert (
        look is not None and set(stages) == {"preflight"} and len(stages) == 11
    )  # a stop is looked for before each step
    assert look.num_parameters == parts.model.num_parameters
    assert look.tokens_per_epoch == parts.corpus.files.train_tokens
    writer.write_status()
    status = run.status()
    assert status.memory_parts == look.memory and status.step == 0
    assert status.tokens_per_second == look.tokens_per_second > 0
    assert status.seconds_left == pytest.approx(look.seconds)
    assert "activations" in caplog.text and "epochs" in caplog.text and "steps tried" in caplog.text


def test_what_may_not_fit_is_warned_of_with_what_would(
    tmp_path: Path, tiny: TrainingConfig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_look, "free_memory", lambda device: 1)
    run = new_run(tmp_path / "run", tiny)
    parts = assemble(tiny, run.path / "tokens", None, say_nothing)
    look_before_first_step(parts, RunWriter(run), say_nothing)
    assert "this may not fit into memory" in caplog.text


def test_where_one_sequence_would_take_seconds_nothing_is_tried(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_look, "_LONGEST_SEQUENCE", 0.0)
    run = new_run(tmp_path / "run", tiny)
    parts = assemble(tiny, run.path / "tokens", None, say_nothing)
    look = look_before_first_step(parts, RunWriter(run), say_nothing)
    assert look is not None and look.basis == "rough"
    assert RunWriter(run).status.tokens_per_second is None
