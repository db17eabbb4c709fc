"""A vocabulary of single characters, taken from the text a model learns.

    tokenizer = CharTokenizer.from_text(text)                       # exactly the characters of the text
    tokenizer = CharTokenizer.from_text(text, (UNKNOWN, END_OF_TEXT))   # and special tokens after them

A character outside the vocabulary becomes `<|unk|>` when that token exists, else "?" or a space when the
vocabulary has one, else it is left out: never an error, and `count_unknown` tells how often.
The one rule: ids are the characters in order of their code points, then the special tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.tokenizers import END_OF_TEXT, UNKNOWN, TokenArray, token_dtype, without_lone_surrogates
from engine.tokenizers.tokenizer_files import special_tokens_of, tokenizer_json, write_tokenizer

VOCAB_FILE = "vocab.txt"
STAND_INS = "? "  # for unknown characters where there is no unknown token, best first
ID_WITHOUT_TOKEN = "\ufffd"  # what an id shows as that a model's padded vocabulary has and ours has not
_SPLIT = {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False}
_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\"}


class CharTokenizer:
    """One id per character."""

    kind = "characters"

    def __init__(self, characters: Sequence[str], special_tokens: Sequence[str] = ()) -> None:
        _refuse_bad_vocabulary(characters, special_tokens)
        self.characters = tuple(characters)
        self.vocab_size = len(characters) + len(special_tokens)
        self.special_tokens = {name: len(characters) + i for i, name in enumerate(special_tokens)}
        self.end_of_text = self.special_tokens.get(END_OF_TEXT)
        stand_ins = [self.characters.index(c) for c in STAND_INS if c in self.characters]
        self.unknown: int | None = self.special_tokens.get(UNKNOWN, stand_ins[0] if stand_ins else None)
        self._names = (*characters, *special_tokens)
        self._sizes = np.array(
            [*(len(c.encode()) for c in characters), *(0 for _ in special_tokens)], dtype=np.int64
        )

    @classmethod
    def from_text(cls, text: str | Iterable[str], special_tokens: Sequence[str] = ()) -> CharTokenizer:
        """The vocabulary of a text, or of the pieces of one too large for memory.

        Raises:
            UserError: when the text is empty.
        """
        pieces = [text] if isinstance(text, str) else text
        found: set[str] = set()
        for piece in pieces:
            found |= set(without_lone_surrogates(piece))
        if not found:
            raise UserError("The text is empty, so there are no characters to make a vocabulary of.")
        return cls(sorted(found), special_tokens)

    @classmethod
    def from_json(cls, data: dict[str, Any], source: str) -> CharTokenizer:
        """Read a tokenizer.json that `save` wrote.

        Raises:
            UserError: when its vocabulary has holes or is not made of characters.
        """
        special = special_tokens_of(data)
        vocab = {**data["model"]["vocab"], **special}
        names = sorted(vocab, key=lambda name: vocab[name])
        if [vocab[name] for name in names] != list(range(len(names))):
            raise UserError(
                f"{source}: the ids of the vocabulary are not 0 to {len(names) - 1}; the file is damaged."
            )
        characters = [name for name in names if name not in special]
        if names[: len(characters)] != characters:
            raise UserError(f"{source}: special tokens must come after the characters.")
        return _from_names(cls, characters, names[len(characters) :], source)

    @classmethod
    def read_vocab(cls, path: Path) -> CharTokenizer:
        r"""Read a vocab.txt: one character per line in id order (`\n`, `\t`, ... escaped), then special tokens.

        Raises:
            UserError: naming the line that is neither.
        """
        try:
            lines = path.read_bytes().decode().removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read ({error}).") from None
        entries = [_unescaped(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]
        characters = [entry for entry in entries if len(entry) == 1]
        if entries[: len(characters)] != characters:
            raise UserError(f"{path}: special tokens must come after the characters.")
        return _from_names(cls, characters, entries[len(characters) :], str(path))

    def write_vocab(self, path: Path) -> None:
        """Write the vocabulary for people and other programs, one entry per line."""
        lines = [*map(_escaped, self.characters), *self.special_tokens]
        path.write_bytes("".join(line + "\n" for line in lines).encode())

    def encode(self, text: str) -> list[int]:
        """One id per character that is known or has a stand-in."""
        ids: list[int] = self._encode(text).tolist()
        return ids

    def encode_to_array(self, text: str) -> TokenArray:
        """One id per character that is known or has a stand-in."""
        return self._encode(text).astype(token_dtype(self.vocab_size))

    def count_unknown(self, text: str) -> int:
        """How many characters of `text` are outside the vocabulary."""
        return int(np.count_nonzero(self._look_up(text) < 0))

    def decode(self, ids: Sequence[int]) -> str:
        """The characters; special tokens as their names."""
        return "".join(map(self._name, ids))

    def stream_decoder(self) -> CharStreamDecoder:
        """Every token is complete at once."""
        return CharStreamDecoder(self)

    def bytes_per_token(self, ids: Sequence[int] | TokenArray) -> int:
        """UTF-8 bytes of all `ids` together."""
        return int(self._sizes[np.asarray(ids, dtype=np.int64)].sum())

    def with_special_tokens(self, names: Sequence[str]) -> CharTokenizer:
        """The same characters with more special tokens at the end."""
        return CharTokenizer(self.characters, tuple(dict.fromkeys([*self.special_tokens, *names])))

    def save(self, directory: Path) -> None:
        """Write tokenizer.json, tokenizer_config.json and vocab.txt."""
        write_tokenizer(directory, self._to_json(), END_OF_TEXT if self.end_of_text is not None else None)
        self.write_vocab(directory / VOCAB_FILE)

    def _to_json(self) -> dict[str, Any]:
        # Where nothing stands in for unknown characters they are taken out before WordLevel, which would refuse them.
        known = "".join(f"\\x{{{ord(c):X}}}" for c in self.characters)
        drop = {"type": "Replace", "pattern": {"Regex": f"[^{known}]"}, "content": ""}
        stand_in = self._names[self.unknown] if self.unknown is not None else self.characters[0]
        vocab = {name: i for i, name in enumerate(self._names)}
        return tokenizer_json(
            self.special_tokens,
            normalizer=drop if self.unknown is None else None,
            pre_tokenizer=_SPLIT,
            decoder={"type": "Fuse"},
            model={"type": "WordLevel", "vocab": vocab, "unk_token": stand_in},
        )

    @cached_property
    def _table(self) -> TokenArray:
        """Code point -> id, -1 for unknown; the last entry stands for everything beyond."""
        codes = np.array([ord(c) for c in self.characters], dtype=np.int64)
        table = np.full(int(codes.max()) + 2, -1, dtype=np.int64)
        table[codes] = np.arange(len(codes))
        return table

    def _look_up(self, text: str) -> TokenArray:
        """The id of each character, -1 where there is none."""
        codes = np.frombuffer(without_lone_surrogates(text).encode("utf-32-le"), dtype=np.uint32)
        return self._table[np.minimum(codes, len(self._table) - 1)]

    def _encode(self, text: str) -> TokenArray:
        ids = self._look_up(text)
        return ids[ids >= 0] if self.unknown is None else np.where(ids < 0, self.unknown, ids)

    def _name(self, token_id: int) -> str:
        return self._names[token_id] if 0 <= token_id < self.vocab_size else ID_WITHOUT_TOKEN


class CharStreamDecoder:
    """Shows each token as it comes."""

    def __init__(self, tokenizer: CharTokenizer) -> None:
        self._tokenizer = tokenizer

    def feed(self, token_id: int) -> str:
        """The character."""
        return self._tokenizer.decode([token_id])

    def finish(self) -> str:
        """Nothing is ever held back."""
        return ""


def is_char_tokenizer(data: dict[str, Any]) -> bool:
    """Whether a tokenizer.json is one that `CharTokenizer.save` wrote."""
    model = data.get("model")
    return (
        isinstance(model, dict) and model.get("type") == "WordLevel" and data.get("pre_tokenizer") == _SPLIT
    )


def _from_names(
    cls: type[CharTokenizer], characters: list[str], special: list[str], source: str
) -> CharTokenizer:
    try:
        return cls(characters, special)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None


def _refuse_bad_vocabulary(characters: Sequence[str], special_tokens: Sequence[str]) -> None:
    if not characters:
        raise UserError("A vocabulary needs at least one character.")
    if wrong := next((c for c in characters if len(c) != 1), None):
        raise UserError(f"A vocabulary of characters cannot hold {wrong!r}, which is not one character.")
    if short := next((name for name in special_tokens if len(name) < 2), None):
        raise UserError(f"The special token {short!r} must be longer than one character.")
    counts = Counter([*characters, *special_tokens])
    if double := next((name for name, count in counts.items() if count > 1), None):
        raise UserError(f"{double!r} stands twice in the vocabulary.")


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unescaped(line: str, place: str) -> str:
    if line == "":
        raise UserError(rf"{place}: the line is empty. Write a newline character as \n; a space as a space.")
    if len(line) == 1 or not line.startswith("\\"):
        return line
    simple = {escape: character for character, escape in _ESCAPES.items()}
    if line in simple:
        return simple[line]
    if line[1] in "uU" and len(line) in (6, 10):
        try:
            return chr(int(line[2:], 16))
        except (ValueError, OverflowError):
            pass
    raise UserError(
        rf"{place}: '{line}' is no character. Escapes are \n, \r, \t, \\, \u and 4 digits, \U and 8."
    )
