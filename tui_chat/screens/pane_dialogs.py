"""The dialogs of a pane: its model, its settings, its persona, its question at other checkpoints.

    reference = await pane_dialogs.choose_model(pane)

Those that would tell who answers end a blind comparison. The one rule: a dialog that is cancelled changes nothing else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.errors import UserError
from tui_chat.chat_settings import default_settings
from tui_chat.conversations import StoredMessage
from tui_chat.engines import AppEngine
from tui_chat.key_bindings import key_in_words
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.pane_row import PaneRow

if TYPE_CHECKING:
    from tui_chat.app import TuiChatApp
    from tui_chat.config import LoadedConfig
    from tui_chat.personas.persona import Persona
    from tui_chat.reply_tokens import Fork
    from tui_chat.screens.paned_chat import PanedChat

# The dialogs are imported where they are opened: the first paint does not need them.


def _show_names(pane: ChatPane) -> None:
    if isinstance(pane.parent, PaneRow):
        pane.parent.blind.end()


async def choose_model(pane: ChatPane) -> bool:
    """Ask for another model; whether there is one now."""
    from tui_chat.screens.model_picker import ModelPicker

    _show_names(pane)
    reference = await pane.app.push_screen_wait(ModelPicker(pane.settings.model))
    if reference:
        pane.prompt.focus()  # at once: what is typed next is for the model
        await pane.change_settings(pane.settings.with_changes("model", model=reference))
    return bool(reference)


async def toggle_settings(screen: PanedChat) -> None:
    """Show how the focused pane answers, beside it; or go there; or, from there, put it away."""
    from tui_chat.widgets.settings_drawer import SettingsDrawer

    _show_names(screen.pane)
    for drawer in screen.query(SettingsDrawer):
        await drawer.action_close() if drawer.has_focus_within else drawer.focus_first()
        return
    drawer = SettingsDrawer(lambda: screen.pane, lambda: screen.default_settings, screen.focus_prompt)
    await screen.query_one("#chat").mount(drawer)
    drawer.focus_first()


async def ask_for_persona(pane: ChatPane) -> bool:
    """Show all personas; whether one was chosen."""
    from tui_chat.screens.personas import PersonaScreen

    _show_names(pane)
    choice = await pane.app.push_screen_wait(PersonaScreen(pane.settings))
    if choice is not None:
        pane.prompt.focus()  # at once: the next keys are for the chat, also where the list had the focus before
        if choice.is_new_chat:
            await pane.begin_anew()
        await use_persona(pane, choice.persona)
    return choice is not None


async def choose_persona(pane: ChatPane, name: str) -> None:
    """Answer as the persona of this name from now on; as nobody when it is empty or "none".

    Raises:
        UserError: when there is no such persona; nothing has changed then.
    """
    from tui_chat.personas.library import find_persona

    is_nobody = name.strip().casefold() in ("", "none")
    await use_persona(pane, None if is_nobody else (await asyncio.to_thread(find_persona, name)).persona)


async def use_persona(pane: ChatPane, persona: Persona | None) -> None:
    """Answer as this persona from now on, or as nobody."""
    from tui_chat.personas.choosing import settings_with, settings_without

    loaded: LoadedConfig = pane.app.loaded  # type: ignore[attr-defined]
    default = default_settings(loaded.config)
    if persona is None:
        settings, notice = settings_without(pane.settings, default), ""
    else:
        providers = loaded.config.providers
        settings, notice = await asyncio.to_thread(settings_with, persona, pane.settings, default, providers)
    await pane.change_settings(settings)
    pane.post_message(pane.ConversationChanged(pane))  # its model may be another
    if notice:
        pane.notify(notice, severity="warning", timeout=12, markup=False)


async def step_checkpoints(pane: ChatPane, engine: AppEngine) -> None:
    """Ask the last question again at other checkpoints of the run."""
    from tui_chat.screens import checkpoint_steps

    _show_names(pane)
    if not pane.replies.is_free():
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
        pane.replies.take(taken)


async def look_at_tokens(pane: ChatPane, reply: StoredMessage) -> None:
    """Show a reply token by token, and fork it where the person says."""
    from tui_chat.screens.token_microscope import TokenMicroscope
    from tui_chat.token_look import look_at

    _show_names(pane)
    app: TuiChatApp = pane.app  # type: ignore[assignment]
    try:
        look = await look_at(pane.session, reply, app.engines, app.conversations)
        fork = await app.push_screen_wait(TokenMicroscope(look))
        if fork is not None:
            await _fork(pane, fork)
            before = key_in_words(pane, "message.before", MessageView)
            words = (
                f"The reply goes on from {fork.word}, beside the one before: focus it, {before} leads back."
            )
            pane.notify(words, markup=False)
    except UserError as error:
        pane.notify(str(error), markup=False)


async def _fork(pane: ChatPane, fork: Fork) -> None:
    """Go on with another token, in a reply beside the one that is forked; its model answers from now on.

    Raises:
        UserError: when the model cannot be remembered; nothing was said then.
    """
    await pane.stop()
    if fork.model != pane.settings.model:
        await pane.change_settings(pane.settings.with_changes("fork", model=fork.model))
    pane.replies.fork(fork)


def look_at_last_reply(pane: ChatPane) -> None:
    """Show the last reply of a model token by token."""
    views = [view for view in pane.transcript.views if view.message.model]
    if views:
        pane.post_message(MessageView.LookRequested(views[-1]))
    else:
        pane.notify("There is no reply of a model yet.", markup=False)
