"""`tui-chat data`: every line accounted for, and rows as the model will see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.paths import datasets_path
from tui_chat import lens_text
from tui_chat.cli import main
from tui_chat.commands_training import config_for


def data(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["data", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture
def chats(tmp_path: Path) -> str:
    """Three lines: a good one, one that holds controls, a bad one."""
    path = tmp_path / "chats.jsonl"
    rows = [{"prompt": "Hi", "completion": "Yes"}, {"prompt": "\x1b[2J\n", "completion": "No"}, {"x": 1}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_rows_are_printed_with_brackets_where_there_are_no_colours(
    capsys: pytest.CaptureFixture[str], chats: str
) -> None:
    code, out, _ = data(capsys, chats, "--tokenizer", "char", "--context-length", "12")
    assert code == 0
    assert "[learnt] · only read · {cut off} · (padding)" in out
    assert "<|user|>Hi<|assistant|>[Yes<|endoftext|>] (5 × padding)" in out
    assert "line 3: unknown fields ('x')" in out
    assert "\x1b" not in out and "␛[2J⏎\n" in out


def test_a_terminal_gets_colours_unless_no_color_is_set(
    capsys: pytest.CaptureFixture[str], chats: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    _, out, _ = data(capsys, chats, "--tokenizer", "char", "--context-length", "12")
    assert "\x1b[32mY\x1b[0m" in out or "\x1b[92mY\x1b[0m" in out
    assert "\x1b[2J" not in out
    monkeypatch.setenv("NO_COLOR", "1")
    _, out, _ = data(capsys, chats, "--tokenizer", "char", "--context-length", "12")
    assert "\x1b" not in out


def test_json_holds_the_contracts_keys_and_the_rows_that_were_asked_for(
    capsys: pytest.CaptureFixture[str], chats: str
) -> None:
    arguments = (chats, "--tokenizer", "char", "--context-length", "6", "--rows", "1", "--json")
    code, out, _ = data(capsys, *arguments)
    facts: dict[str, Any] = json.loads(out)
    assert code == 0 and facts["format"] == "prompt_completion" and facts["rows"] == 2
    assert facts["rejected"][0]["line"] == 3 and facts["duplicates"] == 0
    (row,) = facts["samples"]
    assert row["tokens"][0] == ["<|user|>", "masked"]
    assert (row["trained"], row["masked"], row["cut"], row["padding"]) == (3, 4, 1, 0)
    assert facts["truncated_rows"] == 2
    assert facts["tokens"] == facts["trained_tokens"] + facts["masked_tokens"] + facts["cut_tokens"]
    assert any("Rows cut off at the end" in warning for warning in facts["warnings"])


def test_settings_of_the_run_show_in_what_it_would_see(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "Hi", "completion": "Yes"}\n' * 4)
    look = (str(path), "--tokenizer", "char", "--context-length", "15", "--set")
    _, out, _ = data(capsys, *look, "prompt_loss=0.1", "packing=false", "validation_share=0.0")
    assert "[learnt] · /prompt, learnt too/ · only read" in out and ", 3 exact repetitions" in out
    assert "<|user|>/Hi<|assistant|>/[Yes<|endoftext|>] (8 × padding)" in out
    assert "prompt, learnt too: 12" in out and "padding: 32" in out
    assert "counts 0.1 in the training loss" in out
    _, out, _ = data(capsys, *look, "validation_share=0.0")
    assert "padding: 0" not in out and "prompt, learnt too" not in out


def test_settings_need_a_tokenizer_and_must_exist(capsys: pytest.CaptureFixture[str], chats: str) -> None:
    code, _, problem = data(capsys, chats, "--set", "packing=false")
    assert code != 0 and "--tokenizer" in problem
    code, _, problem = data(capsys, chats, "--tokenizer", "char", "--set", "pakking=false")
    assert code != 0 and "packing" in problem


def test_what_no_run_could_start_with_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "A question longer than that", "completion": "Yes"}\n')
    _, out, _ = data(capsys, str(path), "--tokenizer", "char", "--context-length", "6")
    assert "A run could not start: No token would be trained on" in out


def test_a_method_that_does_not_fit_and_a_context_that_is_none_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, chats: str
) -> None:
    (tmp_path / "a.txt").write_text("text\n")
    arguments = (str(tmp_path / "a.txt"), "--tokenizer", "char", "--method", "fine_tuning")
    code, _, errors = data(capsys, *arguments)
    assert code == 1 and "fine-tuning needs conversations" in errors
    code, _, errors = data(capsys, chats, "--tokenizer", "char", "--context-length", "1")
    assert code == 1 and "at least 2" in errors
    code, _, errors = data(capsys, chats, "--tokenizer", "char", "--context-length", "0")
    assert code == 1 and "at least 2" in errors
    code, _, errors = data(capsys, chats, "--tokenizer", "char", "--rows", "-1")
    assert code == 1 and "--rows must be 0 or more" in errors
    code, out, _ = data(capsys, chats, "--tokenizer", "char", "--method", "pretraining", "--rows", "1")
    assert code == 0 and "window 1, trains" in out and "[User: Hi⏎\nAssistant: Yes<|endoftext|>]" in out


def test_no_colour_runs_over_the_end_of_a_line() -> None:
    assert lens_text._painted("a\nb\n", "32") == "\x1b[32ma\x1b[0m\n\x1b[32mb\x1b[0m\n"


@pytest.mark.parametrize(
    ("name", "content"), [("empty.txt", b""), ("blank.txt", b"\n \n"), ("bad.jsonl", b"nonsense\n")]
)
def test_data_with_nothing_in_it_is_said_so_with_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    code, out, errors = data(capsys, str(tmp_path / name), "--json")
    assert code == 1 and "there is nothing in it to learn from" in errors
    assert "There is nothing in it to learn from." in json.loads(out)["warnings"]
    code, out, errors = data(capsys, str(tmp_path / name), "--tokenizer", "char")
    assert code == 1 and "there is nothing in it" in errors


@pytest.mark.parametrize("name", ["photo.txt", "photo.dat"])
def test_a_binary_file_is_refused_whatever_its_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(bytes(range(256)) * 10)
    code, out, errors = data(capsys, str(tmp_path / name))
    assert (code, out) == (1, "") and "this is not a text file" in errors


def test_one_is_not_written_as_many(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"prompt": "Hi", "completion": "Yes"}\nnonsense\n')
    _, out, _ = data(capsys, str(tmp_path / "one.jsonl"))
    assert "1 row," in out and "1 line cannot be used; it is left out." in out


def test_without_a_file_the_data_sets_of_chatting_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    datasets_path().mkdir(parents=True)
    row = {"prompt": "Hi", "chosen": "Hello!", "rejected": "Go away."}
    (datasets_path() / "my-preferences.jsonl").write_text(json.dumps(row) + "\n")
    code, out, _ = data(capsys)
    assert code == 0
    assert "my-preferences  1 row: replies that you preferred" in out
    assert "my-corrections  0 rows. To fill it, choose" in out
    _, out, _ = data(capsys, "--json")
    assert [json.loads(line)["rows"] for line in out.splitlines()] == [1, 0, 0]
    code, out, _ = data(capsys, "my-preferences")
    assert code == 0 and "my-preferences.jsonl: preference, 1 row" in out
    assert "  Row 1\n" in out and "Hello!" in out and "--tokenizer builtin" in out
    assert "Hello!" not in data(capsys, "my-preferences", "--rows", "0")[1]
    code, _, err = data(capsys, "my-favourites")
    assert code == 1 and "my-favourites: there is nothing in it yet. To fill it" in err


def test_a_configuration_file_may_name_them_too(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(
        'method = "fine_tuning"\ndataset = "my-corrections"\nvalidation_dataset = "held.jsonl"\n'
    )
    read = config_for(str(config))
    assert read.dataset == "my-corrections" and read.validation_dataset == str(tmp_path / "held.jsonl")
