"""What a reference loads when the folder it means changes while it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine import wire
from engine.errors import UserError
from engine.manifest import write_manifest
from engine.models import loading
from engine.models.loading import ModelOnDuty
from engine.paths import runs_path


def checkpoint(step: int, model: Path) -> Path:
    directory = runs_path() / "fox" / "checkpoints" / f"step_{step:06d}"
    shutil.copytree(model, directory)
    (runs_path() / "fox" / "config.json").write_text("{}")
    write_manifest(directory)
    return directory


def a_run_that_saves_and_prunes(monkeypatch: pytest.MonkeyPatch, model: Path, times: int) -> list[Path]:
    """While the manifest is checked the run saves the next step and removes the one that was about to be read."""
    read: list[Path] = []
    check = loading.problem_of

    def check_while_it_moves_on(directory: Path) -> str | None:
        problem = check(directory)
        read.append(directory)
        if len(read) <= times:
            checkpoint(len(read) * 100 + 100, model)
            shutil.rmtree(directory)
        return problem

    monkeypatch.setattr(loading, "problem_of", check_while_it_moves_on)
    return read


def duty(reference: str) -> ModelOnDuty:
    return ModelOnDuty(wire.Load(reference=reference, device="cpu", threads=1), lambda stage, share: None)


def test_a_checkpoint_pruned_while_it_is_read_makes_room_for_the_newest(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(100, tiny_model)
    read = a_run_that_saves_and_prunes(monkeypatch, tiny_model, times=3)
    assert duty("run:fox@latest").take_newest().directory.endswith("step_000400")
    assert [path.name for path in read] == ["step_000100", "step_000200", "step_000300", "step_000400"]


def test_a_run_that_never_rests_is_not_followed_for_ever(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(100, tiny_model)
    read = a_run_that_saves_and_prunes(monkeypatch, tiny_model, times=1000)
    with pytest.raises(UserError, match="missing"):
        duty("run:fox").take_newest()
    assert len(read) == loading.TRIES


def test_a_checkpoint_chosen_by_step_is_not_replaced_by_another(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(100, tiny_model)
    a_run_that_saves_and_prunes(monkeypatch, tiny_model, times=1)
    with pytest.raises(UserError, match="missing"):
        duty("run:fox@step-100").take_newest()
