"""API keys: where they come from, and how they stay unseen.

A key comes from an environment variable, or from the system's keyring, where its entry names the origin it was
saved for: a provider that is given another address later finds no key there.
The one rule: the text of a key is in an `ApiKey` from the first moment on; whatever prints one shows nothing.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from engine.errors import UserError
from engine.remote.provider import Provider

_SERVICE = "tui-chat"
_HIDDEN = "[key]"


class ApiKey:
    """A secret. Reprs, tracebacks with variables and formatted strings show a placeholder."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "ApiKey(hidden)"

    def __reduce__(self) -> Any:
        raise TypeError("a key is not written anywhere")

    def reveal(self) -> str:
        """The key itself, for the one header it belongs in."""
        return self._text

    def redacted(self, text: str) -> str:
        """`text` without the key: servers repeat it in their errors."""
        return text.replace(self._text, _HIDDEN)


def key_of(provider: Provider) -> ApiKey | None:
    """The key of a provider; None where the settings name none. May wait for the keyring: call it in a thread.

    Raises:
        UserError: when the settings name a place and no usable key is there.
    """
    settings = provider.settings
    if settings.api_key_env:
        text = os.environ.get(settings.api_key_env, "").strip()
        if not text:
            raise UserError(
                f"{provider.name}: the environment variable {settings.api_key_env} is not set; it is to hold "
                f"the API key. Set it before starting: export {settings.api_key_env}=..."
            )
        return _checked(text, f"{provider.name}: the key in {settings.api_key_env}")
    if settings.api_key_keyring:
        return _from_keyring(provider)
    return None


def place_of(provider: Provider) -> str:
    """Where the key comes from, in words; empty when there is none."""
    if provider.settings.api_key_env:
        return f"the environment variable {provider.settings.api_key_env}"
    return f"the keyring ({_entry(provider)})" if provider.settings.api_key_keyring else ""


def save_in_keyring(provider: Provider, text: str) -> None:
    """Keep a key in the system's keyring, for the provider's present origin only.

    Raises:
        UserError: when the key cannot be one, or there is no keyring.
    """
    key = _checked(text.strip(), "The key")
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, _entry(provider), key.reveal())
    except keyring.errors.KeyringError as error:
        raise _unusable(error) from None


def _from_keyring(provider: Provider) -> ApiKey:
    keyring = _keyring()
    try:
        text = keyring.get_password(_SERVICE, _entry(provider))
    except keyring.errors.KeyringError as error:
        raise _unusable(error) from None
    if not text:
        raise UserError(
            f"{provider.name}: the keyring has no key for {provider.address.origin}. "
            f"Save it: tui-chat models key {provider.name}"
        )
    return _checked(text, f"{provider.name}: the key in the keyring")


def _entry(provider: Provider) -> str:
    return f"{provider.name} {provider.address.origin}"


def _keyring() -> Any:
    try:
        keyring = importlib.import_module(
            "keyring"
        )  # optional, and slow: it looks for the desktop's services
        importlib.import_module("keyring.errors")
    except ImportError:
        raise UserError(
            "api_key_keyring needs the package keyring: pip install 'tui-chat[keyring]'. "
            "Or name an environment variable in api_key_env."
        ) from None
    return keyring


def _unusable(error: Exception) -> UserError:
    return UserError(
        f"The system's keyring cannot be used here ({type(error).__name__}). "
        "Name an environment variable in api_key_env instead."
    )


def _checked(text: str, what: str) -> ApiKey:
    if not text or not text.isascii() or not text.isprintable() or " " in text or len(text) > 8192:
        raise UserError(f"{what} holds a space, a line break or a character no key has. Copy it once more.")
    return ApiKey(text)
