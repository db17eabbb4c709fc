"""Which keys do what, read from the bindings themselves, so that no list of keys can be out of date.

    for place in places_of(screen, config.keys):     # "Prompt input", "Chat", "Everywhere"
        for key in place.keys: key.keys, key.description, key.id
    key_in_words(widget, "chat.new_pane")            # "Ctrl+T", or what the settings made of it
    key_hint(app, "ctrl+t")                          # "^T", at the foot of a screen, where there is little room

The one rule: a key is described where it is bound, in `BINDINGS`, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from tui_chat.config_schema import Setting


@dataclass(frozen=True)
class Key:
    """One thing that keys do."""

    keys: tuple[str, ...]  # as Textual names them: "ctrl+j"
    description: str
    id: str | None = None  # what [keys] in the settings file calls it
    default: str = ""  # the keys without any remapping, with commas


@dataclass(frozen=True)
class Place:
    """A widget, a screen or the app, with the keys that work there."""

    title: str
    keys: tuple[Key, ...]


def places_of(screen: Screen[object], remapped: Mapping[str, str]) -> list[Place]:
    """Everything that can be done by key on `screen`: in the focused widget, then elsewhere, then everywhere."""
    focused = list(screen.focused.ancestors_with_self) if screen.focused else []
    widgets = [node for node in [*focused, *screen.walk_children()] if not isinstance(node, (Screen, App))]
    found = [_place(type(widget), remapped) for widget in widgets]
    found.append(_place(type(screen), remapped))
    found.append(_everywhere(screen.app, remapped))
    return list({place.title: place for place in found if place.keys}.values())


def key_words(app: App[Any], key: str) -> str:
    """'ctrl+j' as 'Ctrl+J', 'pageup' as 'PgUp'."""
    *modifiers, last = key.split("+")
    shown = _WORDS.get(last) or App.get_key_display(app, Binding(last, ""))
    if modifiers and len(shown) == 1:
        shown = shown.upper()
    return "+".join([*(name.capitalize() for name in modifiers), shown])


def key_hint(app: App[Any], key: str) -> str:
    """The same as short as it may be: 'ctrl+j' as '^J', 'backspace' as 'Bksp'."""
    return key_words(app, key).replace("Ctrl+", "^").replace("Backspace", "Bksp")


def key_in_words(node: DOMNode, id: str, *elsewhere: type[DOMNode]) -> str:
    """The first key that does `id`, bound around `node` or by the classes `elsewhere`; empty when none does."""
    remapped: Mapping[str, str] = getattr(node.app, "remapped_keys", {})
    for cls in (*(type(owner) for owner in node.ancestors_with_self), *elsewhere):
        for key in _as_written(cls.__mro__):
            if key.id == id:
                return key_words(node.app, _remapped(key, remapped).keys[0])
    return ""


_WORDS = {
    "enter": "Enter",
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "delete": "Del",
    "backspace": "Backspace",
    "tab": "Tab",
    "space": "Space",
    "home": "Home",
    "end": "End",
    **{f"f{number}": f"F{number}" for number in range(1, 25)},
}


def remappable(places: Iterable[Place]) -> list[Setting]:
    """The keys that have an id, as settings."""
    by_id = {key.id: (place, key) for place in places for key in place.keys if key.id}
    return [
        Setting("keys", id, "text", key.default, f"{key.description} ({place.title}).")
        for id, (place, key) in by_id.items()
    ]


def _place(cls: type[DOMNode], remapped: Mapping[str, str]) -> Place:
    """The keys our own classes bind; what Textual's widgets bind below them is left to everyone's habit."""
    ours = [base for base in cls.__mro__ if not base.__module__.startswith("textual.")]
    title = cls.__dict__.get("BINDING_GROUP_TITLE") or _in_words(cls.__name__)
    return Place(title, _keys(ours, remapped))


def _everywhere(app: App[object], remapped: Mapping[str, str]) -> Place:
    of_screens = _keys(Screen.__mro__, remapped)
    return Place("Everywhere", (*_keys(type(app).__mro__, remapped), *of_screens))


def _keys(classes: Iterable[type], remapped: Mapping[str, str]) -> tuple[Key, ...]:
    """The keys of a class and its bases, as the user has them."""
    return tuple(_remapped(key, remapped) for key in _as_written(tuple(classes)))


@cache
def _as_written(classes: tuple[type, ...]) -> tuple[Key, ...]:
    """As they are in the source; a key bound anew hides what its base did with it."""
    found: list[Binding] = []
    for cls in classes:
        taken = {binding.key for binding in found}
        own = list(Binding.make_bindings(cls.__dict__.get("BINDINGS", ())))
        found += [binding for binding in own if binding.key not in taken]
    return _merged([binding for binding in found if binding.description])


def _merged(bindings: Iterable[Binding]) -> tuple[Key, ...]:
    """One `Key` for all keys that do the same."""
    by_deed: dict[tuple[str, str | None], list[Binding]] = {}
    for binding in bindings:
        by_deed.setdefault((binding.description, binding.id), []).append(binding)
    return tuple(_key(deed, id, same) for (deed, id), same in by_deed.items())


def _key(deed: str, id: str | None, bindings: list[Binding]) -> Key:
    default = ",".join(dict.fromkeys(binding.key for binding in bindings))
    return Key(_split(default), deed, id, default)


def _remapped(key: Key, remapped: Mapping[str, str]) -> Key:
    wished = remapped.get(key.id or "")
    return key if wished is None else replace(key, keys=_split(wished))


def _split(keys: str) -> tuple[str, ...]:
    return tuple(key.strip() for key in keys.split(","))


def _in_words(class_name: str) -> str:
    """'PromptInput' as 'Prompt input'."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", class_name.removesuffix("Screen")).capitalize()
