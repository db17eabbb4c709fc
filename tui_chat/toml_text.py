"""A TOML file as a person wrote it: where a key stands, and how one value changes while the rest stays.

The one rule: comments, order and layout are the person's; what is written back is parsed again and must hold
the old data plus the one change, or nothing is written.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli

from engine.errors import UserError
from engine.paths import private_directory

SIZE_LIMIT = 256 * 1024  # bytes; nobody's settings are longer, and the line search below is not linear


def read_text(path: Path) -> str | None:
    """The text of `path`, or None when there is no such file.

    Raises:
        UserError: when it cannot be read, is not UTF-8, or is far too large.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise UserError(f"{path}: larger than {SIZE_LIMIT // 1024} KiB; this cannot be a settings file.")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: not UTF-8 text. Save the file as UTF-8.") from None


def parse(text: str, source: str) -> dict[str, Any]:
    """The data in `text`.

    Raises:
        UserError: when it is not TOML; names `source` and the line.
    """
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise UserError(f"{source}, line {error.lineno}: not valid TOML ({reason}).") from None
    except RecursionError:
        raise UserError(f"{source}: nested too deeply to be a settings file.") from None
    except ValueError:  # integers of thousands of digits
        raise UserError(f"{source}: holds a number that is far too long.") from None


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The line on which the key `path` begins, counted from 1.

    Found by parsing ever longer beginnings of the text until the key is there, so every way TOML has of
    writing a key (tables, dotted keys, quotes, inline tables) is understood.
    """
    lines = text.splitlines(keepends=True)
    start = 0  # lines before it form a whole document without the key
    for end in range(1, len(lines) + 1):
        try:
            data: object = tomli.loads("".join(lines[:end]))
        except (ValueError, RecursionError):  # within a value of several lines
            continue
        if _holds(data, path):
            return start + 1
        start = end
    return None


def _holds(data: object, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def with_value(text: str, path: tuple[str, ...], value: object, source: str) -> str:
    """`text` with the key `path` set to `value`, or taken out when `value` is None; all else as it was.

    Raises:
        UserError: when `text` is not TOML, or is written in a way that cannot be changed safely.
    """
    import tomlkit  # lazy: 40 ms that only saving needs
    import tomlkit.exceptions

    before = parse(text, source)
    try:
        document: Any = tomlkit.parse(text)
        _set(document, path, value, tomlkit.table)
        changed: str = tomlkit.dumps(document)
        is_as_wished = _canonical(tomli.loads(changed)) == _canonical(_changed(before, path, value))
    except (tomlkit.exceptions.TOMLKitError, tomli.TOMLDecodeError, AttributeError, TypeError, KeyError):
        is_as_wished = False
    if not is_as_wished:
        raise UserError(
            f"{source}: '{'.'.join(path)}' cannot be changed safely here. Change it in an editor."
        )
    return changed


def _set(document: Any, path: tuple[str, ...], value: object, new_table: Any) -> None:
    *tables, name = path
    place = document
    for part in tables:
        if part not in place:
            if value is None:
                return
            place[part] = new_table()
        place = place[part]
    if value is None:
        place.pop(name, None)
    else:
        place[name] = value


def _canonical(data: dict[str, Any]) -> str:
    """Equal only where the data are: unlike `==`, NaN is NaN and 1 is not true. Order and empty tables do not count."""
    return json.dumps(_without_empty_tables(data), sort_keys=True, default=repr)


def _without_empty_tables(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    kept = {name: _without_empty_tables(value) for name, value in data.items()}
    return {name: value for name, value in kept.items() if value != {}}


def _changed(data: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    first, *rest = path
    if rest:
        if value is None and first not in data:
            return data
        return {**data, first: _changed(data.get(first, {}), tuple(rest), value)}
    others = {name: other for name, other in data.items() if name != first}
    return others if value is None else {**others, first: value}


def write_text(path: Path, text: str) -> None:
    """Replace `path` as a whole, readable by the user only: at any moment it holds the old text or the new.

    Raises:
        UserError: when it cannot be written; the old file is as it was.
    """
    try:
        target = path.resolve()  # replacing a symlink would cut it off from the file it stands for
        private_directory(target.parent)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".settings-", suffix=".tmp")
    except (OSError, RuntimeError) as error:  # RuntimeError: a symlink that points at itself
        raise UserError(f"{path}: cannot be written ({getattr(error, 'strerror', error)}).") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
        _sync_directory(target.parent)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}). It is as it was.") from None
    finally:
        Path(temporary).unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Make the rename itself durable, where the system allows opening a directory."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
