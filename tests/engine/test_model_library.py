"""References and the places they mean."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from engine import hub
from engine.errors import UserError
from engine.manifest import write_manifest
from engine.model_library import (
    absolute_reference,
    is_learning,
    list_checkpoints,
    list_models,
    moves_on,
    resolve,
    run_of,
)
from engine.paths import models_path, runs_path


def add_checkpoint(run: str, step: int, val_loss: float | None, complete: bool = True) -> Path:
    directory = runs_path() / run / "checkpoints" / f"step_{step:06d}"
    directory.mkdir(parents=True)
    (runs_path() / run / "config.json").write_text("{}")
    (directory / "config.json").write_text('{"model_type": "gpt2"}')
    (directory / "model_card.json").write_text(json.dumps({"name": run, "step": step, "val_loss": val_loss}))
    if complete:
        write_manifest(directory)
    return directory


def test_a_run_means_its_newest_complete_checkpoint() -> None:
    add_checkpoint("demo", 9, 2.0)
    newest = add_checkpoint("demo", 100, 3.0)
    add_checkpoint("demo", 200, 1.0, complete=False)
    assert resolve("run:demo") == resolve("run:demo@latest") == newest


def test_best_and_step_choose_a_checkpoint() -> None:
    best, last = add_checkpoint("demo", 100, 1.5), add_checkpoint("demo", 200, 1.7)
    assert resolve("run:demo@best") == best
    assert resolve("run:demo@step-200") == last
    with pytest.raises(
        UserError, match="has no checkpoint '@step-3'. It has: @latest, @best, @step-100, @step-200"
    ):
        resolve("run:demo@step-3")


def test_the_checkpoints_of_a_run_are_listed_with_their_losses() -> None:
    add_checkpoint("demo", 100, 1.5), add_checkpoint("demo", 1000, None)
    add_checkpoint("demo", 2000, 1.0, complete=False)
    entries = list_checkpoints("demo")
    assert [(entry.reference, entry.card.val_loss) for entry in entries] == [
        ("run:demo@step-100", 1.5),
        ("run:demo@step-1000", None),
    ]
    assert list_checkpoints("nobody") == list_checkpoints("../demo") == []


def test_a_run_is_learning_while_its_status_says_so_and_is_fresh() -> None:
    add_checkpoint("demo", 1, None)
    assert not is_learning("run:demo") and not is_learning("builtin")
    status = runs_path() / "demo" / "status.json"
    for state, age, learning in (("running", 1, True), ("running", 3600, False), ("paused", 1, False)):
        status.write_text(json.dumps({"state": state, "updated": time.time() - age}))
        assert is_learning("run:demo@step-1") == learning
    status.write_text("[]")
    assert not is_learning("run:demo")


def test_the_run_of_a_reference() -> None:
    assert run_of("run:demo") == run_of("run:demo@best") == run_of(" run:demo@step-5") == "demo"
    assert run_of("builtin") is None and run_of("run:../x") is None and run_of("/a/run:demo") is None


def test_without_a_validation_the_newest_counts_as_the_best() -> None:
    add_checkpoint("demo", 100, None)
    last = add_checkpoint("demo", 200, None)
    assert resolve("run:demo@best") == last
    with pytest.raises(UserError, match="has no checkpoint"):
        resolve("run:demo@step-\N{SUPERSCRIPT TWO}")


def test_a_run_that_has_not_saved_yet_says_so() -> None:
    add_checkpoint("young", 1, None, complete=False)
    with pytest.raises(UserError, match="no checkpoint yet"):
        resolve("run:young")


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "x" * 80, ".hidden", "a\x00b"])
def test_a_run_name_never_leads_out_of_the_runs_folder(name: str) -> None:
    with pytest.raises(UserError):
        resolve(f"run:{name}")


def test_only_references_that_can_mean_newer_weights_move_on() -> None:
    assert moves_on("run:demo") and moves_on("run:demo@best") and moves_on("run:demo@latest")
    assert not moves_on("run:demo@step-5") and not moves_on("builtin") and not moves_on("/some/run:folder")


def test_a_name_is_a_model_of_the_models_folder_and_a_path_is_itself(tiny_model: Path) -> None:
    shutil.copytree(tiny_model, models_path() / "mine")
    assert resolve("mine") == models_path() / "mine"
    assert resolve(str(tiny_model)) == tiny_model.resolve()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("", "No model is named"),
        ("nothing-here", "There is no model 'nothing-here'"),
        ("api:openai/gpt", "can only be chatted with"),
        ("hf:only-a-name", "hf:OWNER/NAME"),
    ],
)
def test_what_is_no_model_is_refused_with_what_to_do(reference: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve(reference)


def test_a_folder_or_file_that_is_no_model_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "weights.pt").touch()
    with pytest.raises(UserError, match="holds no model"):
        resolve(str(tmp_path / "empty"))
    with pytest.raises(UserError, match="this is a file"):
        resolve(str(tmp_path / "weights.pt"))


def test_relative_paths_are_made_absolute_for_a_process_elsewhere(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model.parent)
    assert absolute_reference("./tiny") == str(tiny_model.resolve())
    assert absolute_reference("builtin") == "builtin"
    assert absolute_reference("hf:a/b") == "hf:a/b"


def test_the_list_holds_every_kind_of_model_and_survives_broken_ones(tiny_model: Path) -> None:
    shutil.copytree(tiny_model, models_path() / "mine")
    add_checkpoint("demo", 100, 1.5)
    broken = add_checkpoint("broken", 100, None)
    (broken / "model_card.json").write_text("{")
    write_manifest(broken)
    entries = {entry.reference: entry for entry in list_models()}
    assert {"builtin", "mine", "run:demo", "run:broken"} <= entries.keys()
    assert entries["mine"].size_bytes > 1000 and not entries["mine"].problem
    assert "not valid JSON" in entries["run:broken"].problem
    assert not hub.cached_models()


@pytest.mark.parametrize("typed", ["~nobody-of-this-name/model", "/" + "long" * 2000])
def test_a_path_that_cannot_even_be_looked_at_is_no_model(typed: str) -> None:
    assert absolute_reference(typed) == typed
    with pytest.raises(UserError, match="There is no model"):
        resolve(typed)


def test_a_checkpoint_that_was_cut_off_is_passed_over() -> None:
    whole, cut_off = add_checkpoint("demo", 100, 2.0), add_checkpoint("demo", 200, 1.0)
    (cut_off / "config.json").write_text("{")
    assert resolve("run:demo@latest") == resolve("run:demo@best") == whole
