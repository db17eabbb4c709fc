"""What the settings say about a server, and what `api:PROVIDER/MODEL` means.

    [providers.local]
    base_url = "http://localhost:8000/v1"

    [providers.openai]
    base_url = "https://api.openai.com/v1"
    api_key_env = "OPENAI_API_KEY"

The one rule: no key stands here, only where it is found; and nothing here touches the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from engine.errors import UserError
from engine.records import Record, between, word
from engine.remote.addresses import Address, parse_address

SCHEME = "api:"
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.ASCII)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}", re.ASCII)  # lower case is refused: keys have it
_LONGEST_MODEL_NAME = 200

Kind = Literal["auto", "openai", "gemini", "vllm", "llama.cpp", "ollama", "other"]


class ProviderSettings(Record):
    """A server with models, as [providers.NAME] of the settings file describes it."""

    base_url: Annotated[
        str, word("Address of the server up to and with /v1; https, or http for this machine.")
    ] = ""
    api_key_env: Annotated[
        str, word("The environment variable that holds the API key; empty = none is needed.")
    ] = ""
    api_key_keyring: Annotated[
        bool, word("Take the API key from the system's keyring; `tui-chat models key NAME` saves it.")
    ] = False
    models: Annotated[tuple[str, ...], word("Models to offer; empty = those the server lists.")] = ()
    kind: Annotated[
        Kind, word("Which settings it understands beside the usual ones; auto looks at the address and asks.")
    ] = "auto"
    connect_seconds: Annotated[float, between(0.1, 600, "How long a connection may take.")] = 10.0
    first_token_seconds: Annotated[float, between(0.1, 3600, "How long a reply may take to begin.")] = 120.0
    between_tokens_seconds: Annotated[float, between(0.1, 3600, "How long a reply may pause.")] = 60.0
    attempts: Annotated[
        int, between(1, 10, "How often a busy or failing server is asked before a reply begins.")
    ] = 4


@dataclass(frozen=True)
class Provider:
    """A configured server."""

    name: str
    settings: ProviderSettings
    address: Address


def problem_of_field(field: str, value: object) -> str:
    """What is wrong with the value of a field beyond its type; empty when nothing is. Never repeats the value."""
    match field, value:
        case "base_url", str(text):
            try:
                parse_address(text)
            except UserError as error:
                return str(error)
        case "api_key_env", str(text) if text and not _VARIABLE.fullmatch(text):
            return (
                "api_key_env must be the name of an environment variable such as OPENAI_API_KEY; "
                "the key itself belongs into that variable, never into this file."
            )
        case "models", (list() | tuple()) as names if not all(map(is_model_name, names)):
            return 'models must be a list of names such as ["gpt-4o-mini"], without spaces.'
    return ""


def is_model_name(text: object) -> bool:
    """Whether this can be a model's name: one printable word."""
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_MODEL_NAME and _is_a_word(text)


def _is_a_word(text: str) -> bool:
    return text.isprintable() and not any(character.isspace() for character in text)


def is_remote(reference: str) -> bool:
    """Whether a reference means a model behind a server."""
    return reference.strip().startswith(SCHEME)


def find_provider(name: str, providers: Mapping[str, ProviderSettings]) -> Provider:
    """The provider of that name.

    Raises:
        UserError: when the settings have no such provider, or a wrong one.
    """
    if name not in providers:
        known = f"There are: {', '.join(providers)}." if providers else "There is none yet."
        shown = name if NAME_PATTERN.fullmatch(name) else "NAME"
        what = f"There is no provider '{name}'" if shown == name else "There is no provider of that name"
        raise UserError(
            f"{what} in the settings. {known} Add it: "
            f"tui-chat config set providers.{shown}.base_url http://localhost:8000/v1"
        )
    try:
        return Provider(name, providers[name], parse_address(providers[name].base_url))
    except UserError as error:
        raise UserError(f"providers.{name}: {error}") from None


def split_reference(reference: str) -> tuple[str, str]:
    """ "api:PROVIDER/MODEL" as (PROVIDER, MODEL); the model's name may hold slashes and colons.

    Raises:
        UserError: when it is not of that form.
    """
    provider, _, model = reference.strip().removeprefix(SCHEME).partition("/")
    if not NAME_PATTERN.fullmatch(provider) or not is_model_name(model):
        raise UserError(
            "A model behind a server is written api:PROVIDER/MODEL, such as api:openai/gpt-4o-mini."
        )
    return provider, model


def reference_of(provider: str, model: str) -> str:
    """ "api:PROVIDER/MODEL"."""
    return f"{SCHEME}{provider}/{model}"
