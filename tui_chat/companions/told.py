"""What was told already, kept so that nothing is told twice before everything was told.

    told = Told(told_path())
    told.keys("joke")                  the entries that were told, oldest first
    told.add("joke", "5d41402abc4b")   one more

The file is read again before each change, since another pane or another tui-chat may have told something.
The one rule: the file is a convenience. One that is missing, damaged or cannot be written costs a repetition,
never a joke.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from msgspec.structs import replace

from engine.errors import UserError
from engine.paths import private_directory
from engine.records import Record
from tui_chat.companions.jokes import Joke
from tui_chat.companions.wishes import Companion

_MOST_KEYS = 5000  # of one companion; more than anybody has entries
_MOST_HEARD = 60


class ToldRecord(Record, frozen=True):
    """The file."""

    jokes: tuple[str, ...] = ()  # keys, oldest first
    poems: tuple[str, ...] = ()
    heard: tuple[Joke, ...] = ()  # what models told, oldest first: their punchlines may still be due


class Told:
    """The entries that were told. Methods may be called from any thread; without a path nothing is kept."""

    _turn = threading.Lock()  # one for all: panes share the file

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._record = ToldRecord()

    def keys(self, companion: Companion) -> tuple[str, ...]:
        """What was told, oldest first."""
        with self._turn:
            record = self._read()
        return record.jokes if companion == "joke" else record.poems

    def heard(self) -> tuple[Joke, ...]:
        """The jokes that models told, oldest first."""
        with self._turn:
            return self._read().heard

    def add(self, companion: Companion, key: str, begins_anew: bool = False) -> None:
        """Note that something was told; `begins_anew` forgets what was told before it."""
        with self._turn:
            record = self._read()
            before = record.jokes if companion == "joke" else record.poems
            kept = () if begins_anew else tuple(old for old in before if old != key)
            keys = (*kept, key)[-_MOST_KEYS:]
            changed = replace(record, jokes=keys) if companion == "joke" else replace(record, poems=keys)
            self._write(changed)

    def hear(self, joke: Joke) -> None:
        """Note a joke that a model told."""
        with self._turn:
            record = self._read()
            others = tuple(old for old in record.heard if old.setup != joke.setup)
            keys = (*record.jokes, key_of(joke))[-_MOST_KEYS:]
            self._write(replace(record, jokes=keys, heard=(*others, joke)[-_MOST_HEARD:]))

    def _read(self) -> ToldRecord:
        if self._path is not None:
            try:
                self._record = ToldRecord.from_json(self._path.read_bytes(), self._path.name)
            except (
                OSError,
                UserError,
            ):  # the first joke, a damaged file: what this app knows itself still holds
                return self._record
        return self._record

    def _write(self, record: ToldRecord) -> None:
        self._record = record
        if self._path is None:
            return
        from trainers.durable_files import PRIVATE, replace_file  # here: needed once something was told

        try:
            private_directory(self._path.parent)
            replace_file(self._path, record.to_json(), PRIVATE)
        except OSError:
            return  # a full or read-only disk: this app still knows what it told


def key_of(entry: Record) -> str:
    """What an entry is known by, as long as its words stay the same."""
    return hashlib.sha256(entry.to_json()).hexdigest()[:12]
