"""Checkpoints on disk: whole, or not there at all. Torch-free; what stands in them is the trainer's business.

    checkpoints/step_000500/     a model directory (config.json, model.safetensors, tokenizer.json, ...)
        training_state.json      step, best loss, seconds, versions
        training_state.safetensors   optimizer moments, random states
        manifest.json            size and SHA-256 of every other file; written last

Saving: a folder beside the target -> every file to the disk -> manifest -> folder to the disk -> rename ->
parent to the disk -> only then the old ones go. Loading: the newest whose every byte is as the manifest says.
The one rule: a checkpoint is believed because of its manifest, never because of its name.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from engine.errors import UserError
from engine.manifest import problem_of, write_manifest
from trainers.durable_files import delete_directory, replaced_directory, sync_files

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFullError(UserError):
    """There is no room for a checkpoint; with room it can be saved."""


def checkpoint_path(checkpoints_path: Path, step: int) -> Path:
    """Where the checkpoint of a step stands."""
    return checkpoints_path / f"step_{step:06d}"


def write_checkpoint(target: Path, write_files: Callable[[Path], None], expected_size: int = 0) -> None:
    """Make a checkpoint of what `write_files` writes into the folder it is given.

    Raises:
        DiskFullError: when there is no room for it; what was there before is untouched.
        UserError: when it cannot be written for another reason.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _check_free_space(target.parent, expected_size)
        with replaced_directory(target) as folder:
            write_files(folder)
            sync_files(folder)
            write_manifest(folder)
            sync_files(folder)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DiskFullError(
                f"{target}: the checkpoint could not be saved, the disk is full. Older checkpoints are kept; "
                "make room and resume the run."
            ) from None
        raise UserError(
            f"{target}: the checkpoint could not be saved ({error.strerror}). Older checkpoints are kept."
        ) from None


def newest_valid(checkpoints_path: Path, passed_over: Callable[[Path, str], None]) -> Path | None:
    """The newest checkpoint that is whole; tells `passed_over` about newer ones that are not, and why."""
    for checkpoint in all_checkpoints(checkpoints_path, newest_first=True):
        problem = problem_of(checkpoint)
        if problem is None:
            return checkpoint
        passed_over(checkpoint, problem)
    return None


def all_checkpoints(checkpoints_path: Path, newest_first: bool = False) -> list[Path]:
    """Folders that have a checkpoint's name, in the order of their steps."""
    return [path for _, path in sorted(_numbered(checkpoints_path), reverse=newest_first)]


def prune(
    checkpoints_path: Path,
    saved_step: int,
    best_step: int | None,
    keep_newest: int = 2,
    also: Collection[int] = (),
) -> None:
    """Delete all but the best, the newest and those of the steps in `also`.

    The one before the newest stays in case that one is damaged.

    Those after `saved_step` were passed over as damaged when the run went on from before them: they would count
    as the newest, and what is saved now would be deleted in their stead.
    """
    checkpoints = sorted(_numbered(checkpoints_path))
    good = [(step, path) for step, path in checkpoints if step <= saved_step]
    for step, path in [*good[:-keep_newest], *checkpoints[len(good) :]]:
        if step != best_step and (step > saved_step or step not in also):
            delete_directory(path)


def _numbered(checkpoints_path: Path) -> Iterator[tuple[int, Path]]:
    for path in checkpoints_path.glob("step_*"):
        step = path.name.removeprefix("step_")
        if step.isdigit() and path.is_dir():
            yield int(step), path


def _check_free_space(folder: Path, expected_size: int) -> None:
    if expected_size and shutil.disk_usage(folder).free < expected_size * 1.2:
        raise OSError(errno.ENOSPC, "no space left")
