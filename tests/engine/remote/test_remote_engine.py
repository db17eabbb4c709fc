"""A model behind a server, asked as the app asks it; the server is a small one on loopback."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import chat, wire
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationSettings, TextChunk
from engine.remote import remote_engine
from engine.remote.fitting import Fitting
from engine.remote.provider import find_provider, split_reference
from engine.remote.remote_engine import RemoteEngine
from tests.engine.remote.fake_server import (
    DONE,
    STREAM,
    FakeServer,
    answers,
    event,
    fails,
    head,
    provider,
    says,
    sends,
    stalls,
)

HELLO = [chat.system("Be kind."), chat.user("Hello")]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_engine, "FIRST_WAIT_SECONDS", 0.01)


class Asked:
    """What came of asking once."""

    def __init__(self) -> None:
        self.text = ""
        self.done: GenerationDone | None = None
        self.error = ""
        self.progress: list[str] = []


async def ask(
    server: FakeServer, settings: GenerationSettings | None = None, prompt: str | None = None, **options: Any
) -> Asked:
    asked = Asked()
    engine = RemoteEngine(
        provider(server.base_url, **options), "tiny", lambda loading: asked.progress.append(loading.stage)
    )
    settings = settings or GenerationSettings()
    events = engine.stream(HELLO, settings) if prompt is None else engine.complete(prompt, settings)
    try:
        async for event in events:
            if isinstance(event, TextChunk):
                asked.text += event.text
            else:
                asked.done = event
    except UserError as error:
        asked.error = str(error)
    finally:
        await engine.close()
    return asked


async def test_a_reply_comes_in_pieces_and_ends_with_what_it_took() -> None:
    async with FakeServer(says("Hel", "lo ", "😀")) as server:
        asked = await ask(server, GenerationSettings(seed=4))
    assert asked.text == "Hello 😀" and asked.done
    assert (asked.done.finish_reason, asked.done.prompt_tokens, asked.done.completion_tokens) == (
        "end_of_text",
        7,
        5,
    )
    assert asked.done.seed == 4
    (question,) = server.questions
    assert question.path == "/v1/chat/completions"
    assert question.body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
    ]
    assert "authorization" not in question.headers


async def test_turns_of_one_side_that_follow_each_other_are_sent_as_one() -> None:
    async with FakeServer(says("x")) as server:
        engine = RemoteEngine(provider(server.base_url), "tiny")
        talk = [chat.user("a"), chat.user("b"), chat.assistant("c"), chat.user("d")]
        async for _ in engine.stream(talk, GenerationSettings()):
            pass
        await engine.close()
    sent = [(turn["role"], turn["content"]) for turn in server.questions[0].body["messages"]]
    assert sent == [("user", "a\n\nb"), ("assistant", "c"), ("user", "d")]


async def test_a_text_is_continued_without_chat_format() -> None:
    body = b'data: {"choices":[{"index":0,"text":" a time","finish_reason":"length"}]}\n\n'
    async with FakeServer(sends(STREAM, body, DONE)) as server:
        asked = await ask(server, prompt="Once upon")
    assert asked.text == " a time" and asked.done and asked.done.finish_reason == "max_new_tokens"
    assert server.questions[0].path == "/v1/completions" and server.questions[0].body["prompt"] == "Once upon"


async def test_without_token_counts_the_pieces_are_counted() -> None:
    async with FakeServer(says("a", "b", "c", usage=False)) as server:
        asked = await ask(server)
    assert asked.done and asked.done.completion_tokens == 3


async def test_a_server_that_does_not_stream_is_understood() -> None:
    reply = {"choices": [{"message": {"content": "all at once"}, "finish_reason": "stop"}]}
    async with FakeServer(answers(200, reply)) as server:
        asked = await ask(server)
    assert asked.text == "all at once" and asked.error == ""


async def test_loading_tells_who_answers_and_how_long_its_context_is() -> None:
    async with FakeServer(says("x"), models=[{"id": "tiny", "max_model_len": 4096}]) as server:
        engine = RemoteEngine(provider(server.base_url), "tiny")
        assert engine.state == "stopped"
        model = await engine.load()
        assert engine.state == "ready"
        await engine.close()
    assert (model.reference, model.name, model.backend, model.context_length) == (
        "api:local/tiny",
        "tiny",
        "api",
        4096,
    )
    assert model.device == f"127.0.0.1:{server.port}"


async def test_closing_a_stream_closes_the_connection_at_once() -> None:
    async with FakeServer(stalls(STREAM, event("Hel"))) as server:
        engine = RemoteEngine(provider(server.base_url, between_tokens_seconds=60), "tiny")
        async with aclosing(engine.stream(HELLO, GenerationSettings())) as events:  # type: ignore[type-var]
            await anext(events)
            assert engine.state == "answering"
        async with asyncio.timeout(10):
            await server.closed_by_client.wait()
        assert engine.state == "ready"
        await engine.close()


async def test_cancelling_while_waiting_for_the_first_word_closes_the_connection() -> None:
    async with FakeServer(stalls(STREAM)) as server:
        engine = RemoteEngine(provider(server.base_url, first_token_seconds=60), "tiny")
        task = asyncio.create_task(anext(aiter(engine.stream(HELLO, GenerationSettings()))))  # type: ignore[arg-type]
        async with asyncio.timeout(20):
            while not server.questions:
                await asyncio.sleep(0.01)
            task.cancel()
            await server.closed_by_client.wait()
        with pytest.raises(asyncio.CancelledError):
            await task
        await engine.close()


async def test_an_engine_that_is_closed_while_it_waits_ends_the_reply_and_can_be_used_again() -> None:
    async with FakeServer(fails(429, "", "retry-after: 0.2"), says("again")) as server:
        engine = RemoteEngine(provider(server.base_url), "tiny")

        async def read() -> str:
            events = engine.stream(HELLO, GenerationSettings())
            return "".join([event.text async for event in events if isinstance(event, TextChunk)])

        waiting = asyncio.create_task(read())
        while not server.questions:
            await asyncio.sleep(0.01)
        await engine.close()
        with pytest.raises(UserError, match="was closed"):
            await waiting
        assert engine.state == "stopped"
        assert await read() == "again"
        await engine.close()


async def test_two_replies_may_be_under_way_at_once() -> None:
    async with FakeServer(sends(STREAM, event("a"), event("b", "stop"), DONE, pause=0.05)) as server:
        engine = RemoteEngine(provider(server.base_url), "tiny")

        async def read() -> str:
            events = engine.stream(HELLO, GenerationSettings())
            return "".join([event.text async for event in events if isinstance(event, TextChunk)])

        assert await asyncio.gather(read(), read()) == ["ab", "ab"]
        await engine.close()


# ---- trying again


async def test_a_busy_server_is_asked_again_after_the_time_it_names() -> None:
    async with FakeServer(fails(429, "slow down", "retry-after: 0.2"), says("now")) as server:
        started = asyncio.get_running_loop().time()
        asked = await ask(server)
        assert asyncio.get_running_loop().time() - started >= 0.2
    assert asked.text == "now" and "rate limited, trying again in 1 s" in asked.progress
    assert asked.progress[-1] == ""  # nothing is waited for any more


@pytest.mark.parametrize(
    "behaviour", [fails(503), sends(b""), sends(STREAM), sends(STREAM, b'data: {"choices":[]}\n\n')]
)
async def test_a_failure_before_the_first_word_is_tried_again(behaviour: Any) -> None:
    async with FakeServer(behaviour, behaviour, says("third time")) as server:
        asked = await ask(server)
    assert asked.text == "third time" and len(server.questions) == 3


async def test_a_stream_that_ends_before_its_first_word_is_asked_for_as_a_whole() -> None:
    too_long = fails(
        400, "Requested tokens (5621) exceed context window of 2048", code="context_length_exceeded"
    )
    async with FakeServer(sends(STREAM), too_long) as server:
        asked = await ask(server)
    assert "too long for tiny" in asked.error
    assert [question.body["stream"] for question in server.questions] == [True, False]
    assert "stream_options" not in server.questions[1].body


async def test_after_the_last_attempt_the_failure_is_told() -> None:
    async with FakeServer(fails(500, "out of memory")) as server:
        asked = await ask(server, attempts=3)
    assert len(server.questions) == 3
    assert "a failure of its own (500)" in asked.error and "out of memory" in asked.error


async def test_nothing_is_asked_again_once_a_word_was_passed_on() -> None:
    async with FakeServer(sends(STREAM, event("Hel"))) as server:
        asked = await ask(server)
    assert asked.text == "Hel" and "broke the reply off" in asked.error and len(server.questions) == 1


async def test_a_server_that_asks_to_wait_for_long_is_not_waited_for() -> None:
    async with FakeServer(fails(429, "", "retry-after: 3600")) as server:
        asked = await ask(server)
    assert "It asks to wait 3,600 s" in asked.error and len(server.questions) == 1


async def test_an_account_without_quota_is_not_asked_again() -> None:
    async with FakeServer(fails(429, "You exceeded your quota", code="insufficient_quota")) as server:
        asked = await ask(server)
    assert "no quota left" in asked.error and len(server.questions) == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    async with FakeServer(says("x")) as server:
        pass
    asked = await ask(server, attempts=2)
    assert "Is the server running" in asked.error and "no connection, trying again in 1 s" in asked.progress


# ---- what is refused


async def test_a_field_the_server_does_not_take_is_left_out_and_told() -> None:
    refusal = fails(400, "Unsupported value: 'temperature' does not support 0.8.", param="temperature")
    old_name = fails(
        400,
        "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        code="unsupported_parameter",
    )
    async with FakeServer(refusal, old_name, says("fine"), says("again")) as server:
        engine = RemoteEngine(provider(server.base_url), "tiny")
        for wanted in ("fine", "again"):
            events = engine.stream(HELLO, GenerationSettings(top_k=0))
            assert "".join([e.text async for e in events if isinstance(e, TextChunk)]) == wanted
        assert engine.model and engine.model.warnings == ("without temperature",)
        assert engine.model.not_taken == ("temperature", "top_k", "repetition_penalty")
        await engine.close()
    first, second, third, fourth = (question.body for question in server.questions)
    assert "temperature" in first and "temperature" not in second
    assert "max_tokens" in second and "max_tokens" not in third
    assert third["max_completion_tokens"] == 256
    assert fourth == {**third, "seed": fourth["seed"]}


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (fails(401, "no"), "wants an API key (401)"),
        (fails(403, "no"), "config set providers.local.api_key_env NAME"),
        (fails(404, "no such model"), "has no model 'tiny'"),
        (fails(400, "This model's maximum context length is 10 tokens"), "too long for tiny"),
        (fails(400, "what?"), "refused the question (400). It says: what?"),
        (answers(422, {"detail": [{"loc": ["body", "x"], "msg": "bad"}]}), "bad: ['body', 'x']"),
        (answers(418, "teapot"), "(418)"),
        (
            sends(head(307, "text/plain", "location: http://127.0.0.1:1/") + b""),
            "redirects to another address (307)",
        ),
        (sends(head(200, "text/html") + b"<html>"), "It usually ends in /v1"),
        (sends(head(200, "text/event-stream", "content-encoding: gzip") + b"x"), "answered with gzip"),
        (says("half", finish="content_filter"), "content filter objects"),
        (says(finish="tool_calls"), "wants to use a tool"),
        (
            sends(STREAM, event("half"), b'data: {"error": {"message": "kaput", "code": 500}}\n\n'),
            "It says: kaput",
        ),
    ],
)
async def test_what_a_server_refuses_is_told_in_a_sentence(behaviour: Any, words: str) -> None:
    async with FakeServer(behaviour) as server:
        asked = await ask(server, attempts=1)
    assert words in asked.error and "\n" not in asked.error


async def test_a_model_that_is_not_there_is_answered_with_those_that_are() -> None:
    async with FakeServer(fails(404, "?"), models=[{"id": "small"}, {"id": "large"}]) as server:
        asked = await ask(server)
    assert asked.error == "local has no model 'tiny'. It has: small, large"


async def test_a_server_without_a_list_may_answer_nevertheless() -> None:
    async with FakeServer(says("x"), models=None) as server:
        server.models = 7  # type: ignore[assignment]
        assert (await ask(server)).text == "x"


async def test_with_models_in_the_settings_nobody_is_asked_for_them() -> None:
    async with FakeServer(says("x")) as server:
        await ask(server, models=["tiny"])
    assert [request.method for request in server.requests] == ["POST"]


async def test_foreign_words_cannot_control_the_terminal() -> None:
    async with FakeServer(fails(400, "\x1b]52;c;AAAA\x07 a\u202eb\r\n c" + "x" * 5000)) as server:
        asked = await ask(server)
    assert asked.error.isprintable() and len(asked.error) < 500


# ---- long conversations


class SmallContext:
    """Refuses conversations of more characters than it has room for."""

    def __init__(self, room: int) -> None:
        self.room = room

    async def __call__(self, request: Any, writer: asyncio.StreamWriter) -> None:
        characters = sum(len(message["content"]) for message in request.body["messages"])
        fits = characters <= self.room
        too_long = fails(
            400, "This model's maximum context length is exceeded", code="context_length_exceeded"
        )
        await (says("fits") if fits else too_long)(request, writer)


TURNS = [turn for n in range(8) for turn in (chat.user(f"q{n}" * 10), chat.assistant("a" * 20))]
LONG = [chat.system("Be kind."), *TURNS]


async def test_the_oldest_turns_of_a_long_conversation_are_dropped_and_counted() -> None:
    async with FakeServer(SmallContext(150)) as server:
        engine = RemoteEngine(provider(server.base_url), "tiny")
        for _ in range(2):
            events = [e async for e in engine.stream([*LONG, chat.user("last")], GenerationSettings())]
            assert isinstance(events[-1], GenerationDone)
            sent = server.questions[-1].body["messages"]
            assert events[-1].dropped_messages == 18 - len(sent) > 0
            assert (sent[0]["role"], sent[1]["role"], sent[-1]["content"]) == ("system", "user", "last")
        tried = len(server.questions)
        assert tried < 8 and server.questions[-1].body["messages"] == server.questions[-2].body["messages"]
        await engine.close()


async def test_a_reply_that_was_asked_to_be_too_long_does_not_shorten_later_conversations() -> None:
    async with FakeServer(SmallContext(0), models=[{"id": "tiny"}]) as server:
        engine = RemoteEngine(provider(server.base_url), "tiny")
        with pytest.raises(UserError, match="or allow only a shorter reply"):
            async for _ in engine.stream(LONG, GenerationSettings(max_new_tokens=60_000)):
                pass
        server.behaviours = [says("fits")]
        for longest in (100, 60_000):
            async for _ in engine.stream(LONG, GenerationSettings(max_new_tokens=longest)):
                pass
            assert len(server.questions[-1].body["messages"]) == len(LONG)
        await engine.close()


async def test_a_question_that_is_too_long_by_itself_is_told() -> None:
    async with FakeServer(SmallContext(3)) as server:
        asked = await ask(server)
    assert "too long for tiny. Start a new chat" in asked.error and len(server.questions) == 1


@given(st.integers(0, 12), st.booleans(), st.integers(1, 400))
def test_what_is_sent_is_always_the_end_of_the_conversation(turns: int, has_system: bool, limit: int) -> None:
    talk = [chat.system("s")] * has_system
    talk += [turn for n in range(turns) for turn in (chat.user(f"q{n}"), chat.assistant("a" * 20))]
    talk += [chat.user("last")]
    fitting = Fitting(talk, limit)
    kept = len(fitting.sent) - has_system
    assert list(fitting.sent) == talk[:has_system] + talk[len(talk) - kept :]
    assert fitting.dropped == len(talk) - len(fitting.sent) and kept >= 1
    assert fitting.sent[has_system].role == "user"
    assert fitting.characters < limit or kept == 1


# ---- references


def test_a_reference_names_the_provider_and_a_model_with_any_slashes() -> None:
    assert split_reference("api:router/meta/llama-3:free") == ("router", "meta/llama-3:free")


@pytest.mark.parametrize(
    "reference", ["api:", "api:openai", "api:openai/", "api:/x", "api:a b/x", "api:a/x y", "api:a/\x1b"]
)
def test_a_reference_that_is_none_is_refused(reference: str) -> None:
    with pytest.raises(UserError, match="api:PROVIDER/MODEL"):
        split_reference(reference)


def test_an_unknown_provider_is_answered_with_how_to_add_it() -> None:
    with pytest.raises(UserError, match=r"config set providers\.ollama\.base_url"):
        find_provider("ollama", {})


def test_progress_is_told_only_when_it_changes() -> None:
    told: list[wire.Loading] = []
    engine = RemoteEngine(provider("http://localhost:1/v1"), "tiny", told.append)
    for stage in ("a", "a", "", ""):
        engine._tell(stage)
    assert [loading.stage for loading in told] == ["a", ""]
