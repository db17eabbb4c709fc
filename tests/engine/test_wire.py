"""The lines between the app and an engine process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import wire
from engine.chat import user
from engine.errors import UserError
from engine.generation import Alternative, GenerationDone, GenerationSettings, TextChunk, Token
from engine.inspection import InspectedToken


@given(st.text())
def test_every_message_is_one_line_and_comes_back_equal(text: str) -> None:
    chunk = TextChunk(
        text=text,
        tokens=(
            Token(token_id=1, logprob=-0.5, alternatives=(Alternative(token_id=2, text=text, logprob=-1.0),)),
        ),
    )
    done = GenerationDone(finish_reason="end_of_text", prompt_tokens=1, completion_tokens=1, seed=0)
    for message in (
        wire.Text(request=1, chunk=chunk),
        wire.Done(request=1, result=done),
        wire.Failed(message=text),
        wire.Inspected(
            request=1,
            tokens=(InspectedToken(part="reply", token_id=1, text=text, spelling=text, logprob=-0.5),),
        ),
    ):
        line = wire.encode(message)
        assert line.count(b"\n") == 1
        assert wire.read_from_engine(line) == message
    request = wire.Generate(request=1, settings=GenerationSettings(), messages=(user(text),))
    assert wire.read_from_app(wire.encode(request)) == request
    look = wire.Inspect(request=1, settings=GenerationSettings(), prompt=text, reply=text)
    assert wire.read_from_app(wire.encode(look)) == look


@pytest.mark.parametrize(
    "line", [b"", b"print from a library\n", b'{"type":"what"}\n', b'{"type":"text"}\n', b"\xff\n"]
)
def test_a_stray_line_is_a_user_error_not_a_crash(line: bytes) -> None:
    with pytest.raises(UserError):
        wire.read_from_engine(line)
    with pytest.raises(UserError):
        wire.read_from_app(line)


def test_half_a_character_from_a_terminal_becomes_a_replacement_character() -> None:
    request = wire.Generate(request=1, settings=GenerationSettings(), messages=(user("a\udcff\ud83d\ude00"),))
    received = wire.read_from_app(wire.encode(request))
    assert isinstance(received, wire.Generate)
    assert received.messages[0].content == "a\ufffd\N{GRINNING FACE}"
