"""Byte-level byte pair encoding as GPT-2 does it, for GPT-2's own vocabulary and for ours; tiktoken encodes.

    "Hello world" -> pieces "Hello", " world" -> their bytes -> merged pair by pair, the lowest id first

Stored as a Hugging Face tokenizer.json, whose merges are worked out again from the ids (a token's merge is what
its bytes come to with the tokens before it). Read from that, or from GPT-2's two files.
The one rule: the same ids as Hugging Face `tokenizers` gives for the same file, for any text.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tiktoken

from engine.errors import UserError
from engine.model_card import read_json
from engine.tokenizers import END_OF_TEXT, TokenArray, token_dtype, without_lone_surrogates
from engine.tokenizers.tokenizer_files import special_tokens_of, tokenizer_json, write_tokenizer

# GPT-2's pattern with possessive quantifiers: the same pieces, but it cannot run out of stack on long ones.
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
CHUNK = 1 << 17  # characters given to tiktoken at once
LARGEST_ID = 10_000_000  # no vocabulary is near it, and a list of that length still fits into memory
_ID_WITHOUT_TOKEN = "\ufffd".encode()  # shown for ids that a model's padded vocabulary has and ours has not
_PRE_TOKENIZER = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def _letters_for_bytes() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte: itself where it can be seen, else a letter from U+0100 on."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return {byte: chr(byte) for byte in seen} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}


LETTERS = _letters_for_bytes()
_BYTES = {letter: byte for byte, letter in LETTERS.items()}


class BpeTokenizer:
    """Any text to ids and back; nothing is unknown, since every byte has a token."""

    kind = "byte-level BPE"
    unknown = None

    def __init__(
        self, ranks: Mapping[bytes, int], special_tokens: Mapping[str, int], end_of_text: int | None = None
    ) -> None:
        self.ranks = dict(sorted(ranks.items(), key=lambda item: item[1]))  # bytes of a token -> its id
        self.special_tokens = dict(special_tokens)
        self.end_of_text = self.special_tokens.get(END_OF_TEXT) if end_of_text is None else end_of_text
        ids = [*self.ranks.values(), *self.special_tokens.values()]
        self.vocab_size = max(ids) + 1
        self._token_bytes = [_ID_WITHOUT_TOKEN] * self.vocab_size
        for token, i in self.ranks.items():
            self._token_bytes[i] = token
        for name, i in self.special_tokens.items():
            self._token_bytes[i] = name.encode()
        self._encoding = tiktoken.Encoding(
            "byte-level BPE",
            pat_str=PATTERN,
            mergeable_ranks=self.ranks,
            special_tokens=self.special_tokens,
        )

    @classmethod
    def from_json(
        cls,
        data: dict[str, Any],
        source: str,
        end_of_text: str | None = None,
        end_of_text_id: int | None = None,
    ) -> BpeTokenizer:
        """Read a tokenizer.json for which `is_gpt2_style` holds; the end of text by its name or else its id.

        Raises:
            UserError: when two tokens have one id, or a byte has none.
        """
        special = special_tokens_of(data)
        ranks = _ranks(data["model"]["vocab"], special)
        _refuse_damaged(ranks, special, source)
        named = special.get(end_of_text or "")
        by_id = end_of_text_id if end_of_text_id in special.values() else None
        return cls(ranks, special, named if named is not None else by_id)

    @classmethod
    def from_vocab_and_merges(cls, vocab_path: Path, merges_path: Path) -> BpeTokenizer:
        """Read GPT-2's two files, vocab.json (encoder.json) and merges.txt (vocab.bpe).

        Raises:
            UserError: when they do not belong together or are damaged.
        """
        vocab = read_json(vocab_path, "the tokenizer needs it")
        try:
            lines = merges_path.read_bytes().decode().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{merges_path}: cannot be read ({error}).") from None
        merges = [line for line in lines if line and not line.startswith("#version")]
        products = {line.replace(" ", "", 1) for line in merges}
        special = {name: i for name, i in vocab.items() if name not in products and name not in _BYTES}
        try:
            if len(special) > 16 or not _are_in_id_order(vocab, merges):
                raise UserError(
                    f"{vocab_path}: does not belong to {merges_path.name}, or one of them is damaged."
                )
            ranks = _ranks(vocab, special)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise UserError(
                f"{vocab_path}: does not belong to {merges_path.name}, or one of them is damaged."
            ) from None
        _refuse_damaged(ranks, special, str(vocab_path))
        return cls(ranks, special)

    def encode(self, text: str) -> list[int]:
        """Ids; special tokens written in the text stay text."""
        return [
            i for chunk in _chunks(without_lone_surrogates(text)) for i in self._encode_chunk(chunk).tolist()
        ]

    def encode_to_array(self, text: str) -> TokenArray:
        """Ids as an array."""
        arrays = [self._encode_chunk(chunk) for chunk in _chunks(without_lone_surrogates(text))]
        dtype = token_dtype(self.vocab_size)
        return np.concatenate(arrays).astype(dtype) if arrays else np.zeros(0, dtype)

    def count_unknown(self, text: str) -> int:
        """None: every text can be expressed."""
        return 0

    def decode(self, ids: Sequence[int]) -> str:
        """Text; incomplete characters become U+FFFD, special tokens their names."""
        return b"".join(map(self.bytes_of, ids)).decode("utf-8", "replace")

    def bytes_of(self, token_id: int) -> bytes:
        """What a token stands for, which may be part of a character."""
        return self._token_bytes[token_id] if 0 <= token_id < self.vocab_size else _ID_WITHOUT_TOKEN

    def stream_decoder(self) -> BytesStreamDecoder:
        """A decoder that waits for the rest of a character."""
        return BytesStreamDecoder(self)

    def bytes_per_token(self, ids: Sequence[int] | TokenArray) -> int:
        """UTF-8 bytes of all `ids` together."""
        return int(self._sizes[np.asarray(ids, dtype=np.int64)].sum())

    def with_special_tokens(self, names: Sequence[str]) -> BpeTokenizer:
        """The same merges with more special tokens at the end."""
        new = [name for name in dict.fromkeys(names) if name not in self.special_tokens]
        added = {name: self.vocab_size + i for i, name in enumerate(new)}
        return BpeTokenizer(self.ranks, {**self.special_tokens, **added}, self.end_of_text)

    def save(self, directory: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json."""
        end = next((name for name, i in self.special_tokens.items() if i == self.end_of_text), None)
        write_tokenizer(directory, self._json, end)

    @cached_property
    def _json(self) -> dict[str, Any]:
        """Worked out once, since every checkpoint of a run writes it."""
        vocab = {_spelled(token): i for token, i in self.ranks.items()} | self.special_tokens
        model = {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [[_spelled(left), _spelled(right)] for left, right in recover_merges(self.ranks)],
        }
        decoder = {**_PRE_TOKENIZER, "add_prefix_space": True}
        return tokenizer_json(self.special_tokens, pre_tokenizer=_PRE_TOKENIZER, decoder=decoder, model=model)

    @cached_property
    def _sizes(self) -> TokenArray:
        sizes = np.zeros(self.vocab_size, dtype=np.int64)
        for token, i in self.ranks.items():
            sizes[i] = len(token)
        return sizes

    def _encode_chunk(self, chunk: str) -> TokenArray:
        try:
            return self._encoding.encode_to_numpy(chunk, disallowed_special=())
        except BaseException as error:
            # A panic inside tiktoken is not an `Exception`, and its class cannot be imported.
            if type(error).__name__ != "PanicException" or len(chunk) < 2:
                raise
        half = len(chunk) // 2
        return np.concatenate([self._encode_chunk(chunk[:half]), self._encode_chunk(chunk[half:])])


class BytesStreamDecoder:
    """Joins the bytes of tokens and shows only whole characters."""

    def __init__(self, tokenizer: BpeTokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token_id: int) -> str:
        """What became complete."""
        return self._decoder.decode(self._tokenizer.bytes_of(token_id))

    def finish(self) -> str:
        """U+FFFD for what did not."""
        return self._decoder.decode(b"", final=True)


def is_gpt2_style(data: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json is byte-level BPE exactly as GPT-2's, so that tiktoken gives the same ids."""
    model = data.get("model") or {}
    before = data.get("pre_tokenizer") or {}
    added = data.get("added_tokens") or []
    return (
        model.get("type", "BPE") == "BPE"
        and not any(model.get(key) for key in ("dropout", "byte_fallback", "unk_token", "fuse_unk"))
        and not any(model.get(key) for key in ("continuing_subword_prefix", "end_of_word_suffix"))
        and data.get("normalizer") is None
        and before.get("type") == "ByteLevel"
        and before.get("add_prefix_space") is False
        and before.get("use_regex", True) is True
        and all(token.get("special") for token in added)
        and _every_token_is_a_merge(model, {token["content"] for token in added})
    )


def recover_merges(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """The two parts of every token longer than a byte, in id order: its bytes merged by the tokens before it."""
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) < 2:
            continue
        parts = [bytes([byte]) for byte in token]
        while len(parts) > 2:
            pairs = [ranks.get(left + right, rank) for left, right in itertools.pairwise(parts)]
            lowest = min(pairs)
            if lowest >= rank:
                raise UserError(
                    f"The token {token!r} cannot be made of two earlier ones; the vocabulary is damaged."
                )
            at = pairs.index(lowest)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        yield parts[0], parts[1]


def _chunks(text: str) -> Iterator[str]:
    """Bounded pieces of a text, cut before white space that follows other characters: there GPT-2's pattern
    always ends a token, so the cut changes no id. Only a run of more than CHUNK without such a place is cut anyhow.
    """
    start = 0
    while len(text) - start > CHUNK:
        cut = max(text.rfind(" ", start + 1, start + CHUNK), text.rfind("\n", start + 1, start + CHUNK))
        while cut > start and text[cut - 1].isspace():
            cut -= 1
        end = cut if cut > start else start + CHUNK
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _spelled(token: bytes) -> str:
    return "".join(LETTERS[byte] for byte in token)


def _ranks(vocab: Mapping[str, int], special: Mapping[str, int]) -> dict[bytes, int]:
    return {bytes(_BYTES[c] for c in token): i for token, i in vocab.items() if token not in special}


def _refuse_damaged(ranks: Mapping[bytes, int], special: Mapping[str, int], source: str) -> None:
    ids = [*ranks.values(), *special.values()]
    if len(set(ids)) != len(ids) or not all(isinstance(i, int) and i >= 0 for i in ids):
        raise UserError(f"{source}: several tokens have the same id; the file is damaged.")
    if max(ids, default=0) > LARGEST_ID:
        raise UserError(f"{source}: there are ids above {LARGEST_ID}; the file is damaged.")
    if missing := [byte for byte in range(256) if bytes([byte]) not in ranks]:
        raise UserError(
            f"{source}: the vocabulary lacks {len(missing)} of the 256 bytes; the file is damaged."
        )


def _every_token_is_a_merge(model: Mapping[str, Any], special: set[str]) -> bool:
    vocab = model.get("vocab") or {}
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model.get("merges") or []]
    plain = sum(token not in special for token in vocab)
    return plain == len(_BYTES) + len(merges) and _are_in_id_order(vocab, merges)


def _are_in_id_order(vocab: Mapping[str, int], merges: Sequence[str]) -> bool:
    """tiktoken merges the pair with the lowest id first, so the ids must follow the merges."""
    ids = [vocab.get(merge.replace(" ", "", 1), -1) for merge in merges]
    return min(ids, default=0) >= 0 and all(a < b for a, b in itertools.pairwise(ids))
