"""Records come in checked and go out as they are."""

from __future__ import annotations

import pytest

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationSettings


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"top_k": -1}, "settings: top_k must be from 0 to 1,000,000."),
        ({"top_p": 1.5}, "settings: top_p must be from 0.001 to 1."),
        ({"temperature": float("nan")}, "settings: temperature must be a finite number."),
        ({"temperature": float("inf")}, "settings: temperature must be a finite number."),
        ({"temperature": True}, "settings: temperature must be a number."),
        ({"max_new_tokens": 1.5}, "settings: max_new_tokens must be a whole number."),
        ({"max_new_tokens": 0}, "settings: max_new_tokens must be from 1 to 65,536."),
        ({"seed": -1}, "settings: seed must be at least 0."),
        ({"seed": 2**63}, "settings: seed must be at most 4,611,686,018,427,387,904."),
        ({"stop": "x"}, "settings: stop must be a list."),
        ({"temperatur": 1.0}, "settings: there is no setting 'temperatur'. Did you mean 'temperature'?"),
        ([], "settings: expected named settings, found a list."),
    ],
)
def test_wrong_settings_are_refused_with_the_range_named(data: object, message: str) -> None:
    with pytest.raises(UserError) as refused:
        GenerationSettings.from_dict(data, "settings")
    assert str(refused.value) == message


def test_a_refusal_never_repeats_the_value_it_refuses() -> None:
    with pytest.raises(UserError) as refused:
        ChatMessage.from_dict({"role": "secret-key-123", "content": "x"}, "chat")
    assert "secret-key-123" not in str(refused.value)
    assert "system, user, assistant" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "{", "nonsense", "[" * 100_000, '"\ud800"'.encode("utf-8", "surrogatepass")]
)
def test_text_that_is_not_json_is_refused_in_a_sentence(text: str | bytes) -> None:
    with pytest.raises(UserError, match=r"^file\.json: "):
        ChatMessage.from_json(text, "file.json")


def test_a_record_survives_the_way_to_json_and_back() -> None:
    settings = GenerationSettings(stop=("a", "b"), seed=3)
    assert GenerationSettings.from_json(settings.to_json(), "x") == settings
    assert settings.with_changes("x", seed=None).seed is None


def test_a_missing_field_is_named() -> None:
    with pytest.raises(UserError, match="'content' is missing"):
        ChatMessage.from_dict({"role": "user"}, "chat")
