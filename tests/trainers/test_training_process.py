"""However the training process ends, the status says why in a sentence."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

import trainers.__main__ as process
from engine.errors import UserError
from tests.trainers.small_runs import new_run, train
from trainers.config import TrainingConfig
from trainers.ownership import owned
from trainers.run_writer import RunWriter


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserError("The reason, in a sentence."), "The reason, in a sentence."),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
        (KeyError("x"), "Training failed unexpectedly (KeyError); log.txt has the details."),
    ],
)
def test_the_status_says_why(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(process, "run_training", fails)
    run = new_run(tmp_path / "run", tiny)
    assert process._train(run) == 1
    assert run.status().state == "failed"
    assert words in run.status().error


def test_data_that_vanished_after_the_start_is_named(tmp_path: Path, tiny: TrainingConfig) -> None:
    run = new_run(tmp_path / "run", tiny.with_changes("test", dataset=str(tmp_path / "gone.txt")))
    assert train(run) == 1
    assert run.status().error == f"{tmp_path / 'gone.txt'}: there is no such file or folder."
    assert "Traceback" not in run.log_tail()


def test_rows_after_a_checkpoint_and_torn_lines_are_forgotten(tmp_path: Path, tiny: TrainingConfig) -> None:
    run = new_run(tmp_path / "run", tiny)
    whole = '{"step":5,"loss":1.0}\n{"step":10,"loss":0.9}\n{"step":15,"loss":0.8}\n'
    (run.path / "metrics.jsonl").write_text(whole + '{"step":20,"lo')
    RunWriter(run).forget_after(10)
    assert [row.step for row in run.metrics()[0]] == [5, 10]
    assert (run.path / "metrics.jsonl").read_text().endswith("0.9}\n")


def test_what_a_killed_trainer_left_half_done_is_cleared_away(tmp_path: Path, tiny: TrainingConfig) -> None:
    run = new_run(tmp_path / "run", tiny)
    for name in (
        "tokens.1234.partial",
        "checkpoints/step_000005.1234.partial",
        "checkpoints/step_000001.1234.trash",
    ):
        (run.path / name).mkdir(parents=True)
    with owned(run.path):
        assert not [path for path in run.path.rglob("*") if path.name.endswith((".partial", ".trash"))]
