"""Character vocabularies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.tokenizers import END_OF_TEXT, UNKNOWN
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.loading import load_tokenizer

AWKWARD = "a b\n\r\t\\\x00\x1b\x85\u2028\u200b\ufeff🙂é'\"<|"


def test_the_vocabulary_is_exactly_the_characters_in_order():
    tokenizer = CharTokenizer.from_text("cab\nbac")
    assert tokenizer.characters == ("\n", "a", "b", "c")
    assert tokenizer.encode("abc") == [1, 2, 3]
    assert (tokenizer.vocab_size, tokenizer.end_of_text, tokenizer.unknown) == (4, None, None)


def test_tiny_shakespeare_has_65_characters_as_nanogpt_counts_them(shakespeare: str):
    tokenizer = CharTokenizer.from_text(shakespeare)
    ids = tokenizer.encode_to_array(shakespeare)
    assert tokenizer.vocab_size == 65
    assert ids.dtype == "uint16"
    assert tokenizer.decode(ids.tolist()) == shakespeare


def test_special_tokens_come_after_the_characters():
    tokenizer = CharTokenizer.from_text("ba", (UNKNOWN, END_OF_TEXT))
    assert tokenizer.special_tokens == {UNKNOWN: 2, END_OF_TEXT: 3}
    assert tokenizer.end_of_text == 3
    assert tokenizer.with_special_tokens([END_OF_TEXT, "<|user|>"]).special_tokens["<|user|>"] == 4


def test_an_unknown_character_becomes_the_unknown_token():
    tokenizer = CharTokenizer.from_text("ab", (UNKNOWN,))
    assert tokenizer.encode("a🙂b") == [0, 2, 1]
    assert tokenizer.decode([0, 2, 1]) == "a<|unk|>b"


def test_without_an_unknown_token_a_question_mark_or_else_a_space_stands_in():
    assert CharTokenizer.from_text("a ?").decode(CharTokenizer.from_text("a ?").encode("a🙂")) == "a?"
    assert CharTokenizer.from_text("a b").decode(CharTokenizer.from_text("a b").encode("a🙂b")) == "a b"


def test_without_any_stand_in_unknown_characters_are_left_out_and_counted():
    tokenizer = CharTokenizer.from_text("ab")
    assert tokenizer.encode("a🙂b\U0010ffff") == [0, 1]
    assert tokenizer.count_unknown("a🙂b\U0010ffff") == 2


def test_special_tokens_in_the_text_stay_text():
    tokenizer = CharTokenizer.from_text("<|endoftext|>", (END_OF_TEXT,))
    ids = tokenizer.encode("<|endoftext|>")
    assert tokenizer.end_of_text not in ids
    assert tokenizer.decode(ids) == "<|endoftext|>"


def test_bytes_are_those_of_utf_8_and_special_tokens_have_none():
    tokenizer = CharTokenizer.from_text("aé🙂", (END_OF_TEXT,))
    assert tokenizer.bytes_per_token([*tokenizer.encode("aé🙂"), 3]) == 1 + 2 + 4


def test_an_id_beyond_the_vocabulary_is_shown_and_does_not_fail():
    tokenizer = CharTokenizer.from_text("ab")
    assert tokenizer.decode([0, 99, 1]) == "a\ufffdb"
    assert tokenizer.stream_decoder().feed(99) == "\ufffd"


def test_lone_surrogates_are_made_valid_before_anything_else():
    assert CharTokenizer.from_text("a\ud800").characters == ("a", "\ufffd")
    assert CharTokenizer.from_text("🙂").encode("\ud83d\ude42") == [0]


@given(st.text(), st.text(min_size=1))
def test_any_text_survives_the_way_there_and_back(text: str, others: str):
    tokenizer = CharTokenizer.from_text(others + text)
    decoder = tokenizer.stream_decoder()
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert "".join(map(decoder.feed, ids)) + decoder.finish() == text
    assert tokenizer.encode_to_array(text).tolist() == ids


@pytest.mark.parametrize("special", [(), (UNKNOWN, END_OF_TEXT)])
def test_a_saved_tokenizer_is_the_same_when_loaded(tmp_path: Path, special: tuple[str, ...]):
    tokenizer = CharTokenizer.from_text(AWKWARD, special)
    tokenizer.save(tmp_path)
    for loaded in (load_tokenizer(tmp_path), CharTokenizer.read_vocab(tmp_path / "vocab.txt")):
        assert isinstance(loaded, CharTokenizer)
        assert loaded.characters == tokenizer.characters
        assert loaded.special_tokens == tokenizer.special_tokens
        assert loaded.end_of_text == tokenizer.end_of_text


def test_vocab_txt_has_one_line_per_character(tmp_path: Path):
    CharTokenizer.from_text("a b\n\t\\", (END_OF_TEXT,)).write_vocab(tmp_path / "vocab.txt")
    lines = ["\\t", "\\n", " ", "\\\\", "a", "b", "<|endoftext|>"]
    assert (tmp_path / "vocab.txt").read_bytes() == ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\n\nb\n", "line 2: the line is empty"),
        ("a\n\\q\n", r"line 2: '\\q' is no character"),
        ("a\n\\uzzzz\n", "line 2"),
        ("a\na\n", "'a' stands twice"),
        ("a\n<|user|>\nb\n", "special tokens must come after"),
    ],
)
def test_a_damaged_vocab_txt_is_refused_by_line(tmp_path: Path, content: str, message: str):
    (tmp_path / "vocab.txt").write_text(content, encoding="utf-8", newline="\n")
    with pytest.raises(UserError, match=message):
        CharTokenizer.read_vocab(tmp_path / "vocab.txt")


def test_a_vocab_txt_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=re.escape("vocab.txt: cannot be read")):
        CharTokenizer.read_vocab(tmp_path / "vocab.txt")


def test_an_empty_text_gives_no_vocabulary():
    with pytest.raises(UserError, match="empty"):
        CharTokenizer.from_text("")


def test_an_entry_that_is_not_one_character_is_refused():
    with pytest.raises(UserError, match="not one character"):
        CharTokenizer(["ab"])
    with pytest.raises(UserError, match="longer than one character"):
        CharTokenizer(["a"], ["b"])


@pytest.mark.parametrize("vocabulary", ["ab?", "ab", AWKWARD])
@pytest.mark.parametrize("special", [(), (UNKNOWN, END_OF_TEXT)])
@given(text=st.text(st.sampled_from("ab?^]-\n\\ é🙂x")))
def test_hugging_face_gives_the_same_ids(
    tmp_path_factory: pytest.TempPathFactory, vocabulary: str, special: tuple[str, ...], text: str
):
    directory = (
        tmp_path_factory.getbasetemp() / f"char-{vocabulary.isalpha()}-{len(vocabulary)}-{len(special)}"
    )
    tokenizer = CharTokenizer.from_text(vocabulary, special)
    if not directory.exists():
        tokenizer.save(directory)
    oracle = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    oracle.encode_special_tokens = True
    assert oracle.encode(text).ids == tokenizer.encode(text)
    assert oracle.decode(tokenizer.encode(text), skip_special_tokens=False) == tokenizer.decode(
        tokenizer.encode(text)
    )
