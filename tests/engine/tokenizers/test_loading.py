"""Choosing the tokenizer of a model directory, and refusing damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.tokenizers import UNKNOWN
from engine.tokenizers.bpe import BpeTokenizer
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.hugging_face import HuggingFaceTokenizer
from engine.tokenizers.loading import load_tokenizer


def change(directory: Path, **parts: Any) -> None:
    """Change top-level parts of tokenizer.json."""
    path = directory / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | parts), encoding="utf-8")


def model_of(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "tokenizer.json").read_bytes())["model"]


def test_a_directory_without_a_tokenizer_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"tokenizer\.json is missing"):
        load_tokenizer(tmp_path)


def test_a_file_that_is_not_json_is_refused(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text('{"model":')
    with pytest.raises(UserError, match="not valid JSON"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_larger_than_the_model_is_refused(bpe: BpeTokenizer, tmp_path: Path):
    bpe.save(tmp_path)
    for model_vocab_size in (bpe.vocab_size, bpe.vocab_size + 47):  # models pad their vocabulary
        (tmp_path / "config.json").write_text(json.dumps({"vocab_size": model_vocab_size}))
        assert load_tokenizer(tmp_path).vocab_size == bpe.vocab_size
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": bpe.vocab_size - 1}))
    with pytest.raises(UserError, match=r"380 tokens, but the model knows only 379.*different models"):
        load_tokenizer(tmp_path)


def test_a_vocabulary_of_characters_with_holes_is_refused(tmp_path: Path):
    CharTokenizer.from_text("abc").save(tmp_path)
    change(tmp_path, model={**model_of(tmp_path), "vocab": {"a": 0, "b": 7}})
    with pytest.raises(UserError, match="ids of the vocabulary are not 0 to 1"):
        load_tokenizer(tmp_path)


def test_special_tokens_among_the_characters_are_refused(tmp_path: Path):
    CharTokenizer.from_text("abc", (UNKNOWN,)).save(tmp_path)
    added = json.loads((tmp_path / "tokenizer.json").read_bytes())["added_tokens"]
    change(
        tmp_path,
        added_tokens=[{**added[0], "id": 1}],
        model={**model_of(tmp_path), "vocab": {"a": 0, UNKNOWN: 1, "b": 2, "c": 3}},
    )
    with pytest.raises(UserError, match="special tokens must come after"):
        load_tokenizer(tmp_path)


def test_a_vocabulary_of_characters_that_holds_a_word_is_refused(tmp_path: Path):
    CharTokenizer.from_text("abc").save(tmp_path)
    change(tmp_path, model={**model_of(tmp_path), "vocab": {"a": 0, "bcd": 1}})
    with pytest.raises(UserError, match=r"tokenizer\.json: .*'bcd'"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("vocab", [None, 7, ["a"], {"a": "x", "b": 1}])
def test_a_vocabulary_of_the_wrong_kind_is_refused(tmp_path: Path, vocab: object):
    CharTokenizer.from_text("abc").save(tmp_path)
    change(tmp_path, model={**model_of(tmp_path), "vocab": vocab})
    with pytest.raises(UserError, match="damaged"):
        load_tokenizer(tmp_path)


def test_two_tokens_with_one_id_are_refused(bpe: BpeTokenizer, tmp_path: Path):
    bpe.save(tmp_path)
    model = model_of(tmp_path)
    model["vocab"]["a"] = model["vocab"]["b"]
    change(tmp_path, model=model)
    with pytest.raises(UserError, match="same id"):
        load_tokenizer(tmp_path)


def test_ids_without_bounds_are_refused_before_they_take_the_memory(bpe: BpeTokenizer, tmp_path: Path):
    bpe.save(tmp_path)
    model = model_of(tmp_path)
    model["vocab"][max(model["vocab"], key=model["vocab"].get)] = 10**12
    added = json.loads((tmp_path / "tokenizer.json").read_bytes())["added_tokens"]
    change(tmp_path, model=model, added_tokens=[*added[:-1], {**added[-1], "id": 10**12}])
    with pytest.raises(UserError, match="ids above 10000000"):
        load_tokenizer(tmp_path)


def test_bpe_that_tiktoken_would_encode_otherwise_goes_to_the_other_library(
    bpe: BpeTokenizer, tmp_path: Path
):
    bpe.save(tmp_path)
    before = json.loads((tmp_path / "tokenizer.json").read_bytes())["pre_tokenizer"]
    change(tmp_path, pre_tokenizer={**before, "add_prefix_space": True})
    loaded = load_tokenizer(tmp_path)
    assert isinstance(loaded, HuggingFaceTokenizer)
    assert loaded.encode("lamp") == bpe.encode(" lamp")
    assert loaded.end_of_text == bpe.end_of_text
