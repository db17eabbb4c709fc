"""Text files that go out with a message, as fenced blocks with their names, so that history and export keep them.

    file = read_attachment("~/notes.txt")            raises UserError: binary, too large, not UTF-8, not there
    message_with("Sum this up.", [file])             "File `notes.txt`:\n\n```txt\n...\n```\n\nSum this up."
    without_attachments(message)                     "Sum this up."

The files come first: where a context is too small, the end of a text is what is kept, and that is the question.
The one rule: what is sent is the file as it was when it was attached, whole or not at all.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UserError
from engine.paths import typed_path
from engine.wire import LoadedModel
from tui_chat.text import one_line

LARGEST = 1_000_000  # bytes; far more than any context, and still quick to show
_FEW_TOKENS, _MANY_TOKENS = 1000, 30_000  # in a vocabulary of single characters, and in one of long words
_BLOCK = re.compile(r"\AFile `[^`\n]+`:\n\n(`{3,})[\w.+-]*\n.*?\n\1(?:\n\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Attachment:
    """A text file as it was read."""

    name: str  # one line, without backticks
    text: str
    size: int  # bytes

    @property
    def label(self) -> str:
        """Name and size: "notes.txt 1.2 kB"."""
        return f"{one_line(self.name, 30)} {size_in_words(self.size)}"


def size_in_words(size: int) -> str:
    """1234 bytes as "1.2 kB"."""
    if size < 1000:
        return f"{size} byte{'s' if size != 1 else ''}"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def given_path(typed: str) -> Path:
    """The path a person means who types it, quotes it, or lets a terminal drop it with backslashes."""
    words = [typed.strip(), typed.strip().strip("'\"")]
    with contextlib.suppress(ValueError):  # a quote that is not closed
        words.append(" ".join(shlex.split(typed)))
    for word in words:
        path = typed_path(word)
        if word and _exists(path):
            return path
    return typed_path(words[1])


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False


def read_attachment(typed: str) -> Attachment:
    """Read the file a person named.

    Raises:
        UserError: when it is no text file that can be sent; says why.
    """
    path = given_path(typed)
    shown = one_line(str(path), 80)
    try:
        kind = path.stat()  # first: opening a pipe would wait for its other end
        if stat.S_ISDIR(kind.st_mode):
            raise UserError(f"{shown} is a folder. Attach one file at a time.")
        if not stat.S_ISREG(kind.st_mode):
            raise UserError(f"{shown} is not a regular file.")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise UserError(f"There is no file {shown}.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{shown} cannot be read ({getattr(error, 'strerror', error)}).") from None
    if len(data) > LARGEST:
        size = size_in_words(max(kind.st_size, len(data)))
        raise UserError(f"{shown} is {size}; at most {size_in_words(LARGEST)} can be attached.")
    name = one_line(path.name, 100).replace("`", "'")
    return Attachment(name, _text_of(data, shown), len(data))


def _text_of(data: bytes, shown: str) -> str:
    if not data.strip():
        raise UserError(f"{shown} is empty.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{shown} is UTF-16 text. Save it as UTF-8 to attach it.")
    if b"\0" in data:
        raise UserError(f"{shown} is not a text file.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{shown}, line {line}: not UTF-8 text. Save it as UTF-8 to attach it.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def pasted(text: str, names: Sequence[str]) -> Attachment:
    """A text that was pasted, as a file with a name of its own."""
    numbered = ("pasted.txt", *(f"pasted-{number}.txt" for number in range(2, len(names) + 3)))
    name = next(name for name in numbered if name not in names)
    return Attachment(name, text, len(text.encode("utf-8", "replace")))


def problem_of_length(files: Sequence[Attachment], model: LoadedModel) -> str:
    """Says that a model cannot read all of these files, by a guess at their tokens; empty where it may well."""
    vocabulary = model.vocab_size or _MANY_TOKENS  # unknown of a model behind a server
    letters_of_token = 1 if vocabulary < _FEW_TOKENS else 3 if vocabulary < _MANY_TOKENS else 4
    tokens = sum(len(file.text) for file in files) // letters_of_token
    if not model.context_length or tokens <= model.context_length:
        return ""
    what = one_line(files[0].name, 30) if len(files) == 1 else "What is attached"
    return (
        f"{what} is about {round(tokens, -2):,} tokens long, and the model reads {model.context_length:,}: "
        "only the end would reach it."
    )


def message_with(text: str, attachments: Sequence[Attachment]) -> str:
    """The message that is sent: the files, then what was typed."""
    return "\n\n".join([*(_block(file) for file in attachments), *([text] if text else [])])


def _block(file: Attachment) -> str:
    longest = max((len(run) for run in re.findall("`{3,}", file.text)), default=2)
    fence = "`" * (longest + 1)  # longer than any inside
    language = Path(file.name).suffix[1:]
    word = language if re.fullmatch(r"[A-Za-z0-9+]{1,10}", language) else ""
    return f"File `{file.name}`:\n\n{fence}{word}\n{file.text.removesuffix(chr(10))}\n{fence}"


def parts_of(message: str) -> tuple[str, str]:
    """The files of a message as they were sent, and what was typed beside them."""
    rest = message
    while match := _BLOCK.match(rest):
        rest = rest[match.end() :]
    return message[: len(message) - len(rest)], rest


def without_attachments(message: str) -> str:
    """What was typed beside the files; all of it when there are none, or when nothing was typed."""
    return parts_of(message)[1] or message


def named(files: Sequence[Attachment], name: str) -> list[Attachment]:
    """The attached files of this name; all of them when none is named.

    Raises:
        UserError: when there is none.
    """
    if not files:
        raise UserError("No file is attached. /attach PATH attaches one.")
    if found := [file for file in files if name in ("", file.name)]:
        return found
    names = ", ".join(one_line(file.name, 30) for file in files)
    raise UserError(f"No such file is attached. Attached: {names}.")
