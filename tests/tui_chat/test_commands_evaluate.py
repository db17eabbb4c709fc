"""`tui-chat evaluate` keeps its contract: keys, exit codes, one JSON object, replies in a file."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from trainers.evaluation import EvaluationProcess, EvaluationProgress, EvaluationRequest
from tui_chat.cli import main

FIGURES = ["loss", "perplexity", "bits_per_byte", "accuracy", "tokens"]


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "Hi", "answer": "Hello"}\nnonsense\n{"question": "Who?", "answer": "Bo"}\n')
    return path


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *map(str, arguments)])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_json_holds_each_figure_for_answer_prompt_and_all(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, chats: Path
) -> None:
    code, out, _ = command(capsys, tiny_model, chats, "--threads", 1, "--json")
    facts = json.loads(out)
    assert code == 0 and [key for key in facts if key in FIGURES] == FIGURES
    for figure in FIGURES[:-1]:
        assert list(facts[figure]) == ["answer", "prompt", "all"]
    assert facts["tokens"] == {"answer": 9, "prompt": 8, "all": 17, "padding": 1}
    assert (facts["rows"], facts["rejected"], facts["split"]) == (2, 1, "all")


def test_replies_are_saved_beside_what_was_expected_and_two_models_stand_side_by_side(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, chats: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "replies.json"
    flags = ("--against", tiny_model, "--responses", saved, "--max-new-tokens", 3, "--threads", 1)
    code, out, errors = command(capsys, tiny_model, chats, *flags)
    assert code == 0, errors
    replies = json.loads(saved.read_text())
    assert [reply["expected"] for reply in replies] == ["Hello", "Bo"] * 2
    assert list(replies[0]) == [
        *("model", "prompt", "messages", "expected", "response"),
        *("exact_match", "token_f1", "rouge_l", "finish_reason"),
    ]
    lines = out.splitlines()
    [answers] = [line for line in lines if line.startswith("answer")]
    assert answers.split() == ["answer", "tokens", "9", "9"]
    assert [line.split()[0] for line in lines if line.startswith("  ")][1:5] == [
        *("loss", "perplexity", "bits/byte", "accuracy"),
    ]
    assert max(map(len, lines[1:20])) <= 80
    assert "ROUGE-L" in out and "1 line cannot be used" in out and str(saved) in out


def test_the_second_model_is_under_against_in_json(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, chats: Path
) -> None:
    _, out, _ = command(capsys, tiny_model, chats, "--against", tiny_model, "--limit", 1, "--json")
    facts = json.loads(out)
    assert facts["against"]["loss"] == facts["loss"] and facts["rows"] == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--temperature", "1"], "--temperature is about replies. Add --responses"),
        (["--limit", "-1"], "evaluate: limit must be at least 0"),
        (["--validation-share", "0.9"], "evaluate: validation_share must be from 0.001 to 0.5"),
        (["--responses", "r.json", "--temperature", "9"], "--temperature must be from 0 to 5"),
        (["--responses", "no/such/folder/r.json"], "there is no folder no/such/folder"),
        (["--responses", "."], "this is a folder"),
    ],
)
def test_a_flag_that_does_not_fit_is_told_at_once(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, chats: Path, flags: list[str], message: str
) -> None:
    code, _, errors = command(capsys, tiny_model, chats, *flags)
    assert code == 1 and message in errors and errors.count("\n") == 1


def test_no_data_is_not_the_folder_one_stands_in(
    capsys: pytest.CaptureFixture[str], tiny_model: Path
) -> None:
    code, _, errors = command(capsys, tiny_model, " ")
    assert code == 1 and "No data is named" in errors


def test_a_model_that_is_not_there_is_told_by_the_child(
    capsys: pytest.CaptureFixture[str], chats: Path
) -> None:
    code, out, errors = command(capsys, "no-such-model", chats, "--json")
    assert (code, out) == (1, "") and "There is no model 'no-such-model'" in errors


def test_replies_that_cannot_be_saved_are_an_error_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tui_chat.commands_evaluate import save_replies

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trainers.durable_files.sync", full)
    with pytest.raises(UserError, match="cannot be saved \\(No space left on device\\)"):
        save_replies(tmp_path / "replies.json", [])
    assert [path.name for path in tmp_path.iterdir() if "replies" in path.name] == []


def child_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, does: str) -> EvaluationProcess:
    """An evaluation whose child is a small script."""
    script = tmp_path / "child"
    script.write_text(f"#!{sys.executable}\nimport sys, time\n{does}\n")
    script.chmod(0o700)
    monkeypatch.setattr("trainers.evaluation.sys.executable", str(script))
    return EvaluationProcess(tmp_path / "logs" / "evaluation.log")


REQUEST = EvaluationRequest(references=("builtin",), data="x")


@pytest.mark.parametrize("does", ["sys.exit(3)", "sys.stdin.close(); sys.exit(3)", "1 / 0"])
def test_a_child_that_dies_is_told_with_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, does: str
) -> None:
    process = child_that(monkeypatch, tmp_path, does)
    with pytest.raises(UserError, match="stopped unexpectedly.*evaluation.log"):
        process.run(REQUEST, lambda _: None)
    assert ("ZeroDivisionError" in (tmp_path / "logs" / "evaluation.log").read_text()) is (does == "1 / 0")


def test_a_child_that_talks_nonsense_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    process = child_that(monkeypatch, tmp_path, "print('hello', flush=True); time.sleep(60)")
    with pytest.raises(UserError, match="sent something unreadable"):
        process.run(REQUEST, lambda _: None)


def test_a_cancelled_evaluation_ends_its_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    progress = '{"type":"progress","stage":"measuring"}'
    process = child_that(monkeypatch, tmp_path, f"print('{progress}', flush=True); time.sleep(60)")
    seen: list[Any] = []

    def cancel_from_elsewhere(progress: EvaluationProgress) -> None:
        seen.append(progress.stage)
        threading.Thread(target=process.cancel).start()

    with pytest.raises(UserError, match="was cancelled"):
        process.run(REQUEST, cancel_from_elsewhere)
    assert seen == ["measuring"]


def test_the_child_ends_when_its_asker_is_gone(tiny_model: Path, tmp_path: Path) -> None:
    import subprocess

    from engine.process import child_environment, child_folder
    from trainers.evaluation import encode

    text = tmp_path / "long.txt"
    text.write_text("A long text that takes a while to read. " * 100_000)
    request = EvaluationRequest(references=(str(tiny_model),), data=str(text), threads=1)
    child = subprocess.Popen(
        [sys.executable, "-m", "trainers.evaluation_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=child_folder(),
        env=child_environment(),
    )
    assert child.stdin is not None
    child.stdin.write(encode(request))
    child.stdin.close()
    assert child.wait(timeout=30) == 1
