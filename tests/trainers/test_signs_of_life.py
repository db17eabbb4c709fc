"""A run that hangs, dies or is to end at once is seen and said; looking at a run never gets in its way."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.manifest import problem_of
from tests.trainers.small_runs import new_run, start, train
from tests.trainers.test_launcher import until
from trainers import launcher, run_directory
from trainers.config import TrainingConfig
from trainers.methods.training_state import data_hash
from trainers.ownership import LOCK_FILE, is_owned, owned, seconds_silent
from trainers.run_directory import RunDirectory, RunStatus


@pytest.fixture
def endless(tiny: TrainingConfig) -> TrainingConfig:
    """A run that ends only when somebody ends it."""
    return tiny.with_changes(
        "test", max_steps=10_000_000, checkpoint_interval=10_000_000, eval_interval=10_000
    )


def test_a_killed_run_is_seen_within_a_second(tmp_path: Path, endless: TrainingConfig) -> None:
    run = new_run(tmp_path / "run", endless)
    with start(run) as process:
        until(run, lambda status: status.state == "running" and status.step > 0)
        process.kill()
        killed = time.monotonic()
        status = until(run, lambda status: status.state == "crashed")
        assert time.monotonic() - killed < 1.0
    assert "resume continues from the last checkpoint" in status.error


def test_a_run_that_hangs_is_said_and_can_be_ended(
    tmp_path: Path, endless: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_directory, "LONG_SILENCE", 2.0)
    run = new_run(tmp_path / "run", endless)
    with start(run) as process:
        until(run, lambda status: status.state == "running" and status.step > 0)
        assert run.status().silent == 0.0
        process.send_signal(signal.SIGSTOP)
        status = until(run, lambda status: status.silent > 0)
        assert (status.state, status.silent >= 2.0) == ("running", True)
        process.send_signal(signal.SIGCONT)
        until(run, lambda status: status.silent == 0.0)
        process.send_signal(signal.SIGSTOP)
        launcher.stop_run_now(run)
    status = run.status()
    assert (status.state, status.error) == ("stopped", "")
    with pytest.raises(UserError, match="not running; it is stopped"):
        launcher.stop_run_now(run)


def test_a_run_that_is_to_end_at_once_does_not_save_and_goes_on_from_its_last_checkpoint(
    tmp_path: Path, endless: TrainingConfig
) -> None:
    run = new_run(tmp_path / "run", endless)
    with start(run) as process:
        until(run, lambda status: status.state == "running" and status.step > 0)
        launcher.save_run(run)
        until(run, lambda status: not run.has_wish("save"))
        (saved,) = run.checkpoints()
        until(run, lambda status: status.step > saved.step + 5)
        launcher.stop_run_now(run)
        assert process.wait(10) == 0
    assert run.status().state == "stopped"
    assert [info.step for info in run.checkpoints()] == [saved.step]
    assert problem_of(Path(saved.directory)) is None
    assert not run.has_wish("stop_now")


def test_looking_at_a_run_never_keeps_its_trainer_from_starting(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).touch()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            is_owned(tmp_path)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(50):
            with owned(tmp_path):
                assert is_owned(tmp_path)
    finally:
        is_over.set()
        for looker in lookers:
            looker.join()


def test_neither_a_clock_nor_a_used_again_pid_makes_a_dead_run_live_or_a_live_one_dead(
    tmp_path: Path,
) -> None:
    run = RunDirectory(tmp_path)
    status = RunStatus(state="running", pid=os.getpid(), process_started=1.0)  # the clock was set meanwhile
    (tmp_path / "status.json").write_bytes(status.to_json())
    with owned(tmp_path):
        assert run.status().state == "running"
    assert run.status().state == "crashed"


def test_a_clock_that_was_set_back_is_no_silence(tmp_path: Path) -> None:
    with owned(tmp_path):
        ahead = time.time() + 3600
        os.utime(tmp_path / LOCK_FILE, (ahead, ahead))
        assert seconds_silent(tmp_path) == 0.0
    assert seconds_silent(tmp_path / "nothing") == 0.0


def test_other_data_than_the_checkpoint_learnt_from_is_told(
    tmp_path: Path, tiny: TrainingConfig, text_file: Path
) -> None:
    run = new_run(tmp_path / "run", tiny.with_changes("test", max_steps=4))
    assert train(run) == 0, run.log_tail()
    before = data_hash(run.path / "tokens")
    ids = bytearray((run.path / "tokens" / "train.bin").read_bytes())
    ids[-2] = 5 if ids[-2] != 5 else 6
    (run.path / "tokens" / "train.bin").write_bytes(ids)
    assert data_hash(run.path / "tokens") != before
    (run.path / "config.json").write_bytes(tiny.to_json())
    assert train(run) == 1
    assert "learnt from other data than the token files hold now" in run.status().error


@pytest.mark.parametrize("name", ["train.bin", "validation.bin"])
def test_large_token_files_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("trainers.methods.training_state._SMALL", 10)
    monkeypatch.setattr("trainers.methods.training_state._PIECE", 4)
    (tmp_path / name).write_bytes(bytes(1000))
    before = data_hash(tmp_path)
    (tmp_path / name).write_bytes(bytes(256) + b"x" + bytes(743))
    assert data_hash(tmp_path) != before
    (tmp_path / name).write_bytes(bytes(1001))
    assert data_hash(tmp_path) != before
