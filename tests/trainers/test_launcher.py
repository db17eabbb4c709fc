"""Runs are started only when they can work, and told what is wished through files."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.manifest import write_manifest
from trainers import launcher, small_data
from trainers.config import TrainingConfig, read_recipe, recipe_names, recipe_text
from trainers.launcher import (
    delete_run,
    pause_run,
    resume_run,
    save_run,
    start_run,
    stop_run,
    suggested_name,
    wait_for_end,
    with_absolute_paths,
)
from trainers.ownership import owned
from trainers.run_directory import RunDirectory, RunStatus, list_runs


def until(run: RunDirectory, holds: Callable[[RunStatus], bool]) -> RunStatus:
    """The first status for which `holds`."""
    deadline = time.monotonic() + 60
    while not holds(status := run.status()):
        assert time.monotonic() < deadline, (status, run.log_tail())
        time.sleep(0.02)
    return status


def test_a_run_is_started_paused_resumed_saved_stopped_and_deleted(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    runs = tmp_path / "runs"
    run = start_run(tiny.with_changes("test", max_steps=1_000_000, checkpoint_interval=1_000_000), runs)
    try:
        until(run, lambda status: status.state == "running" and status.step > 0)
        with pytest.raises(UserError, match="is going on"):
            delete_run(run)
        with pytest.raises(UserError, match="is running already"):
            resume_run(run)
        save_run(run)
        until(run, lambda status: not run.has_wish("save"))
        assert run.checkpoints()
        pause_run(run)
        step = until(run, lambda status: status.state == "paused").step
        assert run.checkpoints()[-1].step == step
        resume_run(run)
        until(run, lambda status: status.step > step)
    finally:
        stop_run(run)
        status = wait_for_end(run, 30)
    assert status.state == "stopped"
    with pytest.raises(UserError, match="not running; it is stopped"):
        stop_run(run)
    resume_run(run, max_steps=status.step + 1)
    assert wait_for_end(run, 60).state == "finished", run.log_tail()
    with pytest.raises(UserError, match="is finished"):
        resume_run(run)
    delete_run(run)
    assert list(runs.iterdir()) == []


def test_a_process_that_has_stopped_its_run_is_given_the_time_to_end(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    run = start_run(tiny.with_changes("test", max_steps=2), tmp_path / "runs")
    assert wait_for_end(run, 60).state == "finished", run.log_tail()
    letting_go = threading.Event()
    with ExitStack() as ending:
        ending.enter_context(owned(run.path))
        threading.Timer(0.3, letting_go.set).start()
        owner = threading.Thread(target=lambda: (letting_go.wait(), ending.close()))
        owner.start()
        resume_run(run, max_steps=3)
        assert letting_go.is_set()
        owner.join()
    assert wait_for_end(run, 60).step == 3, run.log_tail()


def test_a_run_is_detached_and_its_folder_names_do_not_confuse_it(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise RuntimeError('the wrong engine')")
    monkeypatch.chdir(tmp_path)
    run = start_run(tiny.with_changes("test", dataset="text.txt", max_steps=2), tmp_path / "runs", "mine")
    assert run.name == "mine"
    assert run.config().dataset == str(tmp_path / "text.txt")
    assert wait_for_end(run, 60).state == "finished", run.log_tail()
    with pytest.raises(UserError, match="There is a run 'mine' already"):
        start_run(tiny, tmp_path / "runs", "mine")


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        ("", {}, "nothing in it to learn from"),
        ("text\n", {"method": "fine_tuning"}, "needs conversations; this is plain text"),
        (None, {}, "no such file"),
        ("text\n", {"dataset": ""}, "No data is named"),
        (
            "text\n" * 99,
            {"patience": 3, "validation_share": 0.0},
            "patience 3 waits .* nothing validates. Set",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(
    tmp_path: Path, tiny: TrainingConfig, content: str | None, changes: dict[str, object], words: str
) -> None:
    path = tmp_path / "data.txt"
    if content is not None:
        path.write_text(content)
    config = tiny.with_changes("test", **{"dataset": str(path), **changes})
    with pytest.raises(UserError, match=words):
        start_run(config, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_model_that_is_not_there_is_refused_before_there_is_a_run(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    with pytest.raises(UserError, match="There is no model 'nosuchmodel'"):
        start_run(tiny.with_changes("test", base_model="nosuchmodel"), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("setting", ["base_model", "tokenizer"])
def test_a_model_of_the_hub_that_cannot_be_had_is_refused_before_there_is_a_run(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    config = tiny.with_changes("test", **{setting: "hf:someone/something"})
    with pytest.raises(UserError, match="not on this machine, and 127.0.0.1:9 cannot be reached"):
        start_run(config, tmp_path / "runs")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids"):
        start_run(config, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_failure_in_the_process_is_told_in_the_status(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_data, "try_out", lambda config: None)  # as if the data were large
    run = start_run(tiny.with_changes("test", base_model="nosuchmodel"), tmp_path / "runs")
    status = wait_for_end(run, 60)
    assert status.state == "failed"
    assert status.error.startswith("There is no model 'nosuchmodel'")


def test_names_come_from_the_data_or_its_folder() -> None:
    assert suggested_name(TrainingConfig(dataset="/x/My Diary.txt.gz")).startswith("my-diary-2")
    assert suggested_name(TrainingConfig(dataset="/x/shakespeare/input.txt")).startswith("shakespeare-2")


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_valid_and_begins_by_saying_what_it_is_for(name: str) -> None:
    read_recipe(name)
    lines = recipe_text(name).splitlines()
    assert all(line.startswith("# ") for line in lines[:2])


def test_a_run_that_is_deleted_while_runs_are_listed_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "going").mkdir()
    monkeypatch.setattr(Path, "is_file", lambda self: True)  # as it was a moment ago
    assert list(list_runs(tmp_path)) == []


def test_a_run_whose_process_cannot_be_started_leaves_nothing_behind(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("trainers.launcher.subprocess.Popen", refused)
    with pytest.raises(UserError, match="cannot be started .Resource temporarily unavailable"):
        start_run(tiny, tmp_path / "runs", "mine")
    assert list((tmp_path / "runs").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be started"):
        start_run(tiny, tmp_path / "file" / "runs")


def test_a_folder_with_the_name_of_a_tokenizer_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    config = with_absolute_paths(TrainingConfig(tokenizer="gpt2", base_model="gpt2"))
    assert (config.tokenizer, config.base_model) == ("gpt2", str(tmp_path / "gpt2"))


def test_checkpoints_beyond_a_million_steps_stay_in_order(tmp_path: Path) -> None:
    for step in (999_999, 1_000_000):
        folder = tmp_path / "checkpoints" / f"step_{step:06d}"
        folder.mkdir(parents=True)
        write_manifest(folder)
    assert [checkpoint.step for checkpoint in RunDirectory(tmp_path).checkpoints()] == [999_999, 1_000_000]


@pytest.mark.parametrize(("step", "is_early"), [(20, False), (7, True)])
def test_a_finished_run_goes_on_only_to_more_steps_and_then_without_the_patience_that_ended_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, is_early: bool
) -> None:
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    config = TrainingConfig(dataset="text.txt", max_steps=20, patience=3)
    (run.path / "config.json").write_bytes(config.to_json())
    finished = RunStatus(state="finished", step=step, max_steps=20, updated=time.time())
    (run.path / "status.json").write_bytes(finished.to_json())
    monkeypatch.setattr(launcher, "_spawn", lambda run: None)
    for too_few in (None, step):
        with pytest.raises(UserError, match="is finished. To go on, resume it with more max_steps"):
            resume_run(run, max_steps=too_few)
    assert run.config() == config
    resume_run(run, max_steps=30)
    assert (run.config().max_steps, run.config().patience) == (30, 0 if is_early else 3)
    assert run.status().state == "starting"
