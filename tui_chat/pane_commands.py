"""What the slash commands do in a pane of the app, and what their arguments are completed to.

    pane_commands().named("seed").run(pane, "7")

A new command is a row in `slash_commands.KNOWN` and one in `_COMMANDS`, or in those of `reply_commands`,
`prompt_commands` and `shelf_commands`. Where a key does the same, both take the same action.
The one rule: a command that cannot be done raises a `UserError`, and has changed nothing.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.model_library import absolute_reference, list_models
from engine.records import explanation_of
from tui_chat.generation_commands import GENERATION_COMMANDS, with_setting
from tui_chat.prompt_commands import PROMPT_COMMANDS, app_of
from tui_chat.reply_commands import REPLY_COMMANDS
from tui_chat.screens.choose_one import Choice, ChooseOne
from tui_chat.shelf_commands import SHELF_COMMANDS
from tui_chat.slash_commands import SlashCommand, SlashCommands, Suggestion, described, ranked
from tui_chat.text import one_line
from tui_chat.value_scales import digits

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane

ACTIONS = {  # command: what a key does too
    "new": "screen.new_chat",
    "settings": "screen.pane_settings",
    "retry": "regenerate",
    "tokens": "screen.look",
    "pane": "screen.new_pane",
    "training": "app.switch_modes",
    "quit": "app.quit",
}


@cache
def pane_commands() -> SlashCommands[ChatPane]:
    """The commands of every pane."""
    return SlashCommands(_COMMANDS)


def _action(command: str, *aliases: str) -> SlashCommand[ChatPane]:
    """A command that does what a key does."""

    async def run(pane: ChatPane, argument: str) -> None:
        await pane.run_action(ACTIONS[command])

    return described(command, run, aliases=aliases)


# ---- models and how they answer


async def _model(pane: ChatPane, argument: str) -> None:
    if not argument:
        await pane.run_action("screen.choose_model")
        return
    known = [entry.value for entry in await asyncio.to_thread(_models, pane, "")]
    is_elsewhere = argument.startswith(("hf:", "api:", "run:", "/", "~", "."))
    if argument not in known and not is_elsewhere:
        raise UserError(f"There is no model '{one_line(argument, 40)}'. {_meant(argument, known)}")
    model = absolute_reference(argument)
    await pane.change_settings(pane.settings.with_changes("/model", model=model))
    pane.post_message(pane.ConversationChanged(pane))


def _meant(typed: str, known: Iterable[str], otherwise: str = "/model alone lists them.") -> str:
    close = difflib.get_close_matches(typed, list(known), n=1, cutoff=0.4)
    return f"Did you mean '{close[0]}'?" if close else otherwise


def _models(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    here = [Suggestion(entry.reference, one_line(entry.card.name, 40)) for entry in list_models()]
    providers = app_of(pane).loaded.config.providers
    behind = [
        Suggestion(f"api:{name}/{model}", "behind a server")
        for name, provider in providers.items()
        for model in provider.models
    ]
    return ranked(argument, [*here, *behind])


async def _persona(pane: ChatPane, argument: str) -> None:
    if not argument:
        await pane.run_action("screen.personas")
        return
    from tui_chat.screens.pane_dialogs import choose_persona  # here: a dialog knows its pane

    await choose_persona(pane, argument)


def _personas(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    from tui_chat.personas.library import list_personas

    known = [entry.persona for entry in list_personas() if entry.persona]
    rows = [Suggestion(persona.name, one_line(persona.description, 60)) for persona in known]
    return ranked(argument, [*rows, Suggestion("none", "nobody in particular")])


async def _system(pane: ChatPane, argument: str) -> None:
    now = pane.settings.system_prompt.strip()
    if not argument:
        pane.prompt.put(f"/system {now}")
        if not now:
            pane.notify("There is no system prompt yet. Write what the model is to be told first.")
        return
    text = "" if argument.lower() == "none" else argument
    await pane.change_settings(pane.settings.with_changes("/system", system_prompt=text))
    words = f"Told first from now on: {one_line(text, 60)}" if text else "The model is told nothing first."
    pane.notify(words, markup=False)


def _generation(command: str, setting: str) -> SlashCommand[ChatPane]:
    """A command for one of the settings that decide a reply."""

    async def run(pane: ChatPane, argument: str) -> None:
        generation = pane.settings.generation
        if not argument:
            now = getattr(generation, setting)
            shown = digits(now) or "none"
            pane.notify(f"{command} is {shown}. {explanation_of(GenerationSettings, setting)}", markup=False)
            return
        changed = with_setting(generation, command, argument)
        await pane.change_settings(pane.settings.with_changes(f"/{command}", generation=changed))
        value = getattr(changed, setting)
        shown = digits(value) or "none"
        pane.notify(f"{command} is {shown} now.", markup=False)

    return described(command, run)


# ---- what is said


async def _stop(pane: ChatPane, argument: str) -> None:
    await pane.run_action("stop")
    await pane.run_action("screen.stop")  # of linked panes, all


async def _copy(pane: ChatPane, argument: str) -> None:
    if argument not in ("", "code"):
        raise UserError("Copy what? /copy sends the last reply to the clipboard, /copy code its last code.")
    await pane.transcript.copy_last_reply(code_only=argument == "code")


def _poem(pane: ChatPane, argument: str) -> None:
    pane.replies.tell("poem", argument)


def _joke(pane: ChatPane, argument: str) -> None:
    pane.replies.tell("joke", argument)


# ---- the app


async def _help(pane: ChatPane, argument: str) -> None:
    if argument:
        pane.notify(pane_commands().expect(argument.removeprefix("/")).explanation, markup=False)
        return
    choices = [Choice(one.usage, one.what) for one in pane_commands()]
    title = "Commands. //text sends /text as a message"
    chosen = await pane.app.push_screen_wait(ChooseOne(title, choices))
    if chosen is not None:
        pane.box.begin(chosen.partition(" ")[0])


def _command_names(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    return pane_commands().names_like(f"/{argument.removeprefix('/')}") or []


def _theme(pane: ChatPane, argument: str) -> None:
    app = app_of(pane)
    if not argument:
        app.action_change_theme()
    elif argument in app.available_themes:
        app.theme = argument
    else:
        hint = _meant(argument, app.available_themes, "/theme alone lists them.")
        raise UserError(f"There is no theme '{one_line(argument, 40)}'. {hint}")


def _themes(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    return ranked(argument, [Suggestion(name) for name in app_of(pane).available_themes])


_COMMANDS: tuple[SlashCommand[ChatPane], ...] = (
    described("help", _help, _command_names),
    _action("new", "clear"),
    described("model", _model, _models),
    described("persona", _persona, _personas),
    described("system", _system),
    described("joke", _joke),
    described("poem", _poem),
    *(_generation(command, setting) for command, setting in GENERATION_COMMANDS.items()),
    _action("settings"),
    _action("retry", "again", "regenerate"),
    described("stop", _stop),
    described("copy", _copy, lambda pane, typed: ranked(typed, [Suggestion("code")])),
    _action("tokens"),
    *REPLY_COMMANDS,
    *PROMPT_COMMANDS,
    *SHELF_COMMANDS,
    _action("pane"),
    described("theme", _theme, _themes),
    _action("training"),
    _action("quit", "exit", "bye", "q"),
)
