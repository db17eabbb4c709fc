"""The dialogs of a pane: its model, its settings, its question at other checkpoints.

    reference = await pane_dialogs.choose_model(pane)

The one rule: a dialog that is cancelled changes nothing.
"""

from __future__ import annotations

import asyncio

from engine.errors import UserError
from tui_chat.conversations import StoredMessage
from tui_chat.engines import AppEngine
from tui_chat.widgets.chat_pane import ChatPane

# The dialogs are imported where they are opened: the first paint does not need them.


async def choose_model(pane: ChatPane) -> bool:
    """Ask for another model; whether there is one now."""
    from tui_chat.screens.model_picker import ModelPicker

    reference = await pane.app.push_screen_wait(ModelPicker(pane.settings.model))
    if reference:
        await pane.change_settings(pane.settings.with_changes("model", model=reference))
    return bool(reference)


async def change_settings(pane: ChatPane) -> None:
    """Ask how the pane is to answer."""
    from tui_chat.screens.pane_settings import PaneSettings

    settings = await pane.app.push_screen_wait(PaneSettings(pane.settings, pane.model_name))
    if settings is not None:
        await pane.change_settings(settings)


async def step_checkpoints(pane: ChatPane, engine: AppEngine) -> None:
    """Ask the last question again at other checkpoints of the run."""
    from tui_chat.screens import checkpoint_steps

    if not pane.is_free():
        return
    try:
        question = checkpoint_steps.question_of(pane.session)
        checkpoints = await asyncio.to_thread(checkpoint_steps.kept_checkpoints, question.run)
    except UserError as error:
        pane.notify(str(error), markup=False)
        return
    steps = checkpoint_steps.CheckpointSteps(question, checkpoints, engine)
    taken = await pane.app.push_screen_wait(steps)
    if taken is not None:
        pane.take(taken)


async def look_at_tokens(pane: ChatPane, reply: StoredMessage) -> None:
    """Show a reply token by token, and fork it where the person says."""
    from tui_chat.screens.token_microscope import TokenMicroscope

    try:
        fork = await pane.app.push_screen_wait(TokenMicroscope(await pane.look_at(reply)))
        if fork is not None:
            await pane.fork(fork)
            words = (
                f"The reply goes on from {fork.word} in a new chat. The one before is in the list, as it was."
            )
            pane.notify(words, markup=False)
    except UserError as error:
        pane.notify(str(error), markup=False)
