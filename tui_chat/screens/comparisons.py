"""A pane beside the focused one that differs in one thing: its model, its checkpoint, or its settings.

    await compare_models(chat)

The new pane goes on from a copy of the conversation; another model gives its own reply to the last question, with the
same seed. The panes are linked, so that what is asked next goes to both.
Blind, the names of all panes are hidden until a vote, and chance decides who answers in which: see `BlindPanes`.
The one rule: the pane and the conversation that were there stay as they are.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.model_library import run_of
from tui_chat.chat_settings import ChatSettings
from tui_chat.key_bindings import key_in_words
from tui_chat.prompt_commands import app_of
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.pane_row import PaneRow

if TYPE_CHECKING:
    from tui_chat.screens.chat import ChatScreen


async def compare_models(chat: ChatScreen) -> None:
    """Another model beside this one."""
    await _with_model(chat, "", "Compare with which model?")


async def compare_checkpoints(chat: ChatScreen) -> None:
    """Another checkpoint of the run beside this one."""
    run = run_of(chat.pane.settings.model)
    if run is None:
        key = key_in_words(chat, "chat.model")
        chat.notify(f"This pane does not chat with a run. {key} chooses one.", markup=False)
    else:
        await _with_model(chat, f"run:{run}@", "Compare with which checkpoint?")


async def compare_settings(chat: ChatScreen) -> None:
    """The same model beside itself, with its settings open to be changed."""
    if await _open(chat.query_one(PaneRow), chat.pane, chat.pane.settings, asks=False):
        await chat.action_pane_settings()


async def compare_blind(chat: ChatScreen) -> None:
    """The panes there are without names, or another model beside this one; done again, with names."""
    row = chat.query_one(PaneRow)
    if row.blind.is_on:
        row.blind.end()
    elif len(row.panes) > 1 or await _beside_another_model(chat):
        row.notify("Loading the models …", timeout=2, markup=False)
        engines = [app_of(pane).engines.engine_for(pane.settings.model) for pane in row.panes]
        try:
            await asyncio.gather(*(engine.load() for engine in engines))  # who is waited for would be known
            if not row.blind.is_on:  # it was asked for twice meanwhile
                await row.blind.begin()
        except UserError as error:
            row.notify(str(error), severity="error", markup=False)


async def _beside_another_model(chat: ChatScreen) -> bool:
    from tui_chat.screens.model_picker import ModelPicker  # here: the first paint does not need it

    pane, title = chat.pane, "Compare blind with which model?"
    reference = await chat.app.push_screen_wait(ModelPicker(pane.settings.model, "", title, True))
    if not reference:
        return False
    settings = pane.settings.with_changes("comparison", model=reference)
    return await _open(chat.query_one(PaneRow), pane, settings, asks=False)


async def _with_model(chat: ChatScreen, query: str, title: str) -> None:
    from tui_chat.screens.model_picker import ModelPicker  # here: the first paint does not need it

    pane = chat.pane
    reference = await chat.app.push_screen_wait(ModelPicker(pane.settings.model, query, title, True))
    if reference:
        settings = pane.settings.with_changes("comparison", model=reference)
        await _open(chat.query_one(PaneRow), pane, settings, asks=True)


async def _open(row: PaneRow, pane: ChatPane, settings: ChatSettings, asks: bool) -> bool:
    """Open the other pane; whether there was room for one."""
    if not pane.replies.is_free():
        return False
    session = pane.session
    question, answers = session.last_question(), session.answers()
    other = await row.add(settings)
    if other is None:
        return False
    try:
        if question is not None:
            last = question if asks else session.messages[-1]
            # Kept with its own settings: were they changed after, its engine had no pane for a moment.
            await other.open(await session.copied_until(last.id, settings))
    except UserError as error:
        row.notify(str(error), severity="error", markup=False)
    row.link.put(True)
    if asks and (asked := other.session.last_question()):
        seeds = [answer.seed for answer in answers if answer.seed is not None]
        other.branches.answer(asked, seeds[-1] if seeds else None)
    return True
