"""Collections in TOML files: those that ship with the program, and the user's own.

    [[joke]]                 one table for each entry; all entries of a file have the same name
    kind = "why"

The one rule: an entry reaches the program only as a checked record, or the person hears which entry of which
file is wrong.
"""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import UserError
from engine.records import Record

Entry = TypeVar("Entry", bound=Record)


def shipped(file_name: str) -> Traversable:
    """A file that lies beside this module, in a folder or in a zip."""
    from importlib.resources import files  # lazy: only needed once somebody asks for a joke or a poem

    return files(__package__).joinpath(file_name)


def read_collection(file: Path | Traversable, name: str, record: type[Entry]) -> tuple[Entry, ...]:
    """All `[[name]]` entries of a TOML file, in its order.

    Raises:
        UserError: the file cannot be read, or an entry is not a `record`; names the file and the entry.
    """
    tables = _read_toml(file)
    unknown = next((key for key in tables if key != name), None)
    if unknown is not None:
        raise UserError(f"{file.name}: there is no '{unknown}' here. Start each entry with [[{name}]].")
    entries = tables.get(name)
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{file.name}: there are no entries. Start each one with [[{name}]].")
    return tuple(
        record.from_dict(entry, source=f"{file.name}, {name} {number}")
        for number, entry in enumerate(entries, start=1)
    )


def _read_toml(file: Path | Traversable) -> dict[str, Any]:
    import tomli  # lazy: nothing of a collection is needed before the first paint

    try:
        return tomli.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file.name}: the file cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise UserError(f"{file.name}: this is not UTF-8 text. Save the file as UTF-8.") from None
    except tomli.TOMLDecodeError as error:
        raise UserError(f"{file.name}: this is not valid TOML. {error}.") from None
    except RecursionError:
        raise UserError(f"{file.name}: the brackets are nested too deeply.") from None
    except ValueError:  # integers of thousands of digits
        raise UserError(f"{file.name}: holds a number that is far too long.") from None
