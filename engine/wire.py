"""The conversation between the app and an engine process: one JSON object per line over stdin and stdout.

    app  --> engine                            engine --> app
    {"type":"generate","request":1,...}        {"type":"loading","stage":"weights","share":0.4}   while loading
    {"type":"cancel","request":1}              {"type":"loaded","model":{...}}                    once
                                               {"type":"chunk","request":1,"chunk":{...}} ...     per token
                                               {"type":"done","request":1,"result":{...}}         ends a reply
                                               {"type":"failed","message":"...","request":1}      or this
    {"type":"inspect","request":2,...}         {"type":"inspected","request":2,"tokens":[...]} ...
                                               {"type":"inspection_done","request":2,...}         or failed

What to load is in the first line, `{"type":"load",...}`. End of stdin ends the engine. Lines may be long
(a conversation is in one), so readers allow 16 MiB.
The one rule: nothing but these lines is ever written to the engine's stdout; prints of libraries go to the log.
"""

from __future__ import annotations

import json
from typing import Literal

import msgspec

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationSettings, TextChunk
from engine.inspection import InspectedToken, InspectionDone
from engine.records import Record
from engine.tokenizers import without_lone_surrogates

LINE_LIMIT = 16 * 1024 * 1024  # bytes

Backend = Literal["auto", "scratch", "hf"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]


class Load(Record, tag="load"):
    """What to load and how. `reference` is resolved by the engine, so a run's newest weights can be found again."""

    reference: str
    backend: Backend = "auto"
    device: Device = "auto"
    precision: Precision = "auto"
    threads: int = 0  # 0 = one less than there are cores, at least one
    trust_remote_code: bool = False


class Generate(Record, tag="generate"):
    """Answer `messages`; or, when `prompt` is given, continue that text without any chat format.

    `reference` names another model to take for this reply, such as an earlier checkpoint of the same run.
    """

    request: int
    settings: GenerationSettings
    messages: tuple[ChatMessage, ...] = ()
    prompt: str | None = None
    reference: str = ""
    prefix: tuple[int, ...] = ()  # tokens that the reply begins with, whatever the model thinks of them


class Inspect(Record, tag="inspect"):
    """Tell what the model thought at each token of `messages` (or `prompt`) and of the reply to them.

    `reply_ids` are its tokens, with the one that ended it, if any; when nobody kept them, `reply` is its text.
    """

    request: int
    settings: GenerationSettings  # those of the reply
    messages: tuple[ChatMessage, ...] = ()
    prompt: str | None = None
    reply_ids: tuple[int, ...] | None = None
    reply: str = ""
    alternatives: int = 10
    reference: str = ""


class Cancel(Record, tag="cancel"):
    """Stop answering `request`; what has been said so far stays said."""

    request: int


class Loading(Record, tag="loading"):
    """Progress of loading; `share` is 0-1, or None when nobody can know."""

    stage: str
    share: float | None = None


class LoadedModel(Record):
    """What was loaded, and where it runs."""

    reference: str
    name: str
    directory: str
    backend: str
    device: str
    precision: str
    chat_format: str
    context_length: int
    vocab_size: int
    num_parameters: int
    seconds_to_load: float
    threads: int = 0
    step: int | None = None
    val_loss: float | None = None
    warnings: tuple[str, ...] = ()  # what a person should know about this model
    not_taken: tuple[str, ...] = ()  # names of `GenerationSettings` that do not reach it


class Loaded(Record, tag="loaded"):
    """Loading ended well; also sent again when other weights were taken before a reply."""

    model: LoadedModel


class Text(Record, tag="chunk"):
    """A piece of a reply."""

    request: int
    chunk: TextChunk


class Done(Record, tag="done"):
    """A reply is complete."""

    request: int
    result: GenerationDone


class Inspected(Record, tag="inspected"):
    """Some more tokens of an inspection, in the order of the text."""

    request: int
    tokens: tuple[InspectedToken, ...]


class InspectionEnd(Record, tag="inspection_done"):
    """An inspection is complete."""

    request: int
    result: InspectionDone


class Failed(Record, tag="failed"):
    """Loading (request None) or a reply failed, in a sentence for a person."""

    message: str
    request: int | None = None


Request = Generate | Inspect  # what ends with `Done`, `InspectionEnd` or `Failed`
ToEngine = Load | Request | Cancel
FromEngine = Loading | Loaded | Text | Done | Inspected | InspectionEnd | Failed

_to_engine: msgspec.json.Decoder[ToEngine] = msgspec.json.Decoder(ToEngine)
_from_engine: msgspec.json.Decoder[FromEngine] = msgspec.json.Decoder(FromEngine)


def encode(message: ToEngine | FromEngine) -> bytes:
    """One line, with its newline."""
    try:
        return msgspec.json.encode(message) + b"\n"
    except UnicodeEncodeError:  # half of a character, from a terminal or an argument that is not UTF-8
        text = json.dumps(msgspec.to_builtins(message), ensure_ascii=False)
        return without_lone_surrogates(text).encode() + b"\n"


def read_from_app(line: bytes) -> ToEngine:
    """A line as the engine reads it.

    Raises:
        UserError: when the line is not one of the messages above.
    """
    try:
        return _to_engine.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The engine did not understand a request ({error}).") from None


def read_from_engine(line: bytes) -> FromEngine:
    """A line as the app reads it.

    Raises:
        UserError: when the line is not one of the messages above.
    """
    try:
        return _from_engine.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The engine sent something unreadable ({error}).") from None
