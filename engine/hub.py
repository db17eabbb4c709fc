"""Models of the Hugging Face Hub by name: `hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`.

    model = parse_reference("hf:openai-community/gpt2")
    directory = find_in_cache(model)               # works without a network; None when it is not all there
    directory = fetch(model, on_progress=show)     # the same, or a download; UserError says what to do

Downloads land in the cache that other Hugging Face programs share:

    models--OWNER--NAME/refs/main             name of the newest commit that was downloaded whole
    models--OWNER--NAME/snapshots/COMMIT/     the model directory (links into blobs/)

The one rule: nothing goes over the network unless a model was asked for that is not here, and then only what
is needed: safetensors, JSON and tokenizer files; Python files only with `trust_remote_code`, pickles never.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine import paths
from engine.errors import UserError
from engine.model_card import read_json

PREFIX = "hf:"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"  # of weights in several files ("shards")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubModel:
    """A model's place on the Hub."""

    repository: str  # "OWNER/NAME"
    revision: str = "main"  # branch, tag or commit

    @property
    def reference(self) -> str:
        """As a person writes it."""
        return f"{PREFIX}{self.repository}" + ("" if self.revision == "main" else f"@{self.revision}")


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is. `total_bytes` counts what has to come over the network."""

    file: str
    done_bytes: int
    total_bytes: int


OnProgress = Callable[[DownloadProgress], None]


def parse_reference(reference: str) -> HubModel:
    """`hf:OWNER/NAME[@REVISION]` in its parts.

    Raises:
        UserError: when it is not written like that.
    """
    repository, _, revision = reference.removeprefix(PREFIX).partition("@")
    parts = repository.split("/")
    names_are_good = len(parts) == 2 and all(_is_name(part) for part in parts)
    revision_is_good = not revision or (_REVISION.fullmatch(revision) and len(revision) <= 128)
    if not names_are_good or not revision_is_good or ".." in revision or reference.endswith("@"):
        raise UserError(
            f"{reference}: a model of the Hub is written {PREFIX}OWNER/NAME or {PREFIX}OWNER/NAME@REVISION, "
            f"for example {PREFIX}openai-community/gpt2."
        )
    return HubModel(repository, revision or "main")


def find_in_cache(model: HubModel) -> Path | None:
    """The model directory on this machine, or None when it is not there or not complete. No network."""
    store = store_of(model)
    if _COMMIT.fullmatch(model.revision):
        commit = model.revision
    else:
        try:
            commit = (store / "refs" / model.revision).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
    directory = store / "snapshots" / commit
    return directory if _COMMIT.fullmatch(commit) and is_complete(directory) else None


def cached_models() -> list[HubModel]:
    """Models whose newest downloaded commit is whole, by name. No network."""
    stores = sorted(paths.hub_cache_path().glob("models--*--*"))
    names = [store.name.removeprefix("models--").split("--", 1) for store in stores]
    models = [HubModel("/".join(parts)) for parts in names if all(_is_name(part) for part in parts)]
    return [model for model in models if find_in_cache(model) is not None]


def fetch(
    model: HubModel,
    on_progress: OnProgress | None = None,
    trust_remote_code: bool = False,
    refresh: bool = False,
) -> Path:
    """The model directory, downloaded if it is not here; `refresh` asks the Hub for a newer commit anyway.

    To cancel, raise from `on_progress`: it passes through, and no half file is left.

    Raises:
        UserError: when there is no such model, it may not be read, or it cannot come here; says what to do.
    """
    cached = find_in_cache(model)
    if cached is not None and not refresh and not (trust_remote_code and _lacks_its_code(cached)):
        return cached
    refuse_offline(model)
    _settle_the_library()
    # Imported here: a network library, 0.3 s, that is not needed for models that are already here.
    from engine.hub_download import download

    return download(model, on_progress, trust_remote_code)


def check_reachable(model: HubModel) -> None:
    """Refuse a model that is neither here nor could be downloaded; brings nothing.

    Raises:
        UserError: as `fetch` would.
    """
    if find_in_cache(model) is not None:
        return
    refuse_offline(model)
    _settle_the_library()
    from engine.hub_download import check  # as above

    check(model)


def refuse_offline(model: HubModel) -> None:
    """Refuse a model that is not here where downloads are forbidden.

    Raises:
        UserError: naming what forbids it.
    """
    if _is_offline():
        raise UserError(
            f"{model.reference}: it is not on this machine, and HF_HUB_OFFLINE forbids to download it. "
            "Unset it, or choose a model that is here (`tui-chat models`)."
        )


def _settle_the_library() -> None:
    # The library reads these when it is imported. Its own transfer protocol cannot be cancelled half-way.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")


def store_of(model: HubModel) -> Path:
    """Where the cache keeps all commits of a model."""
    return paths.hub_cache_path() / f"models--{model.repository.replace('/', '--')}"


def is_complete(directory: Path) -> bool:
    """Whether a model directory has its configuration and every weight file."""
    if not (directory / "config.json").is_file():
        return False
    if (directory / WEIGHTS_FILE).is_file():
        return True
    try:
        return all((directory / name).is_file() for name in shard_names(directory / INDEX_FILE))
    except UserError:  # there is no index, or it is damaged
        return False


def shard_names(index: Path) -> list[str]:
    """The weight files an index lists.

    Raises:
        UserError: when the index is damaged or names anything but safetensors files beside it.
    """
    listed = read_json(index, "it lists the weight files").get("weight_map")
    names = sorted({str(name) for name in listed.values()}) if isinstance(listed, dict) else []
    if not names or not all(_is_name(name) and name.endswith(".safetensors") for name in names):
        raise UserError(
            f"{index}: this does not list safetensors files of the same directory; it is refused."
        )
    return names


def in_words(size: int) -> str:
    """A number of bytes for people: "548 MB"."""
    value, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}" if value < 100 else f"{value:.0f} {units[0]}"


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None and ".." not in text


def _lacks_its_code(directory: Path) -> bool:
    """The model needs code of its own that was not wanted when it was downloaded."""
    return "auto_map" in read_json(directory / "config.json", "a model directory needs it") and not any(
        directory.glob("*.py")
    )


def _is_offline() -> bool:
    values = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(value.upper() in {"1", "ON", "YES", "TRUE"} for value in values)
