"""Tokenizers of foreign models: one as Llama 3 has it (byte-level, other pattern), one as Llama 2 (SentencePiece)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from engine.chat import assistant, user
from engine.errors import UserError
from engine.tokenizers.chat_format import render
from engine.tokenizers.chat_formats import ZEPHYR
from engine.tokenizers.hugging_face import HuggingFaceTokenizer
from engine.tokenizers.loading import load_tokenizer
from tests.engine.tokenizers.test_bpe import HOSTILE

TEXTS = ["The lamp is lit, the cat sleeps, it is 10 past 1000. Grüße 你好\n"] * 4


def byte_level() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(r"\p{N}{1,3}| ?\p{L}+|[^\p{L}\p{N}]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|eot_id|>"])
    return tokenizer


def sentence_piece() -> tokenizers.Tokenizer:
    bytes_of_last_resort = [f"<0x{byte:02X}>" for byte in range(256)]
    pieces = [
        "<unk>",
        "<s>",
        "</s>",
        *bytes_of_last_resort,
        *sorted(set("".join(TEXTS).replace("\n", ""))),
        "▁",
        "▁t",
    ]
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = tokenizers.Tokenizer(
        models.BPE(vocab, [("▁", "t")], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


@pytest.fixture(scope="module", params=[byte_level, sentence_piece])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param.__name__)
    request.param().save(str(path / "tokenizer.json"))
    end = "<|eot_id|>" if request.param is byte_level else "</s>"
    (path / "tokenizer_config.json").write_text(f'{{"eos_token": {{"content": "{end}"}}}}')
    return path


@pytest.fixture(scope="module")
def tokenizer(directory: Path) -> HuggingFaceTokenizer:
    loaded = load_tokenizer(directory)
    assert isinstance(loaded, HuggingFaceTokenizer)
    return loaded


def test_the_end_of_text_is_known_by_its_name(tokenizer: HuggingFaceTokenizer):
    assert tokenizer.decode([tokenizer.end_of_text]) in ("<|eot_id|>", "</s>")
    assert tokenizer.end_of_text in tokenizer.special_tokens.values()


def test_without_a_name_the_end_of_text_is_the_id_in_the_models_config(directory: Path, tmp_path: Path):
    (tmp_path / "tokenizer.json").write_bytes((directory / "tokenizer.json").read_bytes())
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [2, 1]}')
    assert load_tokenizer(tmp_path).end_of_text == 2


def test_special_tokens_in_the_text_stay_text(tokenizer: HuggingFaceTokenizer):
    for name in tokenizer.special_tokens:
        if name != "<unk>":
            ids = tokenizer.encode(f"a {name} b")
            assert not set(ids) & set(tokenizer.special_tokens.values())
            assert tokenizer.decode(ids) == f"a {name} b"


@given(text=st.text() | st.text(st.sampled_from("a \n你🙂é1\u0301"), max_size=30))
@settings(deadline=None)
def test_any_text_survives_and_streams_without_half_characters(tokenizer: HuggingFaceTokenizer, text: str):
    ids = tokenizer.encode(text)
    decoder = tokenizer.stream_decoder()
    pieces = [*map(decoder.feed, ids), decoder.finish()]
    assert "".join(pieces) == tokenizer.decode(ids) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)
    assert tokenizer.encode_to_array(text).tolist() == ids
    assert tokenizer.bytes_per_token(ids) == len(text.encode())


@given(ids=st.lists(st.integers(0, 250), max_size=40))
@settings(deadline=None)
def test_bytes_that_never_become_characters_do_not_hold_a_stream_up(
    tokenizer: HuggingFaceTokenizer, ids: list[int]
):
    decoder = tokenizer.stream_decoder()
    shown = "".join(map(decoder.feed, ids * 3)) + decoder.finish()
    assert bool(shown) == bool(tokenizer.decode(ids * 3))


def test_lone_surrogates_are_made_valid(tokenizer: HuggingFaceTokenizer):
    assert tokenizer.decode(tokenizer.encode("a\ud800")) == "a\ufffd"


def test_saved_and_loaded_it_is_the_same_also_with_more_special_tokens(
    tokenizer: HuggingFaceTokenizer, tmp_path: Path
):
    extended = tokenizer.with_special_tokens(["<|user|>", "</s>"])
    assert extended.special_tokens["<|user|>"] == tokenizer.vocab_size
    extended.save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.special_tokens == extended.special_tokens
    assert (loaded.vocab_size, loaded.end_of_text) == (extended.vocab_size, tokenizer.end_of_text)
    assert loaded.encode("the lamp <|user|>") == tokenizer.encode("the lamp <|user|>")


def test_a_reply_in_the_midst_of_a_text_gets_no_space_put_before_it(tokenizer: HuggingFaceTokenizer):
    ids, _ = render([user("the cat"), assistant("sleeps")], tokenizer, ZEPHYR)
    assert tokenizer.decode(ids).count("<|assistant|>\nsleeps") == 1


def test_a_file_the_library_cannot_read_is_refused(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Unknown"}}')
    with pytest.raises(UserError, match=r"tokenizer\.json: the tokenizer cannot be read"):
        load_tokenizer(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("repeated", HOSTILE)
def test_a_million_repeats_take_seconds_not_hours(tokenizer: HuggingFaceTokenizer, repeated: str):
    started = time.monotonic()
    tokenizer.encode((repeated * 1_000_000)[:1_000_000])
    assert time.monotonic() - started < 15  # one core in use by others doubles it; a square would take hours
