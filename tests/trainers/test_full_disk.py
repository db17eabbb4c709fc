"""A full disk costs no run: older checkpoints stay, rows wait, and the run pauses or goes on as it was told."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.manifest import problem_of
from tests.trainers.small_runs import new_run, outcome, start
from tests.trainers.test_launcher import until
from tests.trainers.test_training_loop import new_loop
from trainers import checkpoints, durable_files, launcher
from trainers.checkpoints import DiskFullError
from trainers.config import TrainingConfig
from trainers.methods.loop import TrainingLoop
from trainers.run_directory import MetricsRow, RunDirectory
from trainers.run_writer import RunWriter

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> None:
    """Leave so many bytes free."""
    free = shutil.disk_usage(folder).free
    with (folder / "filler").open("ab") as file:
        file.write(bytes(max(0, free - leave)))


def begun(path: Path, tiny: TrainingConfig, **changes: object) -> TrainingLoop:
    """A run with one checkpoint."""
    loop = new_loop(path, tiny.with_changes("test", max_steps=1, **changes))
    loop.run()
    loop.progress.step = loop.progress.measured_step = 2
    return loop


def test_at_every_place_of_a_save_a_full_disk_leaves_the_older_checkpoint(
    small_disk: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = begun(small_disk / "run", tiny)
    folder = loop.writer.run.checkpoints_path
    first = folder / "step_000001"
    sizes = sorted(path.stat().st_size for path in first.iterdir())
    monkeypatch.setattr(checkpoints, "_check_free_space", lambda *_: None)  # or nothing would be tried
    whole = sum(-(-size // 4096) * 4096 for size in sizes)
    tried = 0
    for leave in range(0, whole - 4096, whole // 30):
        fill(small_disk, leave)
        with pytest.raises(DiskFullError, match="the disk is full. Older checkpoints are kept"):
            loop.checkpointer.save(loop.progress, 0.0, None)
        assert [path.name for path in folder.iterdir()] == ["step_000001"]
        assert problem_of(first) is None
        (small_disk / "filler").unlink()
        tried += 1
    assert tried >= 30
    loop.checkpointer.save(loop.progress, 0.0, None)
    assert problem_of(folder / "step_000002") is None


def test_every_file_of_a_save_may_fail_to_reach_the_disk(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = begun(tmp_path / "run", tiny)
    folder, sync = loop.writer.run.checkpoints_path, durable_files.sync
    calls = iter(range(1000))
    failing = 0

    def fails(descriptor: int) -> None:
        if next(calls) == failing:
            raise FULL
        sync(descriptor)

    monkeypatch.setattr(durable_files, "sync", fails)
    while failing < 100:
        calls = iter(range(1000))
        before = {path.name for path in folder.iterdir()}
        try:
            loop.checkpointer.save(loop.progress, 0.0, None)
        except DiskFullError:
            after = {path.name for path in folder.iterdir()}
            assert "step_000001" in after and after - before <= {"step_000002"}
            assert all(problem_of(folder / name) is None for name in after)
            shutil.rmtree(folder / "step_000002", ignore_errors=True)
            failing += 1
        else:
            break
    assert failing >= 2 * len(list((folder / "step_000001").iterdir()))


def test_room_is_looked_for_before_anything_is_written(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = begun(tmp_path / "run", tiny)
    needed = 12 * loop.parts.model.num_parameters
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=int(1.19 * needed)))
    monkeypatch.setattr(loop.checkpointer, "_write_files", lambda *_: pytest.fail("written"))
    with pytest.raises(DiskFullError):
        loop.checkpointer.save(loop.progress, 0.0, None)


def test_by_default_the_run_pauses_and_goes_on_when_told_that_there_is_room(
    small_disk: Path, tiny: TrainingConfig
) -> None:
    config = tiny.with_changes("test", checkpoint_interval=8, sample_interval=0)
    whole = new_run(small_disk.parent / "whole", config)
    run = new_run(small_disk / "run", config)
    with start(whole) as process:
        assert process.wait(120) == 0, whole.log_tail()
    with start(run) as process:
        until(run, lambda status: status.state == "running" or bool(run.checkpoints()))
        fill(small_disk, 40_000)
        status = until(run, lambda status: status.paused_for == "full_disk")
        assert status.state == "paused" and "the disk is full" in status.error
        assert status.step % 8 == 0
        (small_disk / "filler").unlink()
        launcher.resume_run(run)
        assert process.wait(120) == 0, run.log_tail()
    assert run.status().state == "finished" and run.status().error == ""
    assert outcome(run) == outcome(whole)


def failing_saves(loop: TrainingLoop, monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """No room for the checkpoints of these steps."""
    save = loop.checkpointer.save

    def saves(progress, *arguments):  # type: ignore[no-untyped-def]
        if progress.step in steps:
            raise DiskFullError("the disk is full")
        return save(progress, *arguments)

    monkeypatch.setattr(loop.checkpointer, "save", saves)


def test_by_setting_the_run_goes_on_without_that_checkpoint(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.with_changes("test", on_full_disk="continue", max_steps=12, eval_interval=100)
    loop = new_loop(tmp_path / "run", config)
    failing_saves(loop, monkeypatch, {5})
    loop.run()
    assert loop.writer.status.state == "finished"
    assert [info.step for info in loop.writer.run.checkpoints()] == [10, 12]


def test_a_stop_while_there_is_no_room_ends_the_run_and_says_what_was_not_saved(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", eval_interval=100))
    failing_saves(loop, monkeypatch, {10})
    loop.wishes.look = lambda: {"stop"} if loop.writer.status.state == "paused" else set()  # type: ignore
    loop.run()
    assert (loop.writer.status.state, loop.writer.status.step) == ("stopped", 10)
    assert loop.writer.status.error == "the disk is full"
    assert [info.step for info in loop.writer.run.checkpoints()] == [5]


def test_rows_that_found_no_room_are_written_later_whole_and_in_order(small_disk: Path) -> None:
    run = RunDirectory(small_disk)
    writer = RunWriter(run)
    writer.add_metrics(MetricsRow(step=0))
    fill(small_disk, 0)
    for step in range(1, 200):
        writer.add_metrics(MetricsRow(step=step, note="x" * 100))
        writer.report("running", step=step)
    rows = [row.step for row in run.metrics()[0]]
    assert rows == list(range(len(rows))) and len(rows) < 200
    assert (small_disk / "metrics.jsonl").read_bytes().endswith(b"\n")
    with pytest.raises(OSError, match="No space left"):
        writer.sync()
    (small_disk / "filler").unlink()
    writer.sync()
    assert [row.step for row in run.metrics()[0]] == list(range(200))
    assert [path.name for path in small_disk.iterdir() if path.name.endswith(".partial")] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, tiny: TrainingConfig) -> None:
    run = new_run(tmp_path / "run", tiny.with_changes("test", max_steps=2))
    run.log_path.symlink_to("/dev/full")
    with start(run) as process:
        process.wait(120)
    assert run.status().state == "finished"
    assert problem_of(Path(run.checkpoints()[-1].directory)) is None
