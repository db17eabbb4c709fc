"""Model references and the places they mean.

    builtin                       the model that ships with the program
    ./folder, /path, ~/path       a model directory
    NAME                          a model in the models folder
    run:NAME[@latest]             newest checkpoint of a run      run:NAME@best   run:NAME@step-500
    hf:OWNER/NAME[@revision]      a model of the Hugging Face hub, from the cache or downloaded
    api:PROVIDER/MODEL            a model behind a server

The one rule: this module finds and lists models without loading one, and without torch.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engine import hub
from engine.errors import UserError
from engine.manifest import has_right_sizes
from engine.model_card import CARD_FILE, ModelCard, read_model_card
from engine.paths import models_path, runs_path, typed_path
from engine.records import Record

BUILTIN = "builtin"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RUN = re.compile(rf"run:(?P<name>{_NAME.pattern})(@.*)?")

_STATUS_SECONDS = 60.0  # a run tells how it is every second or so; older than this, it has ended badly

Progress = Callable[[str, float | None], None]  # stage, share 0-1 or None


class ModelEntry(Record):
    """A model as the picker shows it."""

    reference: str
    card: ModelCard
    size_bytes: int = 0
    problem: str = ""  # why it cannot be used, when it cannot


def resolve(reference: str, on_progress: Progress | None = None, trust_remote_code: bool = False) -> Path:
    """The model directory a reference means; downloads an `hf:` model that is not in the cache.

    Raises:
        UserError: when there is no such model; says where it was looked for.
    """
    reference = reference.strip()
    if reference == BUILTIN:
        return builtin_path()
    scheme, _, rest = reference.partition(":")
    if scheme == "run" and rest:
        return _checkpoint_of_run(rest)
    if scheme == "hf" and rest:
        return hub.fetch(hub.parse_reference(reference), _told_by(on_progress), trust_remote_code)
    if scheme == "api" and rest:
        raise UserError(
            f"{reference[:200]}: a model behind a server can only be chatted with; name a model that is here."
        )
    return _directory_of(reference)


def absolute_reference(reference: str) -> str:
    """The same reference for a process in another folder: relative paths made absolute."""
    if reference == BUILTIN or ":" in reference:
        return reference
    path = typed_path(reference)
    return str(path.resolve()) if _holds_a_model(path) else reference


def moves_on(reference: str) -> bool:
    """Whether the same reference may mean newer weights later: a run that is still learning."""
    return reference.startswith("run:") and "@step-" not in reference


def builtin_path() -> Path:
    """The directory of the built-in model.

    Raises:
        UserError: when this installation came without it.
    """
    path = Path(__file__).parent / "builtin"
    if not (path / "config.json").is_file():
        raise UserError("The built-in model is missing from this installation. Install the program again.")
    return path


def list_models() -> list[ModelEntry]:
    """Every model at hand: the built-in one, runs (newest first), imported models, the hub's cache."""
    return [*_builtin_entry(), *_run_entries(), *_folder_entries(), *_hub_entries()]


def is_learning(reference: str) -> bool:
    """Whether a reference means a run that is computing now, as its status says."""
    run = run_of(reference)
    if run is None:
        return False
    try:
        status = json.loads((runs_path() / run / "status.json").read_bytes())
        return bool(status["state"] == "running" and time.time() - status["updated"] < _STATUS_SECONDS)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def run_of(reference: str) -> str | None:
    """The name of the run a reference means; None when it means no run."""
    match = _RUN.fullmatch(reference.strip())
    return match["name"] if match else None


def list_checkpoints(run: str) -> list[ModelEntry]:
    """The checkpoints a run has kept, oldest first, as `run:NAME@step-N`; empty for what is no run."""
    if not _NAME.fullmatch(run):
        return []
    return [
        _entry(f"run:{run}@step-{int(path.name.removeprefix('step_'))}", path)
        for path in checkpoints_of(runs_path() / run)
    ]


def _told_by(on_progress: Progress | None) -> hub.OnProgress | None:
    """Downloads count bytes; people want a share."""
    if on_progress is None:
        return None

    def tell(progress: hub.DownloadProgress) -> None:
        share = progress.done_bytes / progress.total_bytes if progress.total_bytes else None
        on_progress(f"downloading {hub.in_words(progress.total_bytes)}", share)

    return tell


def _directory_of(reference: str) -> Path:
    if not reference:
        raise UserError("No model is named. Try 'builtin', a model directory, run:NAME or hf:OWNER/NAME.")
    if _NAME.fullmatch(reference) and (models_path() / reference / "config.json").is_file():
        return models_path() / reference
    path = typed_path(reference)
    if _holds_a_model(path):
        return path.resolve()
    if os.path.isdir(path):  # noqa: PTH112 - see `_holds_a_model`
        raise UserError(f"{reference}: this folder holds no model (config.json is missing).")
    if os.path.exists(path):  # noqa: PTH110
        raise UserError(
            f"{reference}: this is a file; a model is a folder with config.json and model.safetensors."
        )
    raise UserError(
        f"There is no model '{reference[:200]}'. Try 'builtin', a model directory, run:NAME or hf:OWNER/NAME; "
        "`tui-chat models` lists what is here."
    )


def _holds_a_model(path: Path) -> bool:
    """Whether there is a model; also False for what may not be looked at, or is too long for a name."""
    return os.path.isfile(path / "config.json")  # noqa: PTH113 - Path.is_file raises for these


def _checkpoint_of_run(rest: str) -> Path:
    name, _, which = rest.partition("@")
    which = which or "latest"
    if not _NAME.fullmatch(name) or not (runs_path() / name).is_dir():
        raise UserError(f"There is no run '{name[:80]}'. `tui-chat runs` lists them.")
    found = checkpoints_of(runs_path() / name)
    if not found:
        raise UserError(
            f"The run '{name}' has no checkpoint yet. `tui-chat runs show {name}` says how it is doing."
        )
    if which == "latest":
        return found[-1]
    if which == "best":
        return min(reversed(found), key=_val_loss)  # the newest where nothing was validated
    wanted = which.removeprefix("step-")
    for path in found:
        if wanted.isdecimal() and int(path.name.removeprefix("step_")) == int(wanted):
            return path
    kept = ", ".join(f"@step-{int(path.name.removeprefix('step_'))}" for path in found[-6:])
    raise UserError(f"The run '{name}' has no checkpoint '@{which[:40]}'. It has: @latest, @best, {kept}.")


def checkpoints_of(run_path: Path) -> list[Path]:
    """Complete checkpoints of a run, oldest first."""
    folders = (run_path / "checkpoints").glob("step_*")
    complete = [path for path in folders if path.name[5:].isdigit() and has_right_sizes(path)]
    return sorted(complete, key=lambda path: int(path.name[5:]))


def _val_loss(path: Path) -> float:
    try:
        loss = json.loads((path / CARD_FILE).read_bytes()).get("val_loss")
    except (OSError, ValueError, AttributeError):
        loss = None
    return float(loss) if isinstance(loss, (int, float)) else float("inf")


def _builtin_entry() -> Iterator[ModelEntry]:
    try:
        yield _entry(BUILTIN, builtin_path())
    except UserError as error:
        yield ModelEntry(reference=BUILTIN, card=ModelCard(name=BUILTIN), problem=str(error))


def _run_entries() -> Iterator[ModelEntry]:
    folders = [path for path in runs_path().glob("*") if (path / "config.json").is_file()]
    for path in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True):
        if found := checkpoints_of(path):
            yield _entry(f"run:{path.name}", found[-1])


def _folder_entries() -> Iterator[ModelEntry]:
    for path in sorted(models_path().glob("*/config.json")):
        yield _entry(path.parent.name, path.parent)


def _hub_entries() -> Iterator[ModelEntry]:
    for model in hub.cached_models():
        if (path := hub.find_in_cache(model)) is not None:
            yield _entry(model.reference, path)


def _entry(reference: str, path: Path) -> ModelEntry:
    size = _weight_bytes(path)
    try:
        return ModelEntry(reference=reference, card=read_model_card(path), size_bytes=size)
    except UserError as error:
        return ModelEntry(
            reference=reference, card=ModelCard(name=path.name), size_bytes=size, problem=str(error)
        )


def _weight_bytes(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in path.glob("model*.safetensors"))
    except OSError:  # a run prunes its checkpoints while we look
        return 0
