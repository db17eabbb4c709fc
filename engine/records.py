"""The strict base of every record on disk or on the wire.

    class Point(Record):
        x: Annotated[int, at_least(0)] = 0

    Point.from_dict({"x": -1}, source="points.toml")   # UserError: points.toml: x must be at least 0.
    Point.from_dict({"y": 1}, source="points.toml")    # UserError: points.toml: there is no setting 'y'. ...

Records are frozen msgspec structs: types are never coerced, unknown keys are refused, and error texts never
repeat the value that was given, since it may be a secret. (msgspec rather than pydantic: the same promises for
20 ms of import time instead of 75-100, which is a quarter of the app's way to its first paint.)
The one rule: data from outside becomes a record through `from_dict` or `from_json`, which check everything.
"""

from __future__ import annotations

import difflib
import math
import re
import types
import typing
from typing import Any, Self

import msgspec
from msgspec import Meta

from engine.errors import UserError


def at_least(minimum: float, explanation: str = "") -> Meta:
    """A number that is `minimum` or more."""
    return Meta(ge=minimum, description=explanation or None)


def between(minimum: float, maximum: float, explanation: str = "") -> Meta:
    """A number from `minimum` to `maximum`, both included."""
    return Meta(ge=minimum, le=maximum, description=explanation or None)


@typing.dataclass_transform(kw_only_default=True, frozen_default=True)  # subclasses are frozen as well
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen struct that comes in checked and goes out as plain JSON types."""

    @classmethod
    def from_dict(cls, data: object, source: str) -> Self:
        """Check `data` and build the record.

        Raises:
            UserError: with `source` (a file, a setting, a flag) and the first thing that is wrong.
        """
        _refuse_unknown_keys(cls, data, source)
        _refuse_non_finite_numbers(data, source)
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise UserError(f"{source}: {_in_plain_words(cls, str(error))}") from None

    @classmethod
    def from_json(cls, data: bytes | str, source: str) -> Self:
        """Like `from_dict`, from JSON text.

        Raises:
            UserError: when the text is not JSON, or not this record.
        """
        try:
            decoded = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UserError(f"{source}: this is not valid JSON ({error}).") from None
        return cls.from_dict(decoded, source)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, in the order of the fields."""
        built = msgspec.to_builtins(self)
        assert isinstance(built, dict)
        return built

    def to_json(self) -> bytes:
        """One line of JSON."""
        return msgspec.json.encode(self)

    def with_changes(self, source: str, **changes: object) -> Self:
        """A checked copy with some fields changed.

        Raises:
            UserError: when a change is refused; names `source`.
        """
        return type(self).from_dict({**self.to_dict(), **changes}, source)


def _refuse_unknown_keys(cls: type[Record], data: object, source: str) -> None:
    if not isinstance(data, dict):
        raise UserError(f"{source}: expected named settings, found {_kind_of(data)}.")
    known = cls.__struct_encode_fields__
    for key in data:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(known)}."
            raise UserError(f"{source}: there is no setting '{key}'.{hint}")


def _refuse_non_finite_numbers(data: object, source: str) -> None:
    """NaN compares false with every bound, so it would pass them all."""
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"{source}: {key} must be a finite number.")


def _kind_of(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "nothing" if value is None else type(value).__name__)


_SAYS_NOTHING = 2**53  # a limit that high is there for machines
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "named settings",
    "null": "left out",
}


def _digits(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:g}"


def _in_plain_words(cls: type[Record], message: str) -> str:
    """msgspec's 'Expected `int` >= 1 - at `$.top_k`' as 'top_k must be at least 1.'."""
    text, _, place = message.partition(" - at ")
    name = place.strip("`").removeprefix("$.").removeprefix("$") or "the value"
    if bound := re.search(r"`\w+` (>=|<=|>|<) (\S+)", text):
        limits = limits_of(cls, name)
        low, high = limits
        if low is not None and high is not None and high < _SAYS_NOTHING:
            return f"{name} must be from {_digits(low)} to {_digits(high)}."
        return f"{name} must be {_BOUNDS[bound[1]]} {_digits(float(bound[2].rstrip('.')))}."
    if expected := re.search(r"Expected `([^`]+)`", text):
        kinds = " or ".join(_TYPES.get(kind.strip(), kind.strip()) for kind in expected[1].split("|"))
        return f"{name} must be {kinds}."
    if missing := re.search(r"missing required field `(\w+)`", text):
        return f"'{missing[1]}' is missing."
    if "enum value" in text:
        words = words_of(cls, name)
        return (
            f"{name} must be one of: {', '.join(words)}."
            if words
            else f"{name} is not one of the allowed words."
        )
    return f"{text}." if name == "the value" else f"{name}: {text}."


def _annotation(cls: type[Record], field: str) -> Any:
    """The annotation of a field without 'or None', Meta kept."""
    hint = typing.get_type_hints(cls, include_extras=True).get(field)
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return options[0] if is_union and options else hint


def limits_of(cls: type[Record], field: str) -> tuple[float | None, float | None]:
    """The smallest and the largest value a field takes, None where there is no bound."""
    metas = [meta for meta in getattr(_annotation(cls, field), "__metadata__", ()) if isinstance(meta, Meta)]
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    return low, next((meta.le for meta in metas if meta.le is not None), None)


def words_of(cls: type[Record], field: str) -> tuple[str, ...]:
    """The words a field chooses from; empty when it is free."""
    annotation = _annotation(cls, field)
    annotation = (
        getattr(annotation, "__origin__", annotation) if hasattr(annotation, "__metadata__") else annotation
    )
    return typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()


def explanation_of(cls: type[Record], field: str) -> str:
    """The sentence that explains a field to a person; empty when there is none."""
    metas = getattr(_annotation(cls, field), "__metadata__", ())
    return next((meta.description for meta in metas if isinstance(meta, Meta) and meta.description), "")


def word(explanation: str = "") -> Meta:
    """A text or a choice of words, explained."""
    return Meta(description=explanation or None)
