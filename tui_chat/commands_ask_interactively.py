"""`tui-chat ask -i`: what the flags of `ask` mean for a chat in plain lines.

    tui-chat ask -i                               tui-chat ask -i --conversation last

The one rule: flags go before what a conversation was kept with, and that goes before the settings file.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tui_chat.command_flags import sampling_wishes

if TYPE_CHECKING:
    from tui_chat.chat_settings import ChatSettings
    from tui_chat.config import AppConfig
    from tui_chat.engines import EngineFactory

_ONLY_ONE_REPLY = ("json", "raw", "tokens")


def add_interactive_flags(parser: argparse.ArgumentParser) -> None:
    """Add -i and what belongs to it."""
    parser.add_argument(
        "-i", "--interactive", action="store_true", help="a chat in plain lines, also for screen readers"
    )
    parser.add_argument(
        "--conversation", metavar="ID", help="with -i: go on with this conversation; last = the newest one"
    )
    parser.add_argument(
        "--by-line", action="store_true", help="with -i: show a reply line by line, not word by word"
    )


def chat_in_lines(options: argparse.Namespace, config: AppConfig, factory: EngineFactory) -> int:
    """Chat until there is no input any more."""
    for name in _ONLY_ONE_REPLY:
        if getattr(options, name):
            options.usage_error(f"--{name} is for one reply; it does not go with -i.")
    from engine.paths import conversations_path
    from tui_chat.chat_settings import default_settings
    from tui_chat.conversations import Conversations
    from tui_chat.linear_chat import LinearChat  # here: `--help` needs none of it
    from tui_chat.personas.choosing import settings_with
    from tui_chat.personas.library import find_persona
    from tui_chat.plain_lines import PlainLines

    usual = settings = default_settings(config)
    if options.persona is not None:
        persona = find_persona(options.persona).persona
        settings, notice = settings_with(persona, usual, usual, config.providers)
        if notice:
            print(f"tui-chat: {notice}", file=sys.stderr)
    chat = LinearChat(
        Conversations.at(conversations_path()),
        with_flags(settings, options),
        factory,
        PlainLines("line" if options.by_line else "word"),
        config.companions,
        usual,
        config.providers,
    )
    return chat.run(
        "" if options.prompt in (None, "-") else options.prompt,
        options.conversation or "",
        lambda kept: with_flags(kept, options),
    )


def with_flags(settings: ChatSettings, options: argparse.Namespace) -> ChatSettings:
    """The settings as the flags want them."""
    wishes = sampling_wishes(options) | ({"stop": options.stop} if options.stop else {})
    from engine.model_library import absolute_reference  # here: `--help` does not need it

    model = None if options.model is None else absolute_reference(options.model)
    chosen = {"model": model, "system_prompt": options.system}
    return settings.with_changes(
        "ask",
        generation=settings.generation.with_changes("ask", **wishes),
        **{name: value for name, value in chosen.items() if value is not None},
    )
