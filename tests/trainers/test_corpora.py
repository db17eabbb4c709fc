"""Token files hold what the data holds, split as promised."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import UserError
from engine.tokenizers import END_OF_TEXT
from engine.tokenizers.bpe_training import train_bpe
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.chat_formats import CHAT, COMPLETION
from trainers.config import TrainingConfig
from trainers.corpora import IGNORED, Corpus, TextWindows
from trainers.corpus_building import build_corpus, pieces, training_texts


def say_nothing(stage: str) -> None:
    """Nobody watches."""


def built(config: TrainingConfig, folder: Path) -> Corpus:
    tokenizer = CharTokenizer.from_text(training_texts(config))
    return build_corpus(config, tokenizer, COMPLETION, folder, say_nothing)


def built_chats(config: TrainingConfig, folder: Path) -> tuple[Corpus, CharTokenizer]:
    tokenizer = CharTokenizer.from_text(training_texts(config), CHAT.special_tokens)
    return build_corpus(config, tokenizer, CHAT, folder, say_nothing), tokenizer


def test_one_text_is_split_by_characters_as_nanogpt_does(tmp_path: Path, tiny: TrainingConfig) -> None:
    corpus = built(tiny, tmp_path / "tokens")
    text = Path(tiny.dataset).read_text()
    characters = sorted(set(text))
    expected = [characters.index(character) for character in text]
    cut = int(len(text) * 0.9)
    assert corpus.train.ids.tolist() == expected[:cut]
    assert corpus.validation is not None
    assert corpus.validation.ids.tolist() == expected[cut:]


def test_rows_are_split_by_their_own_hash_and_end_with_the_end_token(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": f"row {number}"}) + "\n" for number in range(100)))
    config = tiny.with_changes("test", dataset=str(rows))
    tokenizer = CharTokenizer.from_text(training_texts(config), (END_OF_TEXT,))
    corpus = build_corpus(config, tokenizer, COMPLETION, tmp_path / "tokens", say_nothing)
    held_out = tokenizer.decode(corpus.validation.ids.tolist()).split(END_OF_TEXT)[:-1]
    learnt = tokenizer.decode(corpus.train.ids.tolist()).split(END_OF_TEXT)[:-1]
    assert 2 < len(held_out) < 25
    assert sorted(held_out + learnt) == sorted(f"row {number}" for number in range(100))


def test_windows_cover_the_validation_text_once() -> None:
    windows = TextWindows(np.arange(111_540, dtype=np.uint16), 64)
    assert len(windows) == 1742
    inputs, targets, segments, _ = windows.at(np.arange(1742))
    assert segments is None
    assert (inputs.ravel() == np.arange(1742 * 64) % 65536).all()
    assert (targets.ravel() == (np.arange(1742 * 64) + 1) % 65536).all()


def test_the_batch_of_a_step_depends_on_seed_and_step_alone() -> None:
    ids = np.arange(1000, dtype=np.uint16)
    first, again = TextWindows(ids, 8), TextWindows(ids, 8)
    first.batch(4, seed=1, step=6)  # what was drawn before does not matter
    assert (first.batch(4, 1, 7).inputs == again.batch(4, 1, 7).inputs).all()
    assert (first.batch(4, 1, 7).inputs != again.batch(4, 2, 7).inputs).any()


def test_only_answers_and_their_end_are_targets(
    tmp_path: Path, tiny: TrainingConfig, chats_file: Path
) -> None:
    config = tiny.with_changes("test", method="fine_tuning", dataset=str(chats_file), context_length=120)
    corpus, tokenizer = built_chats(config, tmp_path / "tokens")
    inputs, targets, segments, _ = corpus.train.at(np.arange(len(corpus.train)))
    said = "".join(tokenizer.decode([i]) if i != IGNORED else "" for i in targets.ravel().tolist())
    answers = [answer + " comes." for answer in said.replace(" comes.", "").split(END_OF_TEXT)[:-1]]
    conversations = [
        json.loads(line)["messages"][1]["content"] for line in chats_file.read_text().splitlines()
    ]
    assert len(answers) == corpus.files.train_rows > 40
    assert set(answers) <= set(conversations)
    assert segments is not None and inputs.shape == segments.shape
    first_of_each = np.diff(segments, axis=1) > 0
    assert (inputs[:, 1:][first_of_each & (inputs[:, 1:] != 0)] == tokenizer.special_tokens["<|user|>"]).all()


def test_an_epoch_shows_every_window_once(tmp_path: Path, tiny: TrainingConfig, chats_file: Path) -> None:
    config = tiny.with_changes("test", method="fine_tuning", dataset=str(chats_file), context_length=60)
    windows = built_chats(config, tmp_path / "tokens")[0].train
    count = len(windows)
    rows = np.concatenate([windows.batch(1, 5, step).inputs for step in range(count)])
    everything = windows.at(np.arange(count)).inputs
    assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, everything.tolist()))
    second = np.concatenate([windows.batch(1, 5, count + step).inputs for step in range(count)])
    assert rows.tolist() != second.tolist()


def test_a_long_text_gives_the_same_tokens_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "It's the  end,\n\n\n  isn't it?\nYes 1234 " * 40
    tokenizer = train_bpe([text], 270)
    monkeypatch.setattr("trainers.corpus_building._PIECE", 50)
    cut = list(pieces([text[:700], text[700:]]))
    assert len(cut) > 5 and "".join(cut) == text
    assert [i for piece in cut for i in tokenizer.encode(piece)] == tokenizer.encode(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"context_length": 100_000}, "smaller context_length"),
    ],
)
def test_data_that_cannot_train_is_refused_with_advice(
    tmp_path: Path, tiny: TrainingConfig, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        built(tiny.with_changes("test", **changes), tmp_path / "tokens")
    assert not (tmp_path / "tokens").exists()


def test_however_small_the_share_something_validates(tmp_path: Path, tiny: TrainingConfig) -> None:
    corpus = built(tiny.with_changes("test", validation_share=0.0001), tmp_path / "tokens")
    assert corpus.validation is not None and len(corpus.validation) >= 1


def test_fine_tuning_on_plain_rows_is_refused_with_advice(tmp_path: Path, tiny: TrainingConfig) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "only text"}\n')
    with pytest.raises(UserError, match="no conversation with an assistant turn"):
        built_chats(tiny.with_changes("test", method="fine_tuning", dataset=str(rows)), tmp_path / "tokens")


def test_an_empty_file_is_refused(tmp_path: Path, tiny: TrainingConfig) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(UserError, match="empty"):
        built(tiny.with_changes("test", dataset=str(tmp_path / "empty.txt")), tmp_path / "tokens")


@pytest.mark.parametrize(("method", "name"), [("pretraining", "train.bin"), ("fine_tuning", "train.marks")])
@pytest.mark.parametrize("keep", [None, 5])
def test_a_token_file_that_is_gone_or_cut_off_is_told(
    tmp_path: Path, tiny: TrainingConfig, chats_file: Path, method: str, name: str, keep: int | None
) -> None:
    folder = tmp_path / "tokens"
    if method == "pretraining":
        built(tiny, folder)
    else:
        built_chats(
            tiny.with_changes("test", method=method, dataset=str(chats_file), context_length=60), folder
        )
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if keep is not None:
        (folder / name).write_bytes(content[: -2 * keep])
    with pytest.raises(UserError, match="of the train data are damaged. Delete this folder and resume"):
        Corpus(folder)
