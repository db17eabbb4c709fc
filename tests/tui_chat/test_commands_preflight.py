"""`tui-chat train --preflight` looks and starts nothing; a normal start says what it will need, or refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.paths import runs_path
from trainers import launcher, outlook, preflight
from trainers.config import TrainingConfig
from trainers.probing import ProbeResult
from trainers.run_directory import RunDirectory, RunStatus
from tui_chat import preflight_words
from tui_chat.cli import main

SMALL = ("num_layers=1", "num_heads=2", "embedding_size=16", "context_length=16", "threads=1", "device=cpu")


@pytest.fixture(autouse=True)
def probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe answers at once."""
    monkeypatch.setattr(outlook, "measure", lambda requests: (ProbeResult(tokens_per_second=5_000.0),))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    found: list[TrainingConfig] = []

    def start(config: TrainingConfig, runs: Path, name: str | None) -> RunDirectory:
        found.append(config)
        run = RunDirectory(runs / "fake")
        run.path.mkdir(parents=True)
        (run.path / "status.json").write_bytes(RunStatus(state="finished").to_json())
        return run

    monkeypatch.setattr(launcher, "start_run", start)
    return found


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    path.write_text("All work and no play makes Jack a dull boy.\n" * 50)
    return str(path)


def train(capsys: pytest.CaptureFixture[str], text: str, *more: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["train", "quick-start", "--set", f"dataset={text}", *SMALL, *more])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def short_of_memory(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(preflight, "free_memory", lambda device: free)


def test_a_look_tells_everything_and_starts_nothing(
    capsys: pytest.CaptureFixture[str], text: str, started: list[TrainingConfig]
) -> None:
    code, out, _ = train(capsys, text, "--preflight", "--json")
    facts: dict[str, Any] = json.loads(out)
    assert code == 0 and facts["fits"] and started == []
    assert facts["tokens_per_epoch"] == 1980 and facts["is_exact"]
    assert facts["tokens"] == 1000 * 16 * 16
    assert (facts["basis"], facts["tokens_per_second"]) == ("probe", 5_000.0)
    assert sum(facts["memory"].values()) == facts["memory_bytes"]
    assert not list(runs_path().glob("*"))
    code, out, _ = train(capsys, text, "--preflight")
    assert code == 0 and "measured here just now" in out and "epochs of 1,980" in out


@pytest.mark.parametrize("more", [(), ("--preflight",)])
def test_early_stopping_without_validation_is_refused_before_the_look_and_the_start(
    capsys: pytest.CaptureFixture[str], text: str, started: list[TrainingConfig], more: tuple[str, ...]
) -> None:
    code, out, err = train(capsys, text, "early_stopping_patience=2", "validation_share=0", *more)
    assert (code, out, started) == (1, "", [])
    assert "patience 2 waits for a better validation, but nothing validates" in err


def test_what_does_not_fit_ends_with_exit_code_1_and_what_would(
    capsys: pytest.CaptureFixture[str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_of_memory(monkeypatch, 340_000_000)
    code, out, errors = train(capsys, text, "--preflight", "--set", "batch_size=512")
    assert code == 1 and "It fits with" in out
    assert "and 340 MB are free. With micro_batch_size=" in errors


def test_a_probe_that_cannot_be_made_is_said_beside_the_estimate(
    capsys: pytest.CaptureFixture[str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(requests: object) -> tuple[ProbeResult, ...]:
        raise UserError("There is no torch.")

    monkeypatch.setattr(outlook, "measure", fail)
    code, out, errors = train(capsys, text, "--preflight")
    assert code == 1 and "a rough guess" in out and "Not measured: There is no torch." in errors


def test_a_start_says_in_a_line_what_the_run_will_need(
    capsys: pytest.CaptureFixture[str], text: str, started: list[TrainingConfig]
) -> None:
    code, out, errors = train(capsys, text, "--json")
    assert code == 0 and json.loads(out)["name"] == "fake" and len(started) == 1
    assert "parameters; 256,000 tokens: 129 epochs of 1,980; memory about" in errors
    assert "cannot be used" not in errors


def test_a_start_says_how_much_of_the_data_is_lost(
    capsys: pytest.CaptureFixture[str], text: str, started: list[TrainingConfig]
) -> None:
    with Path(text).open("ab") as file:
        file.write("déjà vu\n".encode("latin-1") * 2)
    code, _, errors = train(capsys, text)
    assert code == 0 and "2 lines of it cannot be used: `tui-chat data` says why." in errors


def test_a_run_that_cannot_fit_is_refused_unless_forced(
    capsys: pytest.CaptureFixture[str],
    text: str,
    started: list[TrainingConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short_of_memory(monkeypatch, 100_000_000)
    code, _, errors = train(capsys, text)
    assert code == 1 and started == [] and "--force starts it all the same" in errors
    code, _, errors = train(capsys, text, "--force")
    assert code == 0 and len(started) == 1 and "are free" in errors


def test_of_a_model_that_is_not_here_yet_nothing_is_invented(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    started: list[TrainingConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launcher, "check_reachable", lambda config: None)  # the Hub has it
    chats = tmp_path / "chats.jsonl"
    chats.write_text('{"question": "1 + 1?", "answer": "2"}\n' * 3)
    hub = ("--set", "method=fine_tuning", "base_model=hf:someone/something")
    code, _, errors = train(capsys, str(chats), "--preflight", *hub)
    assert code == 1 and "once the model to start from has been downloaded" in errors
    code, _, errors = train(capsys, str(chats), *hub)
    assert code == 0 and len(started) == 1


def test_a_measurement_far_below_what_is_to_be_expected_asks_whether_the_machine_is_busy() -> None:
    slow = preflight.Preflight(num_parameters=1, basis="probe", tokens_per_second=10.0, is_slow=True)
    assert "is the machine busy?" in preflight_words.time_words(slow)
    assert "busy" not in preflight_words.time_words(slow.with_changes("test", is_slow=False))
