"""A run that is read by a program of another age than the one that trains it."""

import json
from pathlib import Path

import pytest

from trainers.run_directory import RunDirectory
from trainers.run_writer import RunWriter

STATUS = {"state": "finished", "step": 20, "mood": "fine", "memory_parts": {"weights": 4, "ghosts": 1}}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    (tmp_path / "status.json").write_text(json.dumps(STATUS))
    rows = [{"step": step, "loss": 1.0, "colour": "blue"} for step in (10, 20)]
    (tmp_path / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return RunDirectory(tmp_path)


def test_what_a_newer_trainer_adds_is_left_out_and_the_rest_is_shown(run: RunDirectory) -> None:
    status = run.status()
    assert (status.state, status.step) == ("finished", 20)
    assert status.memory_parts is not None and status.memory_parts.weights == 4
    assert [row.step for row in run.metrics()[0]] == [10, 20]


def test_rows_of_a_newer_trainer_are_not_lost_when_an_older_one_goes_on(run: RunDirectory) -> None:
    RunWriter(run).forget_after(10)
    assert (run.path / "metrics.jsonl").read_text().splitlines() == [
        json.dumps({"step": 10, "loss": 1.0, "colour": "blue"})
    ]


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"step": "many"}', "\xff"])
def test_a_damaged_status_is_still_told(run: RunDirectory, text: str) -> None:
    (run.path / "status.json").write_bytes(text.encode("latin-1"))
    assert run.status().error == "status.json is missing or damaged"
