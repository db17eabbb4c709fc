"""A run that was stopped or killed and resumed is the uninterrupted run, to the last bit."""

from __future__ import annotations

import fcntl
import random
import signal
import time
from pathlib import Path

import pytest

from engine.manifest import problem_of
from tests.trainers.small_runs import new_run, outcome, rows, start, train
from trainers.config import TrainingConfig
from trainers.run_directory import RunDirectory

METHODS = ("pretraining", "fine_tuning")


def config_of(method: str, tiny: TrainingConfig, chats_file: Path) -> TrainingConfig:
    """The tiny run of a method; fine-tuning adds accumulation and several epochs."""
    if method == "pretraining":
        return tiny
    changes = {"method": method, "dataset": str(chats_file), "context_length": 60, "micro_batch_size": 2}
    return tiny.with_changes("test", **changes)


@pytest.mark.parametrize("method", METHODS)
def test_stopped_and_resumed_equals_uninterrupted(
    tmp_path: Path, tiny: TrainingConfig, chats_file: Path, method: str
) -> None:
    config = config_of(method, tiny, chats_file)
    whole = new_run(tmp_path / "whole", config)
    assert train(whole) == 0, whole.log_tail()
    parts = new_run(tmp_path / "parts", config)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with start(parts) as process:
            until_running(parts, process)
            process.send_signal(number)
            assert process.wait(60) == 0, parts.log_tail()
    assert train(parts) == 0, parts.log_tail()
    assert parts.status().state == "finished"
    assert outcome(parts) == outcome(whole)


def test_killed_at_any_moment_and_resumed_equals_uninterrupted(tmp_path: Path, tiny: TrainingConfig) -> None:
    whole = new_run(tmp_path / "whole", tiny)
    assert train(whole) == 0, whole.log_tail()
    moments = random.Random(7)
    for trial in range(2):
        parts = new_run(tmp_path / f"parts{trial}", tiny)
        for _ in range(2):
            with start(parts) as process:
                until_running(parts, process)
                time.sleep(moments.uniform(0, 0.25))  # the moment is what is tested
                process.kill()
        assert parts.status().state in ("crashed", "finished")
        assert train(parts) == 0, parts.log_tail()
        assert outcome(parts) == outcome(whole)
        assert not [path for path in parts.checkpoints_path.iterdir() if not path.name.startswith("step_")]


def test_a_damaged_newest_checkpoint_is_passed_over_by_name(tmp_path: Path, tiny: TrainingConfig) -> None:
    run = new_run(tmp_path / "run", tiny)
    assert train(run) == 0, run.log_tail()
    before = outcome(run)
    newest = Path(run.checkpoints()[-1].directory)
    weights = bytearray((newest / "model.safetensors").read_bytes())
    weights[len(weights) // 2] ^= 1
    (newest / "model.safetensors").write_bytes(weights)
    assert train(run) == 0, run.log_tail()
    assert "step_000024 is passed over: model.safetensors is damaged" in run.log_tail()
    assert outcome(run) == before
    assert problem_of(newest) is None


def test_a_stop_is_obeyed_within_seconds_and_saves(tmp_path: Path, tiny: TrainingConfig) -> None:
    run = new_run(tmp_path / "run", tiny.with_changes("test", max_steps=100_000))
    with start(run) as process:
        until_running(run, process)
        asked = time.monotonic()
        run.wish("stop")
        assert process.wait(30) == 0
        assert time.monotonic() - asked < 10  # a guard: the two seconds are counted out in test_stops
    status = run.status()
    assert status.state == "stopped"
    assert run.checkpoints()[-1].step == status.step
    assert not run.has_wish("stop")


def test_a_second_trainer_on_the_same_run_is_refused_and_changes_nothing(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    run = new_run(tmp_path / "run", tiny)
    with (run.path / "owner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert train(run) == 1
    assert "is being trained by another process already" in run.log_tail()
    assert not (run.path / "status.json").exists()


def test_changed_settings_are_refused_and_a_larger_max_steps_is_not(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    run = new_run(tmp_path / "run", tiny.with_changes("test", max_steps=8))
    assert train(run) == 0, run.log_tail()
    (run.path / "config.json").write_bytes(tiny.to_json())
    assert train(run) == 0, run.log_tail()
    assert [row[0] for row in rows(run)] == [3, 6, 8, 9, 12, 15, 16, 18, 21, 24]
    (run.path / "config.json").write_bytes(tiny.with_changes("test", seed=2).to_json())
    assert train(run) == 1
    assert "made with other settings" in run.status().error


def until_running(run: RunDirectory, process: object) -> None:
    """Wait until the run is past its preparations (or has ended already)."""
    deadline = time.monotonic() + 60
    while run.status().state in ("starting", "crashed", "stopped") and time.monotonic() < deadline:
        if getattr(process, "poll", lambda: None)() is not None:
            return
        time.sleep(0.01)


def test_when_no_checkpoint_is_whole_the_run_is_refused_and_keeps_what_it_measured(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    run = new_run(tmp_path / "run", tiny.with_changes("test", max_steps=8))
    assert train(run) == 0, run.log_tail()
    before = rows(run)
    for checkpoint in run.checkpoints():
        (Path(checkpoint.directory) / "training_state.json").unlink()
    assert train(run) == 1
    assert "no checkpoint is whole" in run.status().error
    assert rows(run) == before
