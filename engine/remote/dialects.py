"""What is asked of a server, in the words of its kind.

All kinds take temperature, top_p, a limit of tokens, stop texts and a seed. top_k and the repetition penalty are
sent only to those that take them; what is left out is told.
The one rule: a field a server refused once is not sent to it again, and the person hears of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.chat import ChatMessage
from engine.generation import GenerationSettings
from engine.remote.provider import Kind, Provider


@dataclass(frozen=True)
class Dialect:
    """How a kind of server calls things."""

    longest: str = "max_tokens"
    top_k: str = ""  # "" = it has none
    repetition_penalty: str = ""
    stops: int = 4  # at most
    takes_seed: bool = True


_DIALECTS: Mapping[Kind, Dialect] = {
    "openai": Dialect(longest="max_completion_tokens"),
    "gemini": Dialect(takes_seed=False),
    "vllm": Dialect(top_k="top_k", repetition_penalty="repetition_penalty", stops=64),
    "llama.cpp": Dialect(top_k="top_k", repetition_penalty="repeat_penalty", stops=64),
    "ollama": Dialect(stops=64),
    "other": Dialect(),
}
_HOSTS: Mapping[str, Kind] = {"api.openai.com": "openai", "generativelanguage.googleapis.com": "gemini"}
_OLLAMA_PORT = 11434
_OWNERS: Mapping[str, Kind] = {
    "vllm": "vllm",
    "llamacpp": "llama.cpp",
    "library": "ollama",
    "me": "llama.cpp",
}
# What may be left out of a question, by what people call it.
OPTIONAL = {
    "temperature": "temperature",
    "top_p": "top-p",
    "top_k": "top-k",
    "repetition_penalty": "the repetition penalty",
    "repeat_penalty": "the repetition penalty",
    "stop": "stop texts",
    "seed": "the seed",
    "stream_options": "token counts",
    "max_tokens": "the longest reply",
    "max_completion_tokens": "the longest reply",
}


@dataclass(frozen=True)
class Question:
    """The body of a request, and what could not be put into it."""

    body: dict[str, Any]
    left_out: tuple[str, ...] = field(default=())  # as people call it


def kind_of(provider: Provider, owners: Collection[str] = ()) -> Kind:
    """The kind of a server: as set, by its address, or by who it says owns its models."""
    if provider.settings.kind != "auto":
        return provider.settings.kind
    if provider.address.host in _HOSTS:
        return _HOSTS[provider.address.host]
    found: list[Kind] = [_OWNERS[owner] for owner in owners if owner in _OWNERS]
    return found[0] if found else "ollama" if provider.address.port == _OLLAMA_PORT else "other"


def question(
    kind: Kind,
    model: str,
    messages: Sequence[ChatMessage] | str,
    settings: GenerationSettings,
    seed: int,
    refused: Collection[str] = (),
    streams: bool = True,
) -> Question:
    """What to ask for a reply to `messages`, or for the continuation of a text; fields in `refused` stay out."""
    dialect = _DIALECTS[kind]
    wanted: dict[str, Any] = {
        dialect.longest: settings.max_new_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
    }
    if streams:
        wanted["stream_options"] = {"include_usage": True}
    left_out = []
    for name, neutral in (("top_k", 0), ("repetition_penalty", 1.0)):
        value, theirs = getattr(settings, name), getattr(dialect, name)
        if theirs:
            wanted[theirs] = value
        elif value != neutral:
            left_out.append(OPTIONAL[name])
    if dialect.takes_seed:
        wanted["seed"] = seed
    elif settings.seed is not None:
        left_out.append(OPTIONAL["seed"])
    if settings.stop:
        wanted["stop"] = list(settings.stop[: dialect.stops])
        left_out += [f"all but {dialect.stops} stop texts"] if len(settings.stop) > dialect.stops else []
    fields = {_other_name(name, refused): value for name, value in wanted.items()}
    left_out += [OPTIONAL[name] for name in fields if name in refused]
    asked: dict[str, Any] = {"model": model, "stream": streams}
    asked |= {"prompt": messages} if isinstance(messages, str) else {"messages": _as_dicts(messages)}
    asked |= {name: value for name, value in fields.items() if name not in refused}
    return Question(asked, tuple(dict.fromkeys(left_out)))


def not_taken(kind: Kind, refused: Collection[str] = ()) -> tuple[str, ...]:
    """The settings that reach no server of this kind, by the names of `GenerationSettings`."""
    dialect = _DIALECTS[kind]
    theirs = {
        "max_new_tokens": _other_name(dialect.longest, refused),
        "temperature": "temperature",
        "top_k": dialect.top_k,
        "top_p": "top_p",
        "repetition_penalty": dialect.repetition_penalty,
        "seed": "seed" if dialect.takes_seed else "",
    }
    return tuple(name for name, field in theirs.items() if not field or field in refused)


def _other_name(name: str, refused: Collection[str]) -> str:
    """The limit of tokens has two names; a server that refuses one may know the other."""
    names = ("max_tokens", "max_completion_tokens")
    if name in names and name in refused:
        return next((other for other in names if other not in refused), name)
    return name


def _as_dicts(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    """Turns of one side that follow each other become one: many servers insist on taking turns.

    They come about where a reply was stopped before its first word, or failed.
    """
    turns: list[dict[str, str]] = []
    for message in messages:
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += f"\n\n{message.content}"
        else:
            turns.append({"role": message.role, "content": message.content})
    return turns
