"""Byte-level BPE: tiktoken encodes, `tokenizers` is the oracle."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.tokenizers import END_OF_TEXT
from engine.tokenizers import bpe as bpe_module
from engine.tokenizers.bpe import BpeTokenizer, recover_merges
from engine.tokenizers.gpt2 import gpt2_tokenizer
from engine.tokenizers.loading import load_tokenizer

ANY_TEXT = st.text() | st.text(st.sampled_from(" \n\t\r\u00a0\u3000\x1c\x85ab1'sS.é你🙂\u0301"), max_size=60)
HOSTILE = [
    *("a", " ", "\n", "\t", "=", "ab", "0", "é", "🙂", "'", "'s", " a", "\r\n", "\u00a0", "ﷺ", "\u0301"),
    *("<|endoftext|>", "\x00", "中", "\ud800"),
]


def saved(tokenizer: BpeTokenizer, directory: Path) -> tokenizers.Tokenizer:
    tokenizer.save(directory)
    oracle = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    oracle.encode_special_tokens = True
    return oracle


@pytest.fixture(scope="module")
def oracle(bpe: BpeTokenizer, tmp_path_factory: pytest.TempPathFactory) -> tokenizers.Tokenizer:
    return saved(bpe, tmp_path_factory.mktemp("bpe"))


@pytest.fixture(scope="module")
def gpt2(gpt2_files: Path) -> BpeTokenizer:
    loaded = gpt2_tokenizer(gpt2_files)
    assert isinstance(loaded, BpeTokenizer)
    return loaded


def test_gpt2_counts_the_tokens_of_tiny_shakespeare_as_everyone_does(gpt2: BpeTokenizer, shakespeare: str):
    split = len(shakespeare) * 9 // 10
    assert len(gpt2.encode_to_array(shakespeare[:split])) == 301_966
    assert len(gpt2.encode(shakespeare[split:])) == 36_059


def test_gpt2_has_its_known_ids(gpt2: BpeTokenizer):
    assert gpt2.encode("Hello world") == [15496, 995]
    assert (gpt2.vocab_size, gpt2.end_of_text) == (50257, 50256)


def test_gpt2_saved_is_gpt2_loaded(gpt2: BpeTokenizer, gpt2_files: Path, tmp_path: Path):
    oracle = saved(gpt2, tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert isinstance(loaded, BpeTokenizer)
    assert (loaded.ranks, loaded.special_tokens, loaded.end_of_text) == (
        gpt2.ranks,
        gpt2.special_tokens,
        50256,
    )
    lines = (gpt2_files / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    merges = json.loads((tmp_path / "tokenizer.json").read_bytes())["model"]["merges"]
    assert [" ".join(merge) for merge in merges] == lines
    text = "It's 9 o'clock;   the naïve café  opens.\n\n\tdef f(x):\n        return x  # 你好 🙂 \n  "
    assert oracle.encode(text).ids == gpt2.encode(text)


def test_a_folder_with_only_vocab_json_and_merges_txt_opens(
    gpt2: BpeTokenizer, gpt2_files: Path, tmp_path: Path
):
    shutil.copy(gpt2_files / "encoder.json", tmp_path / "vocab.json")
    shutil.copy(gpt2_files / "vocab.bpe", tmp_path / "merges.txt")
    loaded = load_tokenizer(tmp_path)
    assert isinstance(loaded, BpeTokenizer)
    assert (loaded.ranks, loaded.special_tokens) == (gpt2.ranks, gpt2.special_tokens)


@given(text=ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_hugging_face_gives_the_same_ids(bpe: BpeTokenizer, oracle: tokenizers.Tokenizer, text: str):
    assert oracle.encode(text).ids == bpe.encode(text)


@given(text=ANY_TEXT)
@settings(deadline=None)
def test_any_text_survives_and_streams_without_half_characters(bpe: BpeTokenizer, text: str):
    ids = bpe.encode(text)
    decoder = bpe.stream_decoder()
    pieces = [*map(decoder.feed, ids), decoder.finish()]
    assert "".join(pieces) == text
    assert bpe.decode(ids) == text
    assert bpe.bytes_per_token(ids) == len(text.encode())
    assert bpe.encode_to_array(text).tolist() == ids


@given(ids=st.lists(st.integers(0, 379)))
def test_streamed_ids_read_as_they_do_in_one_go(bpe: BpeTokenizer, ids: list[int]):
    decoder = bpe.stream_decoder()
    assert "".join(map(decoder.feed, ids)) + decoder.finish() == bpe.decode(ids)


def test_an_emoji_appears_only_when_its_last_byte_is_there(bpe: BpeTokenizer):
    decoder = bpe.stream_decoder()
    single_bytes = [bpe.ranks[bytes([byte])] for byte in "🙂".encode()]
    assert [decoder.feed(i) for i in single_bytes] == ["", "", "", "🙂"]
    assert decoder.finish() == ""


def test_a_character_that_never_becomes_complete_ends_as_a_replacement_character(bpe: BpeTokenizer):
    decoder = bpe.stream_decoder()
    assert decoder.feed(bpe.ranks[b"\xf0"]) == ""
    assert decoder.finish() == "\ufffd"


def test_special_tokens_in_the_text_stay_text(bpe: BpeTokenizer):
    for name in bpe.special_tokens:
        ids = bpe.encode(f"a {name} b")
        assert not set(ids) & set(bpe.special_tokens.values())
        assert bpe.decode(ids) == f"a {name} b"


def test_special_tokens_count_no_bytes_and_show_their_names(bpe: BpeTokenizer):
    end = bpe.special_tokens[END_OF_TEXT]
    assert bpe.bytes_per_token([*bpe.encode("é"), end]) == 2
    assert bpe.decode([end]) == END_OF_TEXT


def test_lone_surrogates_are_replaced_and_pairs_joined(bpe: BpeTokenizer):
    assert bpe.decode(bpe.encode("a\ud800b \ud83d\ude42")) == "a\ufffdb 🙂"


def test_an_id_beyond_the_vocabulary_is_shown_and_does_not_fail(bpe: BpeTokenizer):
    assert bpe.decode([bpe.vocab_size, -1]) == "\ufffd\ufffd"


def test_new_special_tokens_get_the_ids_after_all_others(bpe: BpeTokenizer, tmp_path: Path):
    extended = bpe.with_special_tokens([END_OF_TEXT, "<|tool|>"])
    assert extended.special_tokens["<|tool|>"] == bpe.vocab_size == extended.vocab_size - 1
    assert extended.encode("The lamp") == bpe.encode("The lamp")
    extended.save(tmp_path)
    assert load_tokenizer(tmp_path).special_tokens == extended.special_tokens


@given(text=ANY_TEXT)
@settings(deadline=None)
def test_cutting_a_long_text_into_chunks_changes_no_id(bpe: BpeTokenizer, text: str):
    long = text + " end\n" + text + " x" * 9 + text
    with pytest.MonkeyPatch.context() as patch:
        whole = bpe.encode(long)
        patch.setattr(bpe_module, "CHUNK", 2 * len(text) + 8)
        assert bpe.encode(long) == whole


@pytest.mark.parametrize("repeated", HOSTILE)
def test_repeats_are_encoded_and_come_back(bpe: BpeTokenizer, repeated: str):
    text = repeated * 20_000
    assert bpe.decode(bpe.encode_to_array(text).tolist()) == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )


@pytest.mark.slow
@pytest.mark.parametrize("repeated", HOSTILE)
def test_a_million_repeats_take_seconds_not_hours(bpe: BpeTokenizer, repeated: str):
    started = time.monotonic()
    bpe.encode((repeated * 1_000_000)[:1_000_000])
    assert time.monotonic() - started < 5


def test_a_panic_inside_tiktoken_is_survived_with_smaller_pieces(
    bpe: BpeTokenizer, monkeypatch: pytest.MonkeyPatch
):
    class PanicException(BaseException):
        pass

    whole = bpe._encoding

    class Fragile:
        def encode_to_numpy(self, text: str, **options: object):
            if len(text) > 10:
                raise PanicException
            return whole.encode_to_numpy(text, **options)

    monkeypatch.setattr(bpe, "_encoding", Fragile())
    assert bpe.decode(bpe.encode("The lamp on the sill is lit")) == "The lamp on the sill is lit"


def test_merges_are_found_again_from_the_ids_alone(bpe: BpeTokenizer):
    merges = list(recover_merges(bpe.ranks))
    assert [left + right for left, right in merges] == list(bpe.ranks)[256:]


def test_a_token_that_no_two_others_make_is_refused():
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"abc": 256}
    with pytest.raises(UserError, match="cannot be made of two earlier ones"):
        list(recover_merges(ranks))


def test_without_network_and_files_gpt2_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_network(name: str) -> None:
        raise ConnectionError(name)

    monkeypatch.setattr(tiktoken, "get_encoding", no_network)
    with pytest.raises(UserError, match=r"could not be downloaded .* vocab\.bpe and encoder\.json"):
        gpt2_tokenizer(tmp_path)


def test_a_downloaded_gpt2_is_kept_and_found_again_offline(
    gpt2: BpeTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Downloaded:
        eot_token = 50256
        decode_single_token_bytes = staticmethod(gpt2.bytes_of)

    downloads: list[str] = []
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: downloads.append(name) or Downloaded())
    monkeypatch.setenv("TUI_CHAT_HOME", str(tmp_path))
    assert gpt2_tokenizer().encode("Hello world") == [15496, 995]
    assert gpt2_tokenizer().encode("Hello world") == [15496, 995]
    assert downloads == ["gpt2"]


def test_files_of_two_models_are_refused(bpe: BpeTokenizer, tmp_path: Path):
    (tmp_path / "vocab.json").write_text('{"a": 0}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\nx y\n")
    with pytest.raises(UserError, match=r"does not belong to merges\.txt"):
        load_tokenizer(tmp_path)
