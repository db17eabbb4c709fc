"""`tui-chat models check` and `key`: models behind servers, on the command line.

    tui-chat models --remote                       also what the servers of the settings list
    tui-chat models check api:local                is the server there, does it take the key, what does it list
    tui-chat models check api:local/tiny           and does that model answer
    tui-chat models key openai                     save a key in the system's keyring

The one rule: a key is typed where nobody sees it, or piped in; never an argument, which every process can read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from tui_chat.command_flags import add_action

if TYPE_CHECKING:
    from engine.model_library import ModelEntry
    from engine.remote.provider import Provider
    from tui_chat.config import AppConfig

_LISTED = 20  # models shown by check
_QUESTION = "Say hello in one word."
_LONGEST_REPLY = 16  # tokens


def add_server_actions(actions: Any) -> None:
    """Add the actions to `models`."""
    about = "is a server there, and does its model answer: api:PROVIDER[/MODEL]"
    check = add_action(actions, "check", check_server, about, json="one JSON object")
    check.add_argument("model", metavar="REF")
    key = add_action(actions, "key", save_key, "save the API key of a provider in the system's keyring")
    key.add_argument("provider", metavar="PROVIDER")


def entries_of_servers(may_ask: bool) -> list[ModelEntry]:
    """The models of the servers in the settings; those that must be asked for only where one may."""
    from tui_chat import server_models

    providers = _config().providers
    found = [entry for offer in server_models.first_offers(providers) for entry in offer.entries]

    async def ask() -> None:
        async for offer in server_models.offers(providers):
            found.extend(offer.entries)
            if offer.problem:
                print(f"tui-chat: {offer.problem}", file=sys.stderr)

    if may_ask and providers:
        asyncio.run(ask())
    return found


def check_server(options: argparse.Namespace) -> int:
    """Ask a server what it has; and a model, when one is named, for a word."""
    from engine.remote.provider import SCHEME, find_provider, split_reference

    name, _, model = options.model.strip().removeprefix(SCHEME).partition("/")
    provider = find_provider(name, _config().providers)
    if model:
        split_reference(f"{SCHEME}{name}/{model}")  # says how it is written
    facts = asyncio.run(_check(provider, model))
    if getattr(options, "json", False):
        print(json.dumps(facts, ensure_ascii=False))
        return 0
    for fact, value in facts.items():
        shown = _listed(value) if isinstance(value, list) else str(value)
        if shown:
            print(f"{fact.replace('_', ' '):<22} {_plain(shown)}")
    return 0


async def _check(provider: Provider, model: str) -> dict[str, Any]:
    from engine.remote import keys
    from engine.remote.listing import list_models

    facts: dict[str, Any] = {"server": provider.address.url(""), "key": keys.place_of(provider) or "none"}
    began = time.monotonic()
    problem = ""
    try:
        facts["models"] = [listed.name for listed in await list_models(provider)]
    except UserError as error:
        if not model:
            raise
        problem = str(error)
    facts["seconds_to_list"] = round(time.monotonic() - began, 3)
    facts["problem"] = problem
    return facts | (await _ask(provider, model) if model else {})


async def _ask(provider: Provider, model: str) -> dict[str, Any]:
    from engine import chat
    from engine.generation import GenerationDone, GenerationSettings
    from engine.remote.remote_engine import RemoteEngine

    engine = RemoteEngine(provider, model)
    text, facts = "", dict[str, Any]()
    try:
        async for event in engine.stream(
            [chat.user(_QUESTION)], GenerationSettings(max_new_tokens=_LONGEST_REPLY)
        ):
            if isinstance(event, GenerationDone):
                facts = {"tokens": event.completion_tokens}
                facts["seconds_to_first_token"] = round(event.seconds_to_first_token, 3)
            else:
                text += event.text
        notes = engine.model.warnings if engine.model else ()
    finally:
        await engine.close()
    return {"reply": text, **facts, "asked": ", ".join(notes) or "with all settings"}


def save_key(options: argparse.Namespace) -> int:
    """Read a key from the terminal unseen, or from a pipe, and keep it in the keyring."""
    import getpass

    from engine.remote import keys
    from engine.remote.provider import find_provider

    provider = find_provider(options.provider, _config().providers)
    is_terminal = sys.stdin.isatty()
    text = (
        getpass.getpass(f"API key for {provider.address.origin}: ") if is_terminal else sys.stdin.readline()
    )
    if not text.strip():
        raise UserError("No key was given, so none was saved.")
    keys.save_in_keyring(provider, text)
    print(f"Saved for {provider.address.origin} only.")
    if not provider.settings.api_key_keyring:
        print(
            f"It is used once you say so: tui-chat config set providers.{provider.name}.api_key_keyring true"
        )
    return 0


def _config() -> AppConfig:
    from engine.paths import config_path
    from tui_chat.config import load_config

    loaded = load_config(config_path())
    for problem in loaded.problems:
        print(f"tui-chat: {problem}", file=sys.stderr)
    return loaded.config


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


def _plain(text: str) -> str:
    """What a server says is foreign text: no control characters on the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
