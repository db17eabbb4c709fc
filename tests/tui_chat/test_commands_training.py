"""`tui-chat train`, `runs` and `data` keep their contract: keys, exit codes, one JSON object per line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui_chat.cli import main

RUN_KEYS = [
    *("name", "directory", "pid", "state", "step", "max_steps", "loss", "val_loss", "val_bits_per_byte"),
    *("tokens_per_second", "seconds_left", "best_step", "error"),
]
SMALL = ("num_layers=1", "num_heads=2", "embedding_size=16", "context_length=16", "max_steps=6", "threads=1")


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, object]], str]:
    """Exit code, JSON lines of stdout, stderr."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()] if "--json" in arguments else []
    return int(ended.value.code or 0), lines, captured.err


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    path.write_text("All work and no play makes Jack a dull boy.\n" * 50)
    return str(path)


def test_a_run_is_trained_listed_resumed_and_deleted(capsys: pytest.CaptureFixture[str], text: str) -> None:
    code, [started], errors = command(
        capsys,
        "train",
        "quick-start",
        "--set",
        f"dataset={text}",
        *SMALL,
        "--name",
        "one",
        "--foreground",
        "--json",
    )
    assert code == 0 and list(started) == ["name", "directory", "pid"] and started["pid"]
    assert "one finished at step 6" in errors
    code, [listed], _ = command(capsys, "runs", "--json")
    assert list(listed) == RUN_KEYS
    assert (listed["state"], listed["step"], listed["error"]) == ("finished", 6, "")
    code, [resumed], _ = command(capsys, "runs", "resume", "one", "--max-steps", "8", "--json")
    assert code == 0 and resumed["max_steps"] == 8
    code, _, errors = command(capsys, "runs", "resume", "two")
    assert code == 1 and "There is no run 'two'. Runs: one." in errors


def test_settings_are_refused_with_their_names(capsys: pytest.CaptureFixture[str], text: str) -> None:
    refused = {
        "max_stepz=3": "Did you mean 'max_steps'?",
        "max_steps=0": "max_steps must be at least 1",
        "max_steps=many": "max_steps must be a whole number",
        "dropout=nan": "dropout must be a finite number",
        "n_head=7": "must be a multiple of n_head 7",  # as it was typed
    }
    for setting, words in refused.items():
        code, _, errors = command(
            capsys, "train", "quick-start", "--set", f"dataset={text}", "--set", setting
        )
        assert code == 1 and words in errors, errors
    code, _, errors = command(capsys, "train", "nosuch")
    assert code == 1 and "neither a recipe, nor a configuration file, nor data" in errors
    code, _, errors = command(capsys, "train", "--name", "x")
    assert code == 1 and "What shall be trained?" in errors
    code, _, errors = command(capsys, "runs", "stop")
    assert code == 1 and "Which run?" in errors


def test_paths_in_a_configuration_file_are_meant_from_its_folder(tmp_path: Path, text: str) -> None:
    from tui_chat.commands_training import config_for

    path = tmp_path / "run.toml"
    path.write_text('dataset = "text.txt"\nmax_steps = 5\n')
    config = config_for(str(path))
    assert (config.dataset, config.max_steps) == (text, 5)


def test_bare_data_chooses_a_recipe_for_its_kind(tmp_path: Path, text: str) -> None:
    from tui_chat.commands_training import config_for

    chats = tmp_path / "chats.jsonl"
    chats.write_text('{"question": "1 + 1?", "answer": "2"}\n')
    assert config_for(str(chats)).method == "fine_tuning"
    assert config_for(text).method == "pretraining"


def test_the_data_lens_counts_rows_tokens_and_what_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny_model: Path
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(
        '{"question": "Hi", "answer": "Hello"}\nnonsense\n{"question": "Hi", "answer": "Hello"}\n'
    )
    code, [facts], _ = command(capsys, "data", str(path), "--tokenizer", str(tiny_model), "--json")
    assert code == 0
    assert (facts["format"], facts["rows"], facts["duplicates"]) == ("question_answer", 2, 1)
    assert [bad["line"] for bad in facts["rejected"]] == [2]
    # <|user|> H i <|assistant|> H e l l o <|endoftext|>, of which the last six are learnt
    assert (facts["tokens"], facts["trained_tokens"], facts["masked_tokens"]) == (20, 12, 8)
    assert facts["truncated_rows"] == 0


def test_data_without_a_tokenizer_has_no_token_counts(capsys: pytest.CaptureFixture[str], text: str) -> None:
    code, [facts], _ = command(capsys, "data", text, "--json")
    assert code == 0 and facts["tokens"] is None and facts["characters"] == 2200


def test_recipes_are_listed_with_a_whole_sentence_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train"])
    lines = capsys.readouterr().out.splitlines()
    assert "shakespeare-char-muon" in lines and lines[-1].startswith("    ")
    ends = [line for line, after in zip(lines, [*lines[1:], "x"], strict=True) if not after.startswith(" ")]
    assert all(line.endswith(".") for line in ends)
    assert max(map(len, lines)) <= 100
