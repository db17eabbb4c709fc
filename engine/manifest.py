"""The manifest of a directory: size and SHA-256 of every other file in it, written last.

    {"files": {"model.safetensors": {"size": 23682368, "sha256": "db9f..."}, ...}}

Training writes one into each checkpoint; whoever reads a checkpoint, to train on or to chat with, asks here.
The one rule: a directory with a manifest is believed because of it, never because of its name.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

MANIFEST = "manifest.json"


def write_manifest(directory: Path) -> None:
    """Write down every file that is in the directory now."""
    files = {
        path.name: {"size": path.stat().st_size, "sha256": _digest(path)}
        for path in sorted(directory.iterdir())
        if path.name != MANIFEST
    }
    (directory / MANIFEST).write_text(json.dumps({"files": files}, indent=1), encoding="utf-8")


def problem_of(directory: Path) -> str | None:
    """What is wrong with a directory; None when every file is as it was written."""
    expected = _expected(directory)
    if isinstance(expected, str):
        return expected
    for name, (_, digest) in expected.items():
        if problem := _problem_of_size(directory, name, expected[name][0]):
            return problem
        if _digest(directory / name) != digest:
            return f"{name} is damaged"
    return None


def has_right_sizes(directory: Path) -> bool:
    """Whether every file is there in its size: what can be asked often, since nothing is read."""
    expected = _expected(directory)
    if isinstance(expected, str):
        return False
    return all(_problem_of_size(directory, name, size) is None for name, (size, _) in expected.items())


def _expected(directory: Path) -> dict[str, tuple[int, str]] | str:
    """Size and digest by name, or why they are not known."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())["files"]
        expected = {str(name): (entry["size"], entry["sha256"]) for name, entry in manifest.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{MANIFEST} is missing or damaged"
    return expected or f"{MANIFEST} lists no files"


def _problem_of_size(directory: Path, name: str, size: int) -> str | None:
    path = directory / name
    if Path(name).name != name or not path.is_file():
        return f"{name} is missing"
    try:
        return None if path.stat().st_size == size else f"{name} is damaged"
    except OSError:  # a run prunes its checkpoints while we look
        return f"{name} is missing"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
