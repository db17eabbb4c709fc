"""Whether a remapped key can work: is there such an action, is there such a key, does it do two things at once?

    check_key("chat.new_pane", "alt+n")       raises UserError, with the likeliest thing meant
    clashes({"chat.new_pane": "ctrl+o"})      ["Ctrl+O does two things on one screen: ..."]

All screens and widgets are imported to know their bindings, so nothing here is for the start of the app.
The one rule: what can be bound is read from the bindings; no list of actions is kept anywhere.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import string
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import REPLACED_KEYS, Keys, key_to_character
from textual.screen import Screen

from engine.errors import UserError
from tui_chat.config_schema import printable

_MODIFIERS = ("ctrl", "shift", "alt", "super", "hyper", "meta")
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape"}


def check_key(id: str, keys: str) -> None:
    """Refuse an action that is none, and a key that no keyboard sends.

    Raises:
        UserError: naming the likeliest action or key.
    """
    known = actions()
    if id not in known:
        close = difflib.get_close_matches(id, known, n=1, cutoff=0.5)
        by_name = [one for one in known if one.rpartition(".")[2] == id.rpartition(".")[2]]
        meant = (by_name or close)[:1]
        hint = f"Did you mean 'keys.{meant[0]}'?" if meant else "The settings screen (F2) lists them all."
        raise UserError(f"keys.{printable(id)}: there is no such action. {hint}")
    check_key_names(f"keys.{id}", keys)


def check_key_names(setting: str, keys: str) -> None:
    """Refuse a key that no keyboard sends.

    Raises:
        UserError: naming the likeliest key.
    """
    for key in keys.split(","):
        if problem := _problem_of(key.strip()):
            raise UserError(f"{setting}: {problem}")


def problems_of(own: Mapping[str, str], in_force: Mapping[str, str]) -> list[str]:
    """Everything that is wrong with the keys of the settings, a sentence each; `in_force` has those of a set too."""
    problems = []
    for id, keys in own.items():
        try:
            check_key(id, keys)
        except UserError as error:
            problems.append(str(error))
    both = [sentence for id in own for sentence in clashes(id, in_force)]
    return [*problems, *dict.fromkeys(both)]


def clashes(id: str, remapped: Mapping[str, str]) -> list[str]:
    """What else is done on the same screen by a key that the settings gave to `id`, a sentence for each.

    Keys that share a place by design, such as Escape, are none: only keys of the settings are looked at.
    """
    found = []
    for screen in _screens():
        bound = [binding for cls in _classes_on(screen) for binding in _bindings(cls) if binding.id]
        is_here = any(binding.id == id for binding in bound)
        others = [binding for binding in bound if is_here and binding.id != id]
        for key in (key.strip() for key in remapped[id].split(",")):
            for other in others:
                if key in _keys_of(other, remapped):
                    first, second = sorted((id, other.id or ""))
                    found.append(f"{key} does two things on one screen: {first} and {second}.")
    return list(dict.fromkeys(found))


def with_neighbours(remapped: Mapping[str, str]) -> dict[str, str]:
    """The same keys, and those that share a key with a remapped one as they are: Textual would take theirs away."""
    result = dict(remapped)
    for cls in _bound_classes():
        bound = [binding for binding in _bindings(cls) if binding.id]
        freed = {binding.key for binding in bound if binding.id in remapped}
        for id in {binding.id or "" for binding in bound if binding.key in freed} - remapped.keys():
            result[id] = ",".join(binding.key for binding in bound if binding.id == id)
    return result


@cache
def actions() -> tuple[str, ...]:
    """The id of everything that can be bound."""
    found = (binding.id for cls in _bound_classes() for binding in _bindings(cls) if binding.id)
    return tuple(dict.fromkeys(found))


def _problem_of(key: str) -> str:
    """What is wrong with the name of a key; empty when nothing is."""
    *modifiers, last = key.split("+")
    for modifier in modifiers:
        if modifier not in _MODIFIERS:
            otherwise = f"Before a + stands one of {', '.join(_MODIFIERS)}."
            return _no_key(key, difflib.get_close_matches(modifier, _MODIFIERS, n=1), otherwise)
    if key in _SAME:
        return f"terminals cannot tell {key} from {_SAME[key]}. Take another key."
    if last in _key_names() or key_to_character(REPLACED_KEYS.get(last, last)):
        return ""
    otherwise = "Keys are named as in ctrl+s, f9, alt+left or question_mark."
    close = difflib.get_close_matches(last, _key_names(), n=1)
    return _no_key(key, ["+".join([*modifiers, name]) for name in close], otherwise)


def _no_key(key: str, close: list[str], otherwise: str) -> str:
    hint = f"Did you mean '{close[0]}'?" if close else otherwise
    return f"'{printable(key)}' is no key. {hint}"


@cache
def _key_names() -> tuple[str, ...]:
    """What a key may be called, without modifiers."""
    named = {key.value.rpartition("+")[2] for key in Keys if not key.value.startswith("<")}
    letters = (*string.ascii_lowercase, *string.digits)
    return tuple(sorted(named.union(letters, ["space"])))


def _keys_of(binding: Binding, remapped: Mapping[str, str]) -> list[str]:
    return [key.strip() for key in remapped.get(binding.id or "", binding.key).split(",")]


def _bindings(cls: type[DOMNode]) -> list[Binding]:
    return list(Binding.make_bindings(cls.__dict__.get("BINDINGS", ())))


def _bound_classes() -> list[type[DOMNode]]:
    from tui_chat.app import TuiChatApp  # here: the app imports the settings screen, which checks keys

    found: dict[type[DOMNode], None] = {TuiChatApp: None}
    for module in _modules():
        found.update(dict.fromkeys(_own_classes(module)))
    return list(found)


def _modules() -> Iterator[ModuleType]:
    for package in ("tui_chat.screens", "tui_chat.widgets"):
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            yield importlib.import_module(found.name)


def _own_classes(module: ModuleType) -> list[type[DOMNode]]:
    things = [thing for thing in vars(module).values() if isinstance(thing, type)]
    return [cls for cls in things if issubclass(cls, DOMNode) and cls.__module__ == module.__name__]


def _screens() -> list[type[DOMNode]]:
    return [cls for cls in _bound_classes() if issubclass(cls, Screen)]


def _classes_on(screen: type[DOMNode]) -> list[type[DOMNode]]:
    """A screen, its bases, the widgets its modules import directly or around corners, and the app."""
    seen: dict[type[DOMNode], None] = {}
    waiting = [base for base in screen.__mro__ if base.__module__.startswith("tui_chat.")]
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen[cls] = None
        around = vars(importlib.import_module(cls.__module__)).values()
        widgets = [thing for thing in around if isinstance(thing, type) and issubclass(thing, DOMNode)]
        waiting += [
            widget
            for widget in widgets
            if widget.__module__.startswith("tui_chat.widgets.") and not issubclass(widget, Screen)
        ]
    return [*seen, *(cls for cls in _bound_classes() if issubclass(cls, App))]
