"""Slash commands for what goes into the prompt of a pane: files, templates, earlier messages, one's own editor.

The one rule: what is in the box already stays there, but where one text is chosen instead of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from engine.paths import prompts_path
from tui_chat.attachments import named, without_attachments
from tui_chat.path_completion import paths_like
from tui_chat.prompt_templates import PromptTemplate, prompt_templates, template_named
from tui_chat.screens.choose_one import Choice, ChooseOne
from tui_chat.slash_commands import SlashCommand, Suggestion, described, ranked, typed_for

if TYPE_CHECKING:
    from tui_chat.app import TuiChatApp
    from tui_chat.widgets.chat_pane import ChatPane

_MOST_HISTORY = 5000


def app_of(pane: ChatPane) -> TuiChatApp:
    """The app, typed."""
    app: Any = pane.app
    return app


def _attach(pane: ChatPane, argument: str) -> Awaitable[None]:
    return pane.box.attach(argument)


def paths(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    return [Suggestion(path, "folder" if is_folder else "") for path, is_folder in paths_like(argument)]


def _detach(pane: ChatPane, argument: str) -> None:
    pane.box.attached.take_away(named(pane.box.attached.files, argument))


def _attached(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    return ranked(argument, [Suggestion(file.name) for file in pane.box.attached.files])


async def _template(pane: ChatPane, argument: str) -> None:
    templates, problems = await asyncio.to_thread(prompt_templates)
    for problem in problems:
        pane.notify(problem, title="Prompt templates", severity="warning", timeout=10, markup=False)
    if argument:
        pane.box.use_template(template_named(argument, templates))
    elif chosen := await _chosen_template(pane, templates):
        pane.box.use_template(template_named(chosen, templates))


async def _chosen_template(pane: ChatPane, templates: Sequence[PromptTemplate]) -> str | None:
    choices = [Choice(template.name, template.what) for template in templates]
    title = f"Prompt templates. Your own: {prompts_path()}"
    return await pane.app.push_screen_wait(ChooseOne(title, choices))


def _templates(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    found, _ = prompt_templates()
    return ranked(argument, [Suggestion(template.name, template.what) for template in found])


async def _history(pane: ChatPane, argument: str) -> None:
    saved = await asyncio.to_thread(app_of(pane).conversations.prompts, _MOST_HISTORY)
    sent = [typed_for(without_attachments(text)) for text in saved] + pane.prompt.sent
    newest_first = list(dict.fromkeys(reversed(sent)))
    nothing = "You have sent nothing yet."
    screen = ChooseOne(
        "What you sent, the newest first", [Choice(text) for text in newest_first], "", nothing
    )
    chosen = await pane.app.push_screen_wait(screen)
    if chosen is not None:
        pane.prompt.put(chosen)


def _editor(pane: ChatPane, argument: str) -> None:
    pane.box.edit()


PROMPT_COMMANDS: tuple[SlashCommand[ChatPane], ...] = (
    described("attach", _attach, paths),
    described("detach", _detach, _attached),
    described("template", _template, _templates),
    described("history", _history),
    described("editor", _editor),
)
