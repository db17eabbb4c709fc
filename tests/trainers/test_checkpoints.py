"""A checkpoint is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.manifest import MANIFEST, problem_of
from trainers import durable_files
from trainers.checkpoints import (
    all_checkpoints,
    checkpoint_path,
    newest_valid,
    prune,
    write_checkpoint,
)


def write_step(folder: Path, step: int) -> None:
    """A checkpoint of three small files that say which step they are of."""

    def files(partial: Path) -> None:
        for name in ("a.bin", "b.bin", "c.json"):
            (partial / name).write_bytes(f"{name} of step {step}".encode() * 9)

    write_checkpoint(checkpoint_path(folder, step), files)
    prune(folder, step, best_step=None)


def ignore(path: Path, problem: str) -> None:
    """Nobody asks which were passed over."""


def test_a_damaged_file_is_always_found(tmp_path: Path) -> None:
    write_step(tmp_path, 1)
    checkpoint = checkpoint_path(tmp_path, 1)
    for path in sorted(checkpoint.iterdir()):
        sound = path.read_bytes()
        for size in range(0, len(sound), 7):
            path.write_bytes(sound[:size])
            assert problem_of(checkpoint) is not None, (path.name, size)
        if path.name != "manifest.json":
            for place in range(0, len(sound), 5):
                path.write_bytes(sound[:place] + bytes([sound[place] ^ 4]) + sound[place + 1 :])
                assert problem_of(checkpoint) == f"{path.name} is damaged"
        path.unlink()
        assert problem_of(checkpoint) is not None
        path.write_bytes(sound)
        assert problem_of(checkpoint) is None


def test_best_and_the_two_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4, 5):
        write_checkpoint(checkpoint_path(tmp_path, step), lambda folder: (folder / "a").touch())
    prune(tmp_path, 5, best_step=2)
    assert [path.name for path in all_checkpoints(tmp_path)] == ["step_000002", "step_000004", "step_000005"]


def test_later_checkpoints_that_were_passed_over_do_not_displace_what_is_saved_now(tmp_path: Path) -> None:
    for step in (1, 4, 5, 2):  # 4 and 5 are damaged, so the run went on from 1
        write_checkpoint(checkpoint_path(tmp_path, step), lambda folder: (folder / "a").touch())
    prune(tmp_path, 2, best_step=1)
    assert [path.name for path in all_checkpoints(tmp_path)] == ["step_000001", "step_000002"]


@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_full_disk_leaves_the_older_checkpoints_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    write_step(tmp_path, 1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "sync":
        monkeypatch.setattr(durable_files, "sync", full)
    with pytest.raises(UserError, match="the disk is full"):
        write_checkpoint(checkpoint_path(tmp_path, 2), full if call == "write" else lambda folder: None)
    assert [path.name for path in tmp_path.iterdir()] == ["step_000001"]


def test_too_little_free_space_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the disk is full"):
        write_checkpoint(checkpoint_path(tmp_path, 1), lambda folder: None, expected_size=1 << 60)


class Disk:
    """Remembers what a program did to a folder, and what a power cut would leave of it.

    Each snapshot after an operation is what the program sees. `durable` is what is certain to be on the disk:
    content of files that were synced, and names of folders that were synced.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.synced: dict[int, bytes] = {}  # inode -> content on the disk
        self.names: dict[Path, int] = {}  # names on the disk; the rest is lost or kept, as the disk likes
        self.states: list[tuple[dict[Path, bytes], dict[Path, bytes]]] = []

    def sync(self, descriptor: int) -> None:
        """Stands for fsync."""
        status = os.fstat(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            self.names = {name: inode for name, inode in self.names.items() if name.parent != path}
            self.names |= {entry: entry.stat().st_ino for entry in path.iterdir()}
        else:
            self.synced[status.st_ino] = path.read_bytes()
        self.note()

    def note(self) -> None:
        """Record what a crash of the program, and what a power cut, would leave now."""
        seen = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}
        self.states.append((seen, self._after_power_cut()))

    def _after_power_cut(self) -> dict[Path, bytes]:
        left: dict[Path, bytes] = {}

        def add(folder_inode_path: Path, shown: Path) -> None:
            for name, inode in self.names.items():
                if name.parent == folder_inode_path:
                    target = shown / name.name
                    if name.suffix or inode in self.synced:
                        left[target] = self.synced.get(inode, b"")
                    add(name, target)

        add(self.root, self.root)
        return left


def states_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_sync: bool) -> list[dict[Path, bytes]]:
    """Every state that a crash or a power cut could leave during three saves, once the first is complete."""
    root = tmp_path / "disk"
    root.mkdir()
    disk = Disk(root)
    renamed: dict[Path, Path] = {}
    rename = durable_files.rename

    def recorded_rename(old: Path, new: Path) -> None:
        rename(old, new)
        # names inside a renamed folder move with it, also on the disk
        disk.names = {
            (new / name.relative_to(old) if name.is_relative_to(old) and name != old else name): inode
            for name, inode in disk.names.items()
        }
        renamed[old] = new
        disk.note()

    monkeypatch.setattr(durable_files, "rename", recorded_rename)
    monkeypatch.setattr(durable_files, "sync", disk.sync if with_sync else lambda descriptor: disk.note())
    write_step(root, 1)
    begin = len(disk.states)
    for step in (2, 3, 4):
        write_step(root, step)
    return [state for pair in disk.states[begin:] for state in pair]


def has_valid_checkpoint(state: dict[Path, bytes], folder: Path) -> bool:
    """Lay the state out and look, as a resumed run does."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, content in state.items():
        target = folder / path.relative_to(path.parents[1])
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)
    return newest_valid(folder, ignore) is not None


def test_every_crash_and_power_cut_leaves_a_valid_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = states_after(tmp_path, monkeypatch, with_sync=True)
    assert len(states) > 40
    bad = [
        number
        for number, state in enumerate(states)
        if not has_valid_checkpoint(state, tmp_path / "laid_out")
    ]
    assert bad == []


def test_the_same_without_fsync_loses_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = states_after(tmp_path, monkeypatch, with_sync=False)
    assert not all(has_valid_checkpoint(state, tmp_path / "laid_out") for state in states)


def test_a_manifest_that_points_outside_is_not_believed(tmp_path: Path) -> None:
    write_step(tmp_path, 1)
    manifest = checkpoint_path(tmp_path, 1) / MANIFEST
    manifest.write_text(manifest.read_text().replace("a.bin", "../a.bin"))
    assert problem_of(checkpoint_path(tmp_path, 1)) == "../a.bin is missing"
