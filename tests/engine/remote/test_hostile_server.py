"""A server that does everything wrong: within the time limit there is a sentence, the text so far, and no bloat."""

from __future__ import annotations

import asyncio
import resource
import time
from typing import Any

import pytest

from engine.generation import GenerationSettings
from engine.remote import reply
from tests.engine.remote.fake_server import (
    DONE,
    STREAM,
    FakeServer,
    answers,
    event,
    floods,
    head,
    sends,
    stalls,
)
from tests.engine.remote.test_remote_engine import ask, short_waits  # noqa: F401 - the fixture

HEL = event("Hel")
EMPTY = b'data: {"choices":[{"delta":{}}]}\n\n'
MEGABYTE = b"x" * 1024 * 1024

# name: (behaviour, text that is kept, words of the sentence)
HOSTILE: dict[str, tuple[Any, str, str]] = {
    "garbage instead of JSON": (sends(STREAM, HEL, b"data: {garbage\n\n"), "Hel", "not JSON"),
    "JSON that is no object": (sends(STREAM, HEL, b"data: [1, 2]\n\n"), "Hel", "no object"),
    "choices that are a word": (sends(STREAM, HEL, b'data: {"choices": "x"}\n\n'), "Hel", "no list"),
    "choices of words": (sends(STREAM, HEL, b'data: {"choices": ["x"]}\n\n'), "Hel", "no list"),
    "a delta that is a word": (
        sends(STREAM, HEL, b'data: {"choices": [{"delta": "x"}]}\n\n'),
        "Hel",
        "no object",
    ),
    "numbers where words belong": (
        sends(STREAM, HEL, b'data: {"choices":[{"delta":{"content":7},"finish_reason":7}],"usage":"x"}\n\n'),
        "Hel",
        "broke the reply off",
    ),
    "a line of a gigabyte": (floods(STREAM + HEL + b"data: ", MEGABYTE), "Hel", "more than 512 kB"),
    "nested a hundred thousand deep": (
        sends(STREAM, HEL, b"data: " + b'{"a":' * 100_000 + b"\n\n"),
        "Hel",
        "not JSON",
    ),
    "a number of 5000 digits": (
        sends(STREAM, HEL, b'data: {"id": ' + b"9" * 5000 + b"}\n\n"),
        "Hel",
        "not JSON",
    ),
    "half a character of UTF-8": (
        sends(STREAM, event("caf\u00e9")[:-30].replace(b"\\u00e9", b"\xc3")),
        "",
        "JSON",
    ),
    "broken UTF-8 in a word": (
        sends(STREAM, b'data: {"choices":[{"delta":{"content":"caf\xc3"}}]}\n\n', event(finish="stop"), DONE),
        "caf\ufffd",
        "",
    ),
    "half of a surrogate pair": (
        sends(
            STREAM, b'data: {"choices":[{"delta":{"content":"a\\ud83d"},"finish_reason":"stop"}]}\n\n', DONE
        ),
        "a\ufffd",
        "",
    ),
    "a surrogate pair in two events": (
        sends(
            STREAM,
            b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n',
            b'data: {"choices":[{"delta":{"content":"\\ude00"},"finish_reason":"stop"}]}\n\n',
        ),
        "\U0001f600",
        "",
    ),
    "silence before the first word": (stalls(STREAM), "", "did not begin to answer"),
    "silence before the head": (stalls(b"HTTP/1.1 200 OK\r\n"), "", "did not begin to answer"),
    "silence amid the reply": (stalls(STREAM, HEL), "Hel", "stopped sending amid the reply"),
    "comments for ever": (floods(STREAM + HEL, b": still here\n\n", 0.01), "Hel", "stopped sending"),
    "empty events for ever": (floods(STREAM + HEL, EMPTY, 0.01), "Hel", "stopped sending"),
    "empty events before the first word": (floods(STREAM, EMPTY, 0.01), "", "did not begin to answer"),
    "a byte at a time, never a line": (
        floods(STREAM + HEL + b"data: ", b"x", 0.01),
        "Hel",
        "stopped sending",
    ),
    "a reply without end": (floods(STREAM, event("la " * 200)), "la la ", "does not stop"),
    "thoughts without end": (
        floods(STREAM, b'data: {"choices":[{"delta":{"reasoning":"' + b"h" * 100_000 + b'"}}]}\n\n'),
        "",
        "MB for one reply",
    ),
    "an error body without end": (floods(head(500, "application/json"), MEGABYTE), "", "failure of its own"),
    "a head without end": (floods(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 1000 + b"\r\n"), "", "broke"),
    "a status that is none": (sends(b"HTTP/1.1 999999 X\r\n\r\n"), "", "broke"),
    "no HTTP at all": (sends(b"SSH-2.0-OpenSSH_9.9\r\n"), "", "broke"),
    "a broken chunk": (
        sends(head(200, "text/event-stream", "transfer-encoding: chunked") + b"zz\r\n"),
        "",
        "broke",
    ),
    "less than it promised": (
        sends(head(200, "text/event-stream", "content-length: 9999") + HEL),
        "Hel",
        "broke",
    ),
    "the end left open": (stalls(STREAM, HEL, event("lo", "stop")), "Hello", ""),
    "the end without a last line": (sends(STREAM, HEL, event("lo", "stop")[:-2]), "Hello", ""),
    "no blank lines and carriage returns": (
        sends(STREAM, HEL.replace(b"\n\n", b"\r"), event("lo", "stop").replace(b"\n\n", b"\r\n"), DONE),
        "Hello",
        "",
    ),
    "a whole answer that is nonsense": (answers(200, {"reply": "x"}), "", "no reply"),
    "a whole answer without end": (
        floods(head(200, "application/json") + b'{"choices":[{"message":{"content":"', MEGABYTE),
        "",
        "not JSON",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_server_costs_neither_the_text_nor_the_app(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply, "_AFTER_THE_END_SECONDS", 0.2)
    behaviour, kept, words = HOSTILE[name]
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    async with FakeServer(behaviour) as server, asyncio.timeout(20):
        asked = await ask(server, GenerationSettings(max_new_tokens=20), attempts=1, models=["tiny"])
    assert asked.text == kept or (name == "a reply without end" and asked.text.startswith(kept))
    assert words in asked.error and bool(words) == bool(asked.error)
    assert asked.error.isprintable() and not any("\ud800" <= c <= "\udfff" for c in asked.text)
    assert len(asked.text) < 10_000
    assert time.monotonic() - started < 10
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kB on Linux, bytes elsewhere
    assert grown < 50_000 * (1 if grown < 10**9 else 1024)


def test_there_are_more_than_twenty_of_them() -> None:
    assert len(HOSTILE) > 20
