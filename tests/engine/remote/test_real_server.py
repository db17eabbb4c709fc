"""The same engine against a real server, for whoever has one:

    TUI_CHAT_TEST_SERVER=http://localhost:8000/v1 TUI_CHAT_TEST_MODEL=tiny pytest -m slow tests/engine/remote

A key, where one is needed, is in TUI_CHAT_TEST_KEY.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing

import pytest

from engine import chat
from engine.generation import GenerationDone, GenerationSettings, TextChunk
from engine.remote.remote_engine import RemoteEngine
from tests.engine.remote.fake_server import provider

SERVER = os.environ.get("TUI_CHAT_TEST_SERVER", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SERVER, reason="TUI_CHAT_TEST_SERVER names no server")]


def engine() -> RemoteEngine:
    has_key = "TUI_CHAT_TEST_KEY" in os.environ
    server = provider(
        SERVER,
        api_key_env="TUI_CHAT_TEST_KEY" if has_key else "",
        first_token_seconds=60.0,
        between_tokens_seconds=60.0,
    )
    return RemoteEngine(server, os.environ.get("TUI_CHAT_TEST_MODEL", "tiny"))


async def test_a_real_server_replies_and_counts() -> None:
    remote = engine()
    settings = GenerationSettings(max_new_tokens=16, temperature=0)
    events = [event async for event in remote.stream([chat.user("Hello")], settings)]
    await remote.close()
    assert isinstance(events[-1], GenerationDone) and events[-1].completion_tokens <= 17
    assert "".join(event.text for event in events if isinstance(event, TextChunk))


async def test_a_real_server_takes_all_settings_or_says_which_not() -> None:
    remote = engine()
    settings = GenerationSettings(
        max_new_tokens=8, temperature=1.2, top_k=5, top_p=0.9, repetition_penalty=1.1, stop=("\n\n",), seed=7
    )
    texts = []
    for _ in range(2):
        events = [event async for event in remote.stream([chat.user("Hello")], settings)]
        assert isinstance(events[-1], GenerationDone)
        texts.append("".join(event.text for event in events if isinstance(event, TextChunk)))
    assert remote.model is not None
    print(remote.model.warnings, texts)
    await remote.close()


async def test_a_real_server_may_be_left_amid_a_reply() -> None:
    remote = engine()
    started = time.monotonic()
    stream = remote.stream([chat.user("Hello")], GenerationSettings(max_new_tokens=400))
    async with aclosing(stream) as events:  # type: ignore[type-var]
        await anext(events)
    async with asyncio.timeout(30):
        settings = GenerationSettings(max_new_tokens=4)
        assert [event async for event in remote.stream([chat.user("Hi")], settings)]
    print(f"left and answered again within {time.monotonic() - started:.1f} s")
    await remote.close()
