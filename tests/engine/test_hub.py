"""Models from a Hub: a stub of it on the loopback address speaks the few requests a download needs."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine import hub, hub_download, wire
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationSettings
from engine.hub import DownloadProgress, HubModel, cached_models, check_reachable, fetch, find_in_cache
from engine.process import ProcessEngine

COMMIT = "a" * 40
NEWER_COMMIT = "b" * 40
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
MODEL = HubModel("some/model")


class StubHub(ThreadingHTTPServer):
    """One repository, "some/model"; `files`, `commit` and `refusal` are what a test sets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StubHubHandler)
        self.files: dict[str, bytes] = {}
        self.commit = COMMIT
        self.refusal: tuple[int, str] | None = None  # status and X-Error-Code of every answer
        self.files_refusal: tuple[int, str] | None = None  # only for the files
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class StubHubHandler(BaseHTTPRequestHandler):
    server: StubHub

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.requests.append(f"{self.command} {path}")
        if path == "/api/models/some/model/revision/main":
            self.answer_info()
        elif path.startswith("/api/models/some/model/revision/"):
            self.refuse(404, "RevisionNotFound")
        elif path.startswith(f"/some/model/resolve/{self.server.commit}/"):
            self.answer_file(path.rpartition("/")[2])
        else:
            self.refuse(401, "RepoNotFound")

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer_info(self) -> None:
        if self.server.refusal is not None:
            return self.refuse(*self.server.refusal)
        siblings = [{"rfilename": name, "size": len(data)} for name, data in self.server.files.items()]
        info = {"id": "some/model", "sha": self.server.commit, "siblings": siblings}
        return self.answer(json.dumps(info).encode(), {})

    def answer_file(self, name: str) -> None:
        if self.server.files_refusal is not None:
            return self.refuse(*self.server.files_refusal)
        data = self.server.files[name]
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        return self.answer(data, {"ETag": etag, "X-Repo-Commit": self.server.commit})

    def answer(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.answer(b"", {"X-Error-Code": code} if code else {}, status)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    server = StubHub()
    server.files = {
        "config.json": b'{"model_type": "gpt2"}',
        "tokenizer.json": b"{}",
        "README.md": b"# Hello",
    }
    server.files |= {"model.safetensors": b"w" * 300_000}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_download_brings_what_is_needed_and_counts_its_bytes(stub: StubHub) -> None:
    heard: list[DownloadProgress] = []
    directory = fetch(MODEL, on_progress=heard.append)
    assert names_in(directory) == {"config.json", "tokenizer.json", "model.safetensors"}
    assert (directory / "model.safetensors").read_bytes() == stub.files["model.safetensors"]
    assert heard[-1].done_bytes == heard[-1].total_bytes == 300_000 + len(b'{"model_type": "gpt2"}{}')
    assert [progress.done_bytes for progress in heard] == sorted(progress.done_bytes for progress in heard)


def test_what_was_downloaded_opens_again_without_a_network(
    stub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = fetch(MODEL)
    asked = len(stub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch(MODEL) == directory
    assert fetch(HubModel("some/model", COMMIT)) == directory
    assert find_in_cache(MODEL) == directory
    assert cached_models() == [MODEL]
    assert len(stub.requests) == asked


def test_other_programs_find_the_download_in_the_shared_cache(stub: StubHub, tmp_path: Path) -> None:
    directory = fetch(MODEL)
    code = (
        "from huggingface_hub import snapshot_download;"
        "print(snapshot_download('some/model', local_files_only=True))"
    )
    environment = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    seen = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(seen.stdout.strip()) == directory


def test_a_refresh_takes_the_newer_commit_and_leaves_what_did_not_change(stub: StubHub) -> None:
    old = fetch(MODEL)
    stub.commit = NEWER_COMMIT
    stub.files["config.json"] = b'{"model_type": "llama"}'
    assert fetch(MODEL) == old
    new = fetch(MODEL, refresh=True)
    assert new.name == NEWER_COMMIT
    assert (new / "config.json").read_bytes() == stub.files["config.json"]
    assert find_in_cache(MODEL) == new
    assert sum(request.startswith("GET") and "model.safetensors" in request for request in stub.requests) == 1


def test_sharded_weights_come_whole_and_only_those_of_the_index(stub: StubHub) -> None:
    del stub.files["model.safetensors"]
    weight_map = {"a": SHARDS[0], "b": SHARDS[1]}
    stub.files["model.safetensors.index.json"] = json.dumps({"weight_map": weight_map}).encode()
    stub.files |= {SHARDS[0]: b"1" * 10, SHARDS[1]: b"2" * 20, "consolidated.safetensors": b"3" * 30}
    directory = fetch(MODEL)
    assert {name for name in names_in(directory) if name.endswith(".safetensors")} == set(SHARDS)
    (directory / SHARDS[1]).unlink()
    assert find_in_cache(MODEL) is None
    assert names_in(fetch(MODEL)) >= set(SHARDS)


def test_an_index_that_names_files_elsewhere_is_refused(stub: StubHub) -> None:
    del stub.files["model.safetensors"]
    weight_map = {"a": "../../../secret.safetensors"}
    stub.files["model.safetensors.index.json"] = json.dumps({"weight_map": weight_map}).encode()
    with pytest.raises(UserError, match="same directory"):
        fetch(MODEL)


def test_a_damaged_index_hides_one_model_and_not_the_list_of_models(stub: StubHub) -> None:
    directory = fetch(MODEL)
    (directory / "model.safetensors").unlink()
    (directory / "model.safetensors.index.json").write_text("{")
    assert cached_models() == []


def test_python_files_come_only_with_trust_and_pickles_never(stub: StubHub) -> None:
    stub.files["config.json"] = b'{"model_type": "x", "auto_map": {}}'
    stub.files |= {
        "modeling_x.py": b"print()",
        "pytorch_model.bin": b"pickle",
        "training_args.bin": b"pickle",
    }
    assert names_in(fetch(MODEL)) == {"config.json", "tokenizer.json", "model.safetensors"}
    trusted = names_in(fetch(MODEL, trust_remote_code=True))
    assert trusted == {"config.json", "tokenizer.json", "model.safetensors", "modeling_x.py"}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"config.json": b"{}", "pytorch_model.bin": b""}, "pickle"),
        ({"adapter_config.json": b"{}", "adapter_model.safetensors": b""}, "adapter"),
        ({"model.gguf": b""}, "GGUF"),
        ({"README.md": b""}, "no model in this repository"),
    ],
)
def test_a_repository_without_safe_weights_is_refused_with_the_reason(
    stub: StubHub, files: dict[str, bytes], reason: str
) -> None:
    stub.files = files
    with pytest.raises(UserError, match=reason):
        fetch(MODEL)
    assert find_in_cache(MODEL) is None


def test_a_name_nobody_has_is_said_to_be_unknown(stub: StubHub) -> None:
    with pytest.raises(UserError, match=r"hf:no/such: .* no such model, or it is private"):
        fetch(HubModel("no/such"))


def test_a_revision_nobody_made_is_named(stub: StubHub) -> None:
    with pytest.raises(UserError, match="no revision 'v9'"):
        fetch(HubModel("some/model", "v9"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_model_behind_an_agreement_says_where_to_accept_it(stub: StubHub, status: int) -> None:
    stub.files_refusal = (status, "GatedRepo")
    with pytest.raises(UserError, match=r"Accept it on .*/some/model.*HF_TOKEN"):
        fetch(MODEL)
    stub.files_refusal, stub.refusal = None, (status, "GatedRepo")
    with pytest.raises(UserError, match=r"Accept it on .*/some/model.*HF_TOKEN"):
        fetch(MODEL)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "access token"), (403, "access token"), (503, "Try again later"), (418, "418")],
)
def test_an_answer_that_refuses_becomes_advice(stub: StubHub, status: int, advice: str) -> None:
    stub.refusal = (status, "")
    with pytest.raises(UserError, match=advice):
        fetch(MODEL)


def test_without_a_network_a_model_that_is_not_here_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens: connections are refused
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(UserError, match=r"not on this machine, and .* cannot be reached"):
            fetch(MODEL)


def test_offline_mode_is_respected_before_anything_is_asked(
    stub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
        fetch(MODEL)
    assert stub.requests == []


def test_whether_a_model_can_be_had_is_asked_without_bringing_anything(stub: StubHub) -> None:
    check_reachable(MODEL)
    assert stub.requests == [
        "GET /api/models/some/model/revision/main",
        f"HEAD /some/model/resolve/{COMMIT}/config.json",
    ]
    assert not hub.store_of(MODEL).exists()
    fetch(MODEL)
    stub.requests.clear()
    check_reachable(MODEL)  # it is here, and nobody is asked
    assert stub.requests == []


def test_a_model_that_cannot_be_had_is_refused_as_its_download_would_be(
    stub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"hf:no/such: .* no such model, or it is private"):
        check_reachable(HubModel("no/such"))
    with pytest.raises(UserError, match="no revision 'v9'"):
        check_reachable(HubModel("some/model", "v9"))
    stub.files_refusal = (403, "GatedRepo")  # the list may be seen, the files may not
    with pytest.raises(UserError, match=r"Accept it on .*/some/model.*HF_TOKEN"):
        check_reachable(MODEL)
    stub.files_refusal = None
    monkeypatch.setattr(hub_download.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 1000))
    with pytest.raises(UserError, match=r"300 kB have to come, 1 kB are free"):
        check_reachable(MODEL)
    weights = stub.files.pop("model.safetensors")
    stub.files |= {"model.safetensors.index.json": b"{}", SHARDS[0]: b"1" * 500, "all.safetensors": weights}
    check_reachable(MODEL)  # the same weights once more would not be fetched
    stub.files = {"config.json": b"{}", "pytorch_model.bin": b""}
    with pytest.raises(UserError, match="pickle"):
        check_reachable(MODEL)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    stub.requests.clear()
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
        check_reachable(MODEL)
    assert stub.requests == []


def test_a_cancelled_download_leaves_no_half_file_and_can_be_taken_up_again(stub: StubHub) -> None:
    class CancelledError(Exception):
        pass

    def cancel_in_the_weights(progress: DownloadProgress) -> None:
        if progress.file == "model.safetensors" and progress.done_bytes > 100:
            raise CancelledError

    with pytest.raises(CancelledError):
        fetch(MODEL, on_progress=cancel_in_the_weights)
    assert find_in_cache(MODEL) is None
    assert list(hub.store_of(MODEL).rglob("*.incomplete")) == []
    assert find_in_cache(HubModel("some/model", COMMIT)) is None
    assert (fetch(MODEL) / "model.safetensors").stat().st_size == 300_000


def test_a_disk_too_small_is_refused_before_the_download(
    stub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_download.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 1000))
    stub.files |= {"config.json": b"{}"}
    with pytest.raises(UserError, match=r"300 kB have to come, 1 kB are free"):
        fetch(MODEL)


@pytest.mark.parametrize(("code", "reason"), [(errno.ENOSPC, "disk is full"), (errno.EIO, "download failed")])
def test_a_disk_that_fails_half_way_is_reported(
    stub: StubHub, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(hub_download, "hf_hub_download", fail)
    with pytest.raises(UserError, match=reason):
        fetch(MODEL)


def test_half_files_of_killed_downloads_are_removed_after_a_day(
    stub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = hub.store_of(MODEL) / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "old.incomplete").write_bytes(b"x")
    now = hub_download.time.time()
    fetch(MODEL)
    assert (blobs / "old.incomplete").exists()  # another process may be writing it right now
    monkeypatch.setattr(hub_download.time, "time", lambda: now + 2 * 24 * 3600)
    fetch(MODEL, refresh=True)
    assert not (blobs / "old.incomplete").exists()


async def test_a_model_of_the_hub_is_downloaded_with_progress_and_answers_then_without_it(
    stub: StubHub, tiny_model: Path, tmp_path: Path
) -> None:
    stub.files = {file.name: file.read_bytes() for file in tiny_model.iterdir()}
    stages: list[str] = []
    load = wire.Load(reference="hf:some/model", threads=1)
    engine = ProcessEngine(load, tmp_path / "engine.log", lambda loading: stages.append(loading.stage))
    assert (await engine.load()).reference == "hf:some/model"
    await engine.close()
    assert any(stage.startswith("downloading") for stage in stages)

    stub.refusal = (500, "")
    again = ProcessEngine(load, tmp_path / "engine.log")
    events = [event async for event in again.complete("Hello", GenerationSettings(max_new_tokens=4))]
    await again.close()
    assert isinstance(events[-1], GenerationDone) and events[-1].completion_tokens == 4
