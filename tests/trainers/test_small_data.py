"""Small data: something is always held out, and what is too small is refused before a run is made."""

import json
from pathlib import Path

import pytest

from engine.errors import UserError
from trainers.config import TrainingConfig
from trainers.corpus_building import conversations
from trainers.data_splits import divider, split_of, training_characters
from trainers.evaluation_data import ChosenData, Shares
from trainers.launcher import start_run
from trainers.methods.assembly import open_data
from trainers.small_data import try_out
from trainers.tokenizer_choice import make_tokenizer


def config(data: Path, **changes: object) -> TrainingConfig:
    small = {"num_layers": 1, "num_heads": 1, "embedding_size": 16, "context_length": 16, "batch_size": 2}
    return TrainingConfig.from_dict({**small, "dataset": str(data), **changes}, "test")


def rows(path: Path, count: int) -> Path:
    lines = [{"prompt": f"What is {n} and {n}?", "completion": f"It is {2 * n}."} for n in range(count)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def rows_that_all_train(path: Path, wanted: int) -> Path:
    """Rows of which the hash alone would hold out none."""
    some = rows(path, 200).read_text().splitlines()
    kept = [line for line in some if split_of(_text(line), 0.1) == "train"][:wanted]
    path.write_text("\n".join(kept))
    return path


def _text(line: str) -> str:
    from trainers.row_formats import understand

    return understand(json.loads(line), 1).as_text()


def test_of_a_few_rows_one_is_held_out_and_it_never_changes(tmp_path: Path):
    data = rows_that_all_train(tmp_path / "few.jsonl", 5)
    settings = config(data, method="fine_tuning", context_length=64, tokenizer="char")
    sides = [side for _, side in conversations(settings, lambda *rejected: None)]
    assert sorted(sides) == ["train"] * 4 + ["validation"]
    assert sides == [side for _, side in conversations(settings, lambda *rejected: None)]
    trial = try_out(settings)
    assert trial is not None and (trial.files.train_rows, trial.files.validation_rows) == (4, 1)


def test_evaluation_takes_the_same_row_that_training_held_out(tmp_path: Path):
    data = rows_that_all_train(tmp_path / "few.jsonl", 5)
    settings = config(data, method="fine_tuning")
    held_out = [
        row.as_text() for row, side in conversations(settings, lambda *r: None) if side == "validation"
    ]
    chosen = ChosenData(data, "validation", Shares(0.1, 0.0))
    assert [row.as_text() for row in chosen.rows()] == held_out


def test_where_the_hash_holds_rows_out_nothing_else_is(tmp_path: Path):
    data = rows(tmp_path / "many.jsonl", 200)
    side_of = divider(data, 0.1)
    texts = [_text(line) for line in data.read_text().splitlines()]
    assert [side_of(text) for text in texts] == [split_of(text, 0.1) for text in texts]
    assert {side_of(text) for text in texts} == {"train", "validation"}


def test_a_single_row_is_never_taken_from_training(tmp_path: Path):
    data = rows_that_all_train(tmp_path / "one.jsonl", 1)
    assert divider(data, 0.1)(_text(data.read_text())) == "train"


def test_of_a_text_the_share_is_held_out_and_at_least_a_few_characters():
    assert training_characters(1_000_000, 0.1) == 900_000
    assert training_characters(100, 0.001) == 84
    assert training_characters(10, 0.1) == 5
    assert training_characters(100, 0.0) == 100


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ("Too short.", {}, "Use more text or a smaller context_length"),
        ("Too short for bytes.", {"tokenizer": "bpe", "vocab_size": 300}, "too small for a vocabulary"),
    ],
)
def test_a_text_that_is_too_small_is_refused_before_there_is_a_run(
    tmp_path: Path, text: str, changes: dict[str, object], words: str
):
    data = tmp_path / "short.txt"
    data.write_text(text)
    with pytest.raises(UserError, match=words):
        start_run(config(data, **changes), tmp_path / "runs", "short")
    assert not (tmp_path / "runs" / "short").exists()


@pytest.mark.parametrize(("lost", "words"), [(40, "40 lines of it"), (1, " 1 line of it")])
def test_where_most_of_a_text_cannot_be_read_that_is_told_as_well(tmp_path: Path, lost: int, words: str):
    data = tmp_path / "latin.txt"
    data.write_bytes(b"few\n" + "déjà vu\n".encode("latin-1") * lost)
    with pytest.raises(UserError, match=f"{words} cannot be used; `tui-chat data` says why"):
        try_out(config(data))


@pytest.mark.parametrize(
    ("lost", "words"), [(1, "1 line could not be used"), (2, "2 lines could not be used")]
)
def test_the_log_says_how_many_lines_were_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lost: int, words: str
):
    data = tmp_path / "rows.jsonl"
    data.write_text('{"text": "All work and no play makes Jack a dull boy."}\n' * 9 + "not JSON\n" * lost)
    open_data(config(data, validation_share=0.0), tmp_path / "tokens", lambda stage: None)
    assert [record.getMessage() for record in caplog.records] == [words]


def test_the_trial_counts_exactly_what_the_run_will_read(tmp_path: Path):
    data = tmp_path / "text.txt"
    data.write_text("To be, or not to be. " * 100)
    trial = try_out(config(data))
    assert trial is not None
    assert (trial.files.train_tokens, trial.files.validation_tokens) == (1890, 210)
    assert (trial.train_windows, trial.validation_windows) == (1889 // 16, 209 // 16)


def test_larger_data_is_not_tried(tmp_path: Path):
    data = tmp_path / "text.txt"
    data.write_text("To be, or not to be. " * 100)
    assert try_out(config(data), most_bytes=100) is None


def test_the_reading_of_characters_tells_how_far_it_is(tmp_path: Path):
    data = tmp_path / "text.txt"
    data.write_text("To be, or not to be. " * 100_000)
    stages: list[str] = []
    make_tokenizer(config(data), stages.append)
    assert (
        stages[0] == "collecting characters: 1 million" and stages[-1] == "collecting characters: 2 million"
    )
