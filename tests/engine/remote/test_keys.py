"""API keys: found where the settings say, bound to their origin, and never shown."""

from __future__ import annotations

import pickle
import sys
import traceback
import types
from typing import Any

import pytest

from engine.errors import UserError
from engine.remote import keys
from engine.remote.keys import ApiKey
from engine.remote.provider import Provider, ProviderSettings, find_provider, problem_of_field
from engine.remote.refusals import quoted

CANARY = "sk-canary-0123456789"


def provider(base_url: str = "https://api.example.com/v1", **settings: Any) -> Provider:
    return find_provider("example", {"example": ProviderSettings(base_url=base_url, **settings)})


class FakeKeyring(types.ModuleType):
    """The package, with one vault."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.vault: dict[tuple[str, str], str] = {}
        self.errors = types.ModuleType("keyring.errors")
        self.errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
        self.is_broken = False

    def get_password(self, service: str, entry: str) -> str | None:
        if self.is_broken:
            raise self.errors.KeyringError("no backend")
        return self.vault.get((service, entry))

    def set_password(self, service: str, entry: str, text: str) -> None:
        if self.is_broken:
            raise self.errors.KeyringError("no backend")
        self.vault[service, entry] = text


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
    fake = FakeKeyring()
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", fake.errors)
    return fake


def test_a_key_shows_itself_to_nobody_but_the_one_who_asks() -> None:
    key = ApiKey(CANARY)
    shown = [repr(key), str(key), f"{key}", repr([key]), "%s" % key]  # noqa: UP031
    try:
        raise ValueError(key)
    except ValueError as error:
        shown += traceback.format_exception(error)
    assert CANARY not in "".join(shown)
    assert key.reveal() == CANARY and not hasattr(key, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_a_key_comes_from_the_environment_without_the_line_break_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY_KEY", f"{CANARY}\n")
    key = keys.key_of(provider(api_key_env="CANARY_KEY"))
    assert key is not None and key.reveal() == CANARY


def test_a_server_that_needs_no_key_gets_none() -> None:
    assert keys.key_of(provider()) is None


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", " ")
    with pytest.raises(UserError, match="CANARY_KEY is not set"):
        keys.key_of(provider(api_key_env="CANARY_KEY"))


@pytest.mark.parametrize("text", ["sk one", "sk-ö", "sk-\nX-Evil: 1", "k" * 10_000])
def test_what_cannot_be_a_key_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("CANARY_KEY", text)
    with pytest.raises(UserError, match="Copy it once more") as caught:
        keys.key_of(provider(api_key_env="CANARY_KEY"))
    assert text not in str(caught.value)


def test_a_key_in_the_keyring_is_bound_to_the_origin_it_was_saved_for(keyring: FakeKeyring) -> None:
    mine = provider(api_key_keyring=True)
    keys.save_in_keyring(mine, f"{CANARY}\n")
    key = keys.key_of(mine)
    assert key is not None and key.reveal() == CANARY
    moved = provider("https://evil.example/v1", api_key_keyring=True)
    with pytest.raises(UserError, match="no key for https://evil.example"):
        keys.key_of(moved)


def test_a_keyring_that_does_not_work_is_told(keyring: FakeKeyring) -> None:
    keyring.is_broken = True
    for act in (
        lambda: keys.key_of(provider(api_key_keyring=True)),
        lambda: keys.save_in_keyring(provider(), "k"),
    ):
        with pytest.raises(UserError, match="api_key_env instead"):
            act()


def test_a_missing_keyring_package_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UserError, match=r"pip install 'tui-chat\[keyring\]'"):
        keys.key_of(provider(api_key_keyring=True))


@pytest.mark.parametrize("value", [CANARY, "openai_api_key", "A B", "$KEY"])
def test_a_key_in_place_of_the_name_of_a_variable_is_refused_without_being_repeated(value: str) -> None:
    problem = problem_of_field("api_key_env", value)
    assert "never into this file" in problem and value not in problem


def test_a_key_that_a_server_repeats_is_taken_out_of_its_words() -> None:
    assert quoted(f"Incorrect API key: {CANARY}!", ApiKey(CANARY)) == "Incorrect API key: [key]!"
