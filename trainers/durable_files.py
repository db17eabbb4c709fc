"""Writing files so that a crash, a full disk or a power cut leaves the old content or the new, nothing between.

    replace_file(path, data)              temporary file beside it -> fsync -> rename -> fsync of the folder
    replace_file(path, data, PRIVATE)     the same, for nobody else's eyes
    with replaced_directory(target) as folder:   the same for a folder of files

The one rule: nothing is renamed into place before everything in it has reached the disk.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PARTIAL = ".partial"  # ends the names of what is still being written
PRIVATE = 0o600  # the mode of a file that holds what was said
TRASH = ".trash"  # ends the names of what is about to be deleted
_RENAME_TRIES = 50  # Windows refuses to replace a file while somebody reads it


def replace_file(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Give a file new content; readers see the old or the new, whole. `mode` as in `os.open`, from the first byte."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            sync(file.fileno())
        rename(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync_directory(path.parent)


@contextlib.contextmanager
def replaced_directory(target: Path) -> Iterator[Path]:
    """A new folder to write into; it becomes `target` at the end of the block, and is gone after an error.

    The block must have written its files durably (`sync_files` does it).
    """
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}{PARTIAL}")
    partial.mkdir(parents=True)
    try:
        yield partial
        sync_directory(partial)
        trash = _set_aside(target)
        rename(partial, target)
        sync_directory(target.parent)
        shutil.rmtree(trash, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def delete_directory(path: Path) -> None:
    """Delete a folder; it disappears at once under its name, whole, and then piece by piece."""
    shutil.rmtree(_set_aside(path), ignore_errors=True)


def _set_aside(path: Path) -> Path:
    """Give a folder, if it is there, the name of one that is about to be deleted."""
    trash = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TRASH}")
    with contextlib.suppress(FileNotFoundError):
        rename(path, trash)
    return trash


def sweep(folder: Path) -> None:
    """Delete what a killed process left half written or half deleted."""
    for path in folder.glob("*"):
        if path.name.endswith((PARTIAL, TRASH)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def sync_files(folder: Path) -> None:
    """Bring the content of every file of a folder to the disk."""
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            sync(file.fileno())


def sync(descriptor: int) -> None:
    """Bring a file's content to the disk."""
    os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Bring a folder's list of names to the disk (Windows has no such call, and does it by itself)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def rename(old: Path, new: Path) -> None:
    """Rename, replacing a file that is there."""
    for last in [False] * (_RENAME_TRIES - 1) + [True]:
        try:
            old.replace(new)
            return
        except PermissionError:
            if last or sys.platform != "win32":
                raise
            time.sleep(0.02)
