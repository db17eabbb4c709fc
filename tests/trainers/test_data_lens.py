"""The data lens shows what training would see, and tells what must not be trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from trainers import data_lens, launcher, packing
from trainers.config import TrainingConfig
from trainers.corpora import LEARNT, Ids
from trainers.corpus_building import build_corpus
from trainers.data_lens import look_at
from trainers.data_lens_report import LensRow, problems
from trainers.tokenizer_choice import make_tokenizer


def chat(question: str, answer: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def config_of(path: Path, *rows: object, **changes: object) -> TrainingConfig:
    """A fine-tuning run on these rows, with a vocabulary of their characters."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = TrainingConfig(method="fine_tuning", dataset=str(path), context_length=12, validation_share=0.0)
    return config.with_changes("test", **changes)


def words(row: LensRow, kind: str) -> list[str]:
    return [token.text for token in row.tokens if token.kind == kind]


def test_a_row_shows_what_is_learnt_what_is_only_read_and_the_padding(tmp_path: Path) -> None:
    report = look_at(config_of(tmp_path / "a.jsonl", chat("Hi", "Yes")))
    (row,) = report.samples
    assert words(row, "masked") == ["<|user|>", "H", "i", "<|assistant|>"]
    assert words(row, "trained") == ["Y", "e", "s", "<|endoftext|>"]
    assert words(row, "padding") == ["5 × padding"]  # a window is context_length + 1 wide
    assert (row.trained, row.masked, row.cut, row.padding) == (4, 4, 0, 5)
    assert problems(report) == ()


def test_what_is_beyond_the_context_is_shown_as_cut_off_and_told(tmp_path: Path) -> None:
    report = look_at(config_of(tmp_path / "a.jsonl", chat("Hi", "Yes, certainly!")))
    (row,) = report.samples
    assert "".join(words(row, "trained")) == "Yes, cert"
    assert words(row, "cut") == [*"ainly!", "<|endoftext|>"]
    assert (report.truncated_rows, report.cut_tokens) == (1, 7)
    assert any("longer than context_length 12: 1; the longest has" in warning for warning in report.warnings)


def test_the_counts_are_those_of_the_token_files_of_the_run(chats_file: Path, tmp_path: Path) -> None:
    config = TrainingConfig(method="fine_tuning", dataset=str(chats_file), context_length=60)
    report = look_at(config)
    tokenizer, chat_format = make_tokenizer(config, lambda stage: None)
    corpus = build_corpus(config, tokenizer, chat_format, tmp_path / "tokens", lambda stage: None)
    files = corpus.files
    assert (report.train_rows, report.validation_rows) == (files.train_rows, files.validation_rows)
    assert report.trained_tokens == files.train_tokens + files.validation_tokens
    assert report.windows == len(corpus.train)
    assert report.tokens == report.trained_tokens + report.masked_tokens + report.cut_tokens
    assert report.lengths.shortest <= report.lengths.median <= report.lengths.p95 <= report.lengths.longest


def test_training_on_padding_is_a_red_line_and_no_run_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = packing.packed_window

    def careless(conversations: list[tuple[Ids, Ids]], width: int) -> tuple[Ids, Ids]:
        ids, _ = real(conversations, width)
        return ids, np.full(width, LEARNT, dtype=np.uint8)  # labels = input ids

    monkeypatch.setattr(data_lens, "packed_window", careless)
    config = config_of(tmp_path / "a.jsonl", chat("Hi", "Yes"))
    (problem,) = problems(look_at(config))
    assert "5 tokens of padding would be trained on" in problem
    with pytest.raises(UserError, match="padding would be trained on"):
        launcher.start_run(config, tmp_path / "runs", "never")
    assert not (tmp_path / "runs" / "never").exists()


def test_a_masked_end_of_text_is_a_red_line_and_no_run_starts(tmp_path: Path) -> None:
    config = config_of(tmp_path / "a.jsonl", chat("Hi", "Yes"), chat_format="completion")
    (problem,) = problems(look_at(config))
    assert "In 1 of 1 rows the end-of-text is never a target" in problem
    with pytest.raises(UserError, match="never learn to stop"):
        launcher.start_run(config, tmp_path / "runs", "never")
    assert not (tmp_path / "runs" / "never").exists()


def test_a_reply_whose_end_is_cut_off_does_not_hide_that_it_has_none(tmp_path: Path) -> None:
    config = config_of(tmp_path / "a.jsonl", chat("Hi", "Yes, certainly!"))
    assert problems(look_at(config)) == ()
    (problem,) = problems(look_at(config.with_changes("test", chat_format="completion")))
    assert "never a target" in problem


def test_a_run_in_which_no_answer_fits_the_context_does_not_start(tmp_path: Path) -> None:
    config = config_of(tmp_path / "a.jsonl", chat("A very long question indeed?", "Yes"))
    report = look_at(config)
    assert report.rows_without_target == 1
    with pytest.raises(UserError, match="No token would be trained on"):
        launcher.start_run(config, tmp_path / "runs", "never")


def test_repetitions_are_named_and_those_across_the_split_are_told_apart(tmp_path: Path) -> None:
    held_out = tmp_path / "validation.jsonl"
    config = config_of(held_out, chat("Hi", "Yes"), chat("Ho", "No"))
    config = config_of(tmp_path / "a.jsonl", chat("Hi", "Yes"), chat("He", "No"), chat("He", "No"))
    report = look_at(config.with_changes("test", validation_dataset=str(held_out)))
    assert (report.duplicates, report.leaked_rows) == (2, 1)
    found = [(one.line, one.first_line, one.is_leak) for one in report.repetitions]
    assert found == [(3, 2, False), (1, 1, True)]
    assert any("Validation rows that also train: 1." in warning for warning in report.warnings)


@pytest.mark.parametrize("method", ["pretraining", "fine_tuning"])
def test_a_share_of_rows_can_be_kept_for_testing_and_validation_stays_the_same(
    chats_file: Path, tmp_path: Path, method: str
) -> None:
    config = TrainingConfig(dataset=str(chats_file), context_length=60)
    config = config.with_changes("test", method=method, test_share=0.2)
    tokenizer, chat_format = make_tokenizer(config, lambda stage: None)
    rows = []
    for number, share in enumerate((0.0, 0.2)):
        config = config.with_changes("test", test_share=share)
        folder = tmp_path / f"tokens-{number}"
        files = build_corpus(config, tokenizer, chat_format, folder, lambda stage: None).files
        rows.append((files.train_rows, files.validation_rows))
    report = look_at(config)
    assert report.test_rows > 0
    assert rows[1] == (report.train_rows, report.validation_rows)
    assert rows[0] == (report.train_rows + report.test_rows, report.validation_rows)


def test_prompts_that_count_in_the_loss_are_shown_as_learnt_and_the_end_is_still_wanted(
    tmp_path: Path,
) -> None:
    config = config_of(tmp_path / "a.jsonl", chat("Hi", "Yes"), prompt_loss=0.1)
    report = look_at(config)
    (row,) = report.samples
    assert words(row, "masked") == ["<|user|>"]  # nothing foretells a first token
    assert words(row, "prompt") == ["H", "i", "<|assistant|>"]
    assert words(row, "trained") == [*"Yes", "<|endoftext|>"]
    assert (report.prompt_tokens, report.trained_tokens, report.masked_tokens) == (3, 4, 1)
    assert any("counts 0.1 in the training loss" in warning for warning in report.warnings)
    assert problems(report) == ()
    (problem,) = problems(look_at(config.with_changes("test", chat_format="completion")))
    assert "never a target" in problem


def test_without_packing_each_row_has_a_window_of_its_own(chats_file: Path) -> None:
    config = TrainingConfig(method="fine_tuning", dataset=str(chats_file), context_length=90)
    packed, alone = look_at(config), look_at(config.with_changes("test", packing=False))
    assert alone.windows == alone.train_rows > packed.windows
    assert alone.padding_tokens > packed.padding_tokens


def test_rows_of_a_folder_are_named_with_their_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    config_of(folder / "a.jsonl", chat("Hi", "Yes"))
    config = config_of(folder / "b.jsonl", chat("Hi", "Yes"))
    report = look_at(config.with_changes("test", dataset=str(folder)))
    assert [(row.file, row.line) for row in report.samples] == [("a.jsonl", 1), ("b.jsonl", 1)]
    assert [(one.file, one.first_file) for one in report.repetitions] == [("b.jsonl", "a.jsonl")]


def test_long_lines_that_stand_in_both_texts_are_counted(tmp_path: Path) -> None:
    shared = "This is a line that is long enough to be nobody's chance repetition.\n"
    (tmp_path / "a.txt").write_text("one\n" * 20 + shared)
    (tmp_path / "b.txt").write_text("one\n" * 5 + shared)
    config = TrainingConfig(
        dataset=str(tmp_path / "a.txt"), validation_dataset=str(tmp_path / "b.txt"), context_length=8
    )
    assert look_at(config).leaked_rows == 1


def test_plain_text_is_shown_in_windows_of_which_the_first_token_is_only_read(text_file: Path) -> None:
    report = look_at(TrainingConfig(dataset=str(text_file), context_length=16), samples=3)
    assert [row.line for row in report.samples] == [1, 2, 3]
    shown = "".join(token.text for token in report.samples[0].tokens)
    assert shown == text_file.read_text()[:17]
    assert (report.samples[0].masked, report.samples[0].trained) == (1, 16)
    assert report.tokens == report.trained_tokens == len(text_file.read_text())


def test_rows_of_text_end_with_the_end_of_text_and_are_learnt_whole(tmp_path: Path) -> None:
    config = config_of(tmp_path / "a.jsonl", {"text": "One."}, method="pretraining")
    (row,) = look_at(config).samples
    assert words(row, "trained") == [*"One.", "<|endoftext|>"]


def test_characters_outside_the_vocabulary_are_counted_and_shown(tmp_path: Path, tiny_model: Path) -> None:
    config = config_of(tmp_path / "a.jsonl", chat("Héé", "Yes ☃"), base_model=str(tiny_model))
    report = look_at(config)
    assert (report.unknown_characters, report.unknown) == (3, "é☃")


def test_a_look_may_end_early_and_a_run_reads_on(chats_file: Path) -> None:
    config = TrainingConfig(method="fine_tuning", dataset=str(chats_file), context_length=60)
    report = look_at(config, samples=2, limit=10)
    assert (report.train_rows + report.validation_rows, len(report.samples)) == (10, 2)
    assert not report.data.complete


ODD_LINES = st.sampled_from(
    ['{"text": "a"}', "{", '{"prompt": "a", "completion": "b"}', "[1]", '{"x": 1}', '{"text": NaN}', "null"]
)


@given(st.lists(ODD_LINES, min_size=1, max_size=12), st.integers(2, 40))
@settings(max_examples=60, deadline=None)
def test_every_line_is_a_row_of_the_lens_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], context_length: int
) -> None:
    path = tmp_path_factory.mktemp("lens") / "a.jsonl"
    path.write_text('{"prompt": "ab", "completion": "b"}\n' + "".join(line + "\n" for line in lines))
    config = TrainingConfig(method="fine_tuning", dataset=str(path), context_length=context_length)
    report = look_at(config)
    rows = report.train_rows + report.validation_rows
    assert rows + report.data.rejected_count == 1 + len(lines)
    assert len(report.samples) + report.rows_without_target >= rows
    assert report.tokens == report.trained_tokens + report.masked_tokens + report.cut_tokens
