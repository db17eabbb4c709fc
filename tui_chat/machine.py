"""What this machine has, and what to expect of it: the facts behind `tui-chat doctor`.

The one rule: this process never imports torch; what only torch knows is asked of a child process.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from engine import paths
from engine.process import child_environment, child_folder

PACKAGES = (
    "tui-chat",
    "torch",
    "transformers",
    "textual",
    "tokenizers",
    "tiktoken",
    "safetensors",
    "numpy",
    "msgspec",
)
PROBE_SECONDS = 60  # a cold disk reads torch for a long while
SECONDS_PER_LINEAR = 20e-6  # what calling one linear layer costs, whatever its size
TRAINING_SHARE = 0.5  # of the speed of a bare matrix product that a training step reaches


def facts(threads: int, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Everything, as plain JSON types."""
    environment = os.environ if environment is None else environment
    compute = probe(threads)
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": {"logical": psutil.cpu_count(), "physical": psutil.cpu_count(logical=False)},
        "memory": {"total": psutil.virtual_memory().total, "available": psutil.virtual_memory().available},
        "disk_free": _disk_free(paths.data_path()),
        "compute": compute,
        "expect": expectations(compute),
        "terminal": terminal(environment),
        "paths": _paths(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def _disk_free(path: Path) -> int | None:
    existing = next((folder for folder in (path, *path.parents) if folder.is_dir()), None)
    return shutil.disk_usage(existing).free if existing else None


def _paths() -> dict[str, str]:
    return {
        "config": str(paths.config_path()),
        "conversations": str(paths.conversations_path()),
        "runs": str(paths.runs_path()),
        "models": str(paths.models_path()),
        "logs": str(paths.logs_path()),
        "cache": str(paths.cache_path()),
    }


def probe(threads: int) -> dict[str, Any]:
    """Devices and speeds as torch sees them; {"problem": ...} when torch does not work here."""
    command = [sys.executable, "-m", "engine.models.machine_probe", str(threads)]
    try:
        done = subprocess.run(
            command,
            cwd=child_folder(),
            env=child_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"problem": f"torch did not answer within {PROBE_SECONDS} seconds"}
    except (ValueError, IndexError):
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return {"problem": f"torch does not work here: {last[0]}"}
    return dict(answer)


def expectations(compute: Mapping[str, Any]) -> dict[str, float]:
    """Tokens per second to expect, roughly: replies are bound by reading weights, training by multiplying."""
    if "problem" in compute:
        return {}
    reading, multiplying = compute["bytes_per_second"], compute["flops_per_second"]

    def reply(parameters: float, layers: int) -> float:
        return 1 / (4 * parameters / reading + 4 * layers * SECONDS_PER_LINEAR)

    def training(parameters: float) -> float:
        return (
            TRAINING_SHARE * multiplying / (6 * parameters)
        )  # forward and backward: 6 operations per weight

    return {
        "replies of the built-in model": reply(8e6, 6),
        "replies of GPT-2 (124M)": reply(124e6, 12),
        "replies of a 1.5B model": reply(1.5e9, 48),
        "training a 10M model": training(10e6),
        "training GPT-2 (124M)": training(124e6),
    }


def terminal(environment: Mapping[str, str]) -> dict[str, Any]:
    """What the terminal says about itself, and what may go wrong in it."""
    size = shutil.get_terminal_size()
    colours = "true colour" if environment.get("COLORTERM") in ("truecolor", "24bit") else "256 or fewer"
    if environment.get("NO_COLOR"):
        colours = "none (NO_COLOR is set)"
    facts = {
        "type": environment.get("TERM", ""),
        "colours": colours,
        "columns": size.columns,
        "rows": size.lines,
        "encoding": sys.stdout.encoding or "",
        "inside": [name for name, sign in _INSIDE.items() if environment.get(sign)],
        "is_terminal": sys.stdin.isatty() and sys.stdout.isatty(),
    }
    return {**facts, "notes": _notes(facts)}


_INSIDE = {"tmux": "TMUX", "screen": "STY", "ssh": "SSH_CONNECTION"}


def _notes(terminal: Mapping[str, Any]) -> list[str]:
    notes = []
    if terminal["type"] in ("", "dumb"):
        notes.append("This terminal cannot place text; the app will not open in it, `tui-chat ask` works.")
    if terminal["columns"] < 80 or terminal["rows"] < 24:
        notes.append("The app is made for 80 x 24 characters and more; enlarge the window.")
    if not terminal["encoding"].lower().startswith("utf"):
        notes.append("The encoding is not UTF-8, so curves and arrows may come out wrong; set LANG=C.UTF-8.")
    if terminal["colours"] == "256 or fewer":
        notes.append("If colours look wrong, take a theme of the terminal's own: ui.theme = ansi-dark.")
    return notes
