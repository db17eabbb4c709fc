"""Slash commands that change how replies are sampled, wherever they are typed.

    with_setting(settings, "top-k", "40")

The one rule: what is typed is checked like the same setting in the settings file, and called by the command's name.
"""

from __future__ import annotations

from engine.errors import UserError
from engine.generation import GenerationSettings
from tui_chat.config_schema import parse_value

GENERATION_COMMANDS = {  # command: setting
    "temperature": "temperature",
    "top-k": "top_k",
    "top-p": "top_p",
    "repetition-penalty": "repetition_penalty",
    "max-tokens": "max_new_tokens",
    "seed": "seed",
}


def with_setting(settings: GenerationSettings, command: str, typed: str) -> GenerationSettings:
    """The settings as a command changes them.

    Raises:
        UserError: when what was typed is no value for it.
    """
    setting = GENERATION_COMMANDS[command]
    try:
        value = parse_value(f"generation.{setting}", typed)
    except UserError as error:
        problem = str(error).removeprefix(f"generation.{setting}: ")
        raise UserError(problem.replace(setting, f"/{command}", 1)) from None
    return settings.with_changes(f"/{command}", **{setting: value})
