"""The network half of `engine.hub`: which files of a model are needed, and how they come here.

Order: configuration and tokenizer first, weights next, and last of all the note which commit is whole, so
that a download that ends early is never taken for a model.
The one rule: only `engine.hub` calls this, since it decides whether the network may be used at all.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from engine import paths
from engine.errors import UserError
from engine.hub import (
    INDEX_FILE,
    WEIGHTS_FILE,
    DownloadProgress,
    HubModel,
    OnProgress,
    in_words,
    shard_names,
    store_of,
)

_SMALL_FILES = (
    "config.json",
    "generation_config.json",
    "model_card.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "chat_template.json",
    "LICENSE",
)
_SHARD = re.compile(r"[^/]*-\d+-of-\d+\.safetensors")
_TIMEOUT = 10.0  # seconds for the Hub to answer
_STALE = 24 * 3600.0  # seconds after which a half file belongs to no running download any more


def download(model: HubModel, on_progress: OnProgress | None, trust_remote_code: bool) -> Path:
    """Bring the newest commit of `model.revision` here; errors as in `engine.hub.fetch`."""
    with _errors_for_people(model):
        commit, sizes = _files_of(model)
        transfer = _Transfer(model, commit, sizes, on_progress)
        _remove_half_files(store_of(model))
        transfer.fetch(
            [*_small_files(sizes, trust_remote_code), *([INDEX_FILE] if _is_sharded(sizes) else [])]
        )
        transfer.fetch(_weight_files(model, sizes, transfer.directory))
        _note_whole_commit(model, commit)
    return transfer.directory


def check(model: HubModel) -> None:
    """Ask the Hub whether a download could begin, and bring nothing; errors as in `engine.hub.fetch`."""
    with _errors_for_people(model):
        commit, sizes = _files_of(model)
        _refuse_without_weights(model, sizes)
        # Of a model behind an agreement everybody may see the list of files, and not everybody the files.
        get_hf_file_metadata(
            hf_hub_url(model.repository, "config.json", revision=commit, endpoint=_endpoint()),
            timeout=_TIMEOUT,
            endpoint=_endpoint(),
        )
        needed = [name for name in sizes if name in _SMALL_FILES or _is_weights(name, sizes)]
        here = store_of(model) / "snapshots" / commit
        _refuse_when_too_big(model, sum(sizes[name] for name in needed if not (here / name).exists()))


def _is_weights(name: str, sizes: dict[str, int]) -> bool:
    """Whether a file is likely to be fetched: which they are, the index says, which is not here yet."""
    return name == WEIGHTS_FILE or (WEIGHTS_FILE not in sizes and bool(_SHARD.fullmatch(name)))


def _files_of(model: HubModel) -> tuple[str, dict[str, int]]:
    """The commit that the revision means now, and its files with their sizes."""
    info = HfApi(endpoint=_endpoint(), library_name=paths.APP_NAME).model_info(
        model.repository, revision=model.revision, files_metadata=True, timeout=_TIMEOUT
    )
    return info.sha or model.revision, {file.rfilename: file.size or 0 for file in info.siblings or []}


def _small_files(sizes: dict[str, int], trust_remote_code: bool) -> list[str]:
    code = [name for name in sizes if name.endswith(".py") and "/" not in name] if trust_remote_code else []
    return [name for name in _SMALL_FILES if name in sizes] + sorted(code)


def _is_sharded(sizes: dict[str, int]) -> bool:
    return WEIGHTS_FILE not in sizes and INDEX_FILE in sizes


def _weight_files(model: HubModel, sizes: dict[str, int], directory: Path) -> list[str]:
    """The safetensors files to load the model from, once its index is here.

    Raises:
        UserError: when there is no model, or only in a format that is not opened; says which.
    """
    _refuse_without_weights(model, sizes)
    return [WEIGHTS_FILE] if WEIGHTS_FILE in sizes else shard_names(directory / INDEX_FILE)


def _refuse_without_weights(model: HubModel, sizes: dict[str, int]) -> None:
    if "config.json" not in sizes or not (WEIGHTS_FILE in sizes or INDEX_FILE in sizes):
        raise UserError(f"{model.reference}: {_what_is_there_instead(sizes)}")


def _what_is_there_instead(sizes: dict[str, int]) -> str:
    if "adapter_config.json" in sizes:
        return "this is an adapter (LoRA), not a whole model. Choose a merged version of it."
    if any(name.endswith((".bin", ".pt", ".pth", ".ckpt")) for name in sizes):
        return (
            "its weights are only there as pickle files, which can run code when they are opened. "
            "Choose a version with model.safetensors; the Hub's 'safetensors convert' space makes one."
        )
    if any(name.endswith(".gguf") for name in sizes):
        return "its weights are GGUF files, which are not read here. Choose a version with model.safetensors."
    return "there is no model in this repository (config.json and model.safetensors). Check the name."


class _Transfer:
    """Files of one commit on their way here, and the bytes that have come so far."""

    def __init__(
        self, model: HubModel, commit: str, sizes: dict[str, int], on_progress: OnProgress | None
    ) -> None:
        self.model, self.commit, self.sizes, self.on_progress = model, commit, sizes, on_progress
        self.directory = store_of(model) / "snapshots" / commit
        self.done_bytes = self.total_bytes = 0

    def fetch(self, names: list[str]) -> None:
        """Download those that are not here yet, one after the other."""
        missing = [name for name in names if not (self.directory / name).exists()]
        needed = sum(self.sizes.get(name, 0) for name in missing)
        self.total_bytes += needed
        _refuse_when_too_big(self.model, needed)
        for name in missing:
            hf_hub_download(
                self.model.repository,
                name,
                revision=self.commit,
                cache_dir=paths.hub_cache_path(),
                endpoint=_endpoint(),
                etag_timeout=_TIMEOUT,
                tqdm_class=self._bar(name),
            )

    def _bar(self, file: str) -> Any:
        """What the library takes for a progress bar, made to count bytes for us."""
        transfer = self

        class Bar:
            def __init__(self, *args: object, **options: object) -> None:
                pass

            def __enter__(self) -> Self:
                transfer.advance(file, 0)
                return self

            def __exit__(
                self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
            ) -> None:
                pass

            def update(self, count: float | None = 1) -> None:
                transfer.advance(file, int(count or 0))

            def close(self) -> None:
                pass

        return Bar

    def advance(self, file: str, count: int) -> None:
        """Count bytes and tell; whoever listens may raise to cancel."""
        self.done_bytes += count
        if self.on_progress is not None:
            self.on_progress(DownloadProgress(file, self.done_bytes, self.total_bytes))


def _refuse_when_too_big(model: HubModel, needed: int) -> None:
    place = paths.hub_cache_path()
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise UserError(
            f"{model.reference}: {in_words(needed)} have to come, {in_words(free)} are free in {place}. "
            "Make room, or set HF_HOME to a larger disk."
        )


def _note_whole_commit(model: HubModel, commit: str) -> None:
    """Write refs/REVISION as the cache's other users do, whole or not at all."""
    reference = store_of(model) / "refs" / model.revision
    if model.revision == commit:
        return
    reference.parent.mkdir(parents=True, exist_ok=True)
    descriptor, half = tempfile.mkstemp(dir=reference.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(commit)
    Path(half).replace(reference)


def _remove_half_files(store: Path) -> None:
    """Those of downloads that were killed; the library never takes them up again."""
    for half in store.glob("blobs/*.incomplete"):
        if time.time() - half.stat().st_mtime > _STALE:
            half.unlink(missing_ok=True)


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


@contextmanager
def _errors_for_people(model: HubModel) -> Iterator[None]:
    """What can go wrong on the way, as sentences."""
    try:
        yield
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx2.HTTPError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, HfHubHTTPError) else error
        raise UserError(f"{model.reference}: {_in_a_sentence(cause, model)}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"{model.reference}: the disk is full; make room in {paths.hub_cache_path()}."
            ) from error
        reason = error.strerror or "the download came out with the wrong size"
        raise UserError(f"{model.reference}: the download failed ({reason}). Try again.") from error


def _in_a_sentence(error: Exception, model: HubModel) -> str:
    host = _endpoint().partition("://")[2]
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    match error:
        case GatedRepoError():
            return (
                f"its owner asks for an agreement first. Accept it on {host}/{model.repository}, "
                "then put an access token into the environment variable HF_TOKEN."
            )
        case RevisionNotFoundError():
            return f"it has no revision '{model.revision}'. Leave out the part after @ to take the newest."
        case RepositoryNotFoundError():
            return (
                f"{host} has no such model, or it is private. Check the name; a private one needs HF_TOKEN."
            )
        case HfHubHTTPError() if status in (401, 403):
            return (
                f"{host} refused access. Check the access token in HF_TOKEN (https://{host}/settings/tokens)."
            )
        case HfHubHTTPError() if status == 429 or status >= 500:
            return f"{host} is overloaded or out of order (HTTP {status}). Try again later."
        case HfHubHTTPError():
            return f"{host} answered with HTTP {status}. Check the name, and HF_ENDPOINT if it is set."
        case _:
            return (
                f"it is not on this machine, and {host} cannot be reached. Check the network and try again."
            )
