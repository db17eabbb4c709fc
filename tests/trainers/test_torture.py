"""Forty kills at random moments; five hundred with `make torture`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainers.small_runs import CODE
from tests.trainers.torture import outcome
from trainers.run_directory import RunDirectory

PLACES = (
    "metrics.jsonl",
    "samples.jsonl",
    "checkpoints/step_000006/model.safetensors",
    "checkpoints/step_000006/training_state.safetensors",
)


def test_forty_kills_change_nothing_of_what_a_run_comes_to(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.trainers.torture", "--kills", "40", "--folder", str(tmp_path)],
        cwd=CODE,
        env={**os.environ, "PYTHONPATH": str(CODE)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["different"] == []
    assert report["kills"] == 40


@pytest.mark.parametrize("place", PLACES)
def test_the_comparison_sees_the_smallest_difference(tmp_path: Path, place: str) -> None:
    for name, text in zip(
        PLACES, ('{"step":1,"loss":0.1}\n', '{"step":1,"prompt":"a","text":"b"}\n', "w", "o"), strict=True
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "checkpoints/step_000006/manifest.json").write_text("{}")
    before = outcome(RunDirectory(tmp_path))
    text = (tmp_path / place).read_text()
    changes = {"metrics.jsonl": ("0.1", "0.10000000000000002"), "samples.jsonl": ('"b"', '"c"')}
    (tmp_path / place).write_text(text.replace(*changes[place]) if place in changes else text + "x")
    assert outcome(RunDirectory(tmp_path)) != before
