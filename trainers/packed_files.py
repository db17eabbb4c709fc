"""Files packed with gzip, xz or Zstandard, read as what is in them.

    with open_unpacked(Path("chats.jsonl.zst")) as file, reading(path): file.readline()

The one rule: a packed file that is damaged or cut off is told as such, and never ends early without a word.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from engine.errors import UserError

PACKED_SUFFIXES = (".gz", ".xz", ".zst")
_BEGINNINGS = {b"\x1f\x8b\x08": ".gz", b"\xfd7zXZ\0": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}
_UNPACKING_ERRORS = (gzip.BadGzipFile, lzma.LZMAError, EOFError, zlib.error)
_BLOCK_SIZE = 1 << 17  # packed bytes read at once


def inner_suffix(path: Path) -> str:
    """The suffix under .gz, .xz or .zst, in small letters."""
    packed = path.suffix.lower() in PACKED_SUFFIXES
    return (Path(path.stem).suffix if packed else path.suffix).lower()


def open_unpacked(path: Path) -> IO[bytes]:
    """A binary stream of the unpacked content.

    Raises:
        UserError: when the package that unpacks it is not installed.
        OSError: when the file cannot be opened.
    """
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".zst": _open_zst}
    return cast(IO[bytes], openers.get(_packing_of(path), open)(path, "rb"))


def _packing_of(path: Path) -> str:
    """How a file is packed: as its name says, or else as it begins."""
    if path.suffix.lower() in PACKED_SUFFIXES:
        return path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(6)
    return next((suffix for beginning, suffix in _BEGINNINGS.items() if start.startswith(beginning)), "")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell what goes wrong inside as a person would want to hear it."""
    try:
        yield
    except _UNPACKING_ERRORS as error:
        raise UserError(f"{path}: the packed file is damaged ({error}).") from None
    except OSError as error:  # a disk or network drive that fails half-way
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None


def _open_zst(path: Path, mode: str) -> IO[bytes]:
    try:  # here, for hardly anybody needs it, and it need not be installed
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        raise UserError(
            f"{path}: reading .zst needs the package zstandard, which is not installed. Run "
            "pip install 'tui-chat[zst]', or unpack the file first."
        ) from None
    return io.BufferedReader(_ZstStream(path.open(mode), zstandard))


class _ZstStream(io.RawIOBase):
    """The content of a .zst file; unlike the package's own reader it tells when the file is cut off."""

    def __init__(self, file: IO[Any], zstandard: Any) -> None:
        self._file = file
        self._zstandard = zstandard
        self._frame: Any = None  # None between two frames
        self._packed = b""
        self._ready = b""

    def readable(self) -> bool:
        """It is for reading only."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill as much of `buffer` as is ready; 0 at the end."""
        while not self._ready and self._unpack_more():
            pass
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def _unpack_more(self) -> bool:
        self._packed = self._packed or self._file.read(_BLOCK_SIZE)
        if not self._packed:
            if self._frame is not None:
                raise EOFError("it ends in the middle")
            return False
        frame = self._frame or self._zstandard.ZstdDecompressor().decompressobj()
        try:
            self._ready = frame.decompress(self._packed)
        except self._zstandard.ZstdError as error:
            raise zlib.error(str(error)) from None
        self._packed = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame
        return True

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()
