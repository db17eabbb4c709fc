"""`tui-chat config` and `tui-chat doctor`, as a person and as a script see them."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from trainers import probing
from tui_chat import machine, training_hour
from tui_chat.commands_config import add_config_commands


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUI_CHAT_HOME", str(tmp_path))
    return tmp_path / "config" / "config.toml"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_config_commands(parser.add_subparsers())
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


def test_a_setting_that_was_set_can_be_got(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "set", "generation.top_k", "7") == 0
    assert config_file.read_text().endswith("[generation]\ntop_k = 7\n")
    capsys.readouterr()
    assert run("config", "get", "generation.top_k", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"key": "generation.top_k", "value": 7, "origin": "file"}


def test_none_takes_a_setting_out_of_the_file(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("config", "set", "ui.theme", "nord")
    run("config", "set", "ui.theme", "none")
    assert "theme" not in config_file.read_text()


def test_setting_what_the_environment_sets_says_who_wins(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUI_CHAT_UI__THEME", "dracula")
    run("config", "set", "ui.theme", "nord", "--json")
    shown = capsys.readouterr()
    assert json.loads(shown.out)["value"] == "dracula"
    assert "the environment sets ui.theme too" in shown.err


@pytest.mark.usefixtures("config_file")
def test_a_wrong_value_is_an_error_for_people() -> None:
    with pytest.raises(UserError, match="top_k must be a whole number from 0 to 1,000,000"):
        run("config", "set", "generation.top_k", "many")
    with pytest.raises(UserError, match=r"Did you mean 'generation\.top_k'"):
        run("config", "get", "generation.topk")


def test_a_broken_file_is_told_on_stderr_and_defaults_are_shown(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.parent.mkdir()
    config_file.write_text("[generation]\ntop_k = 'x'\n")
    assert run("config", "show", "--json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["settings"]["generation.top_k"]["value"] == 50
    assert "line 2, [generation]: top_k must be" in shown.err


def test_every_setting_is_listed_with_where_it_comes_from(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("config", "set", "engine.device", "cpu")
    capsys.readouterr()
    run("config")
    shown = capsys.readouterr().out
    assert 'device = "cpu"   <- file, default "auto"' in shown
    assert "temperature = 0.8" in shown


def test_control_characters_in_the_file_never_reach_the_terminal(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.parent.mkdir()
    config_file.write_text(
        '[chat]\nsystem_prompt = "\\u001b]52;c;eA==\\u0007\\u202e"\n[keys]\n"\\u009b2J" = "f9"\n'
    )
    run("config")
    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_the_path_is_told_even_before_the_file_exists(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("config", "path", "--json")
    assert json.loads(capsys.readouterr().out) == {"path": str(config_file), "exists": False}


COMPUTE = {
    "torch": "2",
    "device": "cpu",
    "threads": 1,
    "gpus": [],
    "bytes_per_second": 13.5e9,
    "flops_per_second": 1e11,
}


def tried(requests: list[probing.ProbeRequest], seconds: float) -> tuple[probing.ProbeResult, ...]:
    """Every size reaches ten thousand tokens a second."""
    result = probing.ProbeResult(tokens_per_second=10_000.0, seconds_per_step=0.1, device="cpu", threads=1)
    return (result,) * len(requests)


def test_the_doctor_says_when_the_machine_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_hour.psutil, "cpu_percent", lambda interval: 90.0)
    assert "busy" in training_hour.in_words(training_hour.what_an_hour_gives(tried))[-1]
    monkeypatch.setattr(training_hour.psutil, "cpu_percent", lambda interval: 3.0)
    assert "busy" not in training_hour.in_words(training_hour.what_an_hour_gives(tried))[-1]


def test_the_doctor_says_why_training_could_not_be_tried() -> None:
    def fail(requests: object, seconds: float) -> tuple[probing.ProbeResult, ...]:
        raise UserError("There is no memory.")

    assert training_hour.in_words(training_hour.what_an_hour_gives(fail)) == ["  ! There is no memory."]


@pytest.mark.usefixtures("config_file")
def test_the_doctor_reports_in_words_and_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "probe", lambda threads: COMPUTE)
    monkeypatch.setattr(probing, "measure", tried)
    assert run("doctor") == 0
    words = capsys.readouterr().out
    assert "cpu (no CUDA device)" in words
    assert "own-text" in words and "36M" in words  # 10,000 tokens a second for an hour
    assert "replies of GPT-2 (124M)" in words
    assert run("doctor", "--json") == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert facts["compute"] == COMPUTE
    assert facts["versions"]["textual"] != "missing"
    first = facts["training"]["recipes"][0]
    assert (first["recipe"], first["tokens_per_hour"]) == ("quick-start", 36_000_000)
    assert first["epochs_of_a_megabyte_per_hour"] == 40.0
    assert first["steps_per_hour"] == 36_000_000 // (16 * 64)


@pytest.mark.usefixtures("config_file")
def test_the_doctor_says_when_torch_does_not_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ImportError: libfoo is missing' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(broken))
    assert run("doctor") == 0
    assert "torch does not work here: ImportError: libfoo is missing" in capsys.readouterr().out


def test_expectations_are_near_what_was_measured_on_a_machine_like_this() -> None:
    replies = machine.expectations(COMPUTE)["replies of GPT-2 (124M)"]
    assert 20 < replies < 30  # 25.0 at 13.5 GB/s


def test_terminals_that_will_give_trouble_are_told() -> None:
    notes = " ".join(machine.terminal({"TERM": "dumb"})["notes"])
    assert "cannot place text" in notes
    assert "ansi-dark" in notes
    assert machine.terminal({"TERM": "xterm", "TMUX": "x", "NO_COLOR": "1"})["inside"] == ["tmux"]
