"""The command palette: everything the app can do, by name.

Beside each stand the keys that do the same (`palette_keys`). The one rule: what a key does is found here too, under
words a person would type.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand
from textual.command import Hit, Hits, Provider
from textual.content import Content
from textual.screen import Screen

from tui_chat.feedback import Word
from tui_chat.palette_keys import with_keys
from tui_chat.screens.help import HelpScreen
from tui_chat.screens.settings import SettingsScreen
from tui_chat.screens.token_microscope import TokenMicroscope
from tui_chat.screens.training import TrainingScreen
from tui_chat.text import one_line, plain
from tui_chat.widgets.pane_row import PaneRow
from tui_chat.workers import start_worker

if TYPE_CHECKING:
    from tui_chat.app import TuiChatApp
    from tui_chat.screens.chat import ChatScreen

Command = tuple[str, str, Callable[[], Any]]

_ABOUT = re.compile(r"\s*(?P<companion>joke|poem)\s+(?:(?:about|on|of)\s+)?(?P<topic>\S.*)", re.IGNORECASE)


def commands_of(app: TuiChatApp, screen: Screen[Any] | None = None) -> Iterator[SystemCommand]:
    """Every command with its keys; those for a training run where a run is on `screen`."""
    in_chat = [*_chat_commands(app.chat), *_pane_commands(app.chat)]
    there = [(title, explanation, _on_chat(app, action)) for title, explanation, action in in_chat]
    for title, explanation, action in [*_run_commands(screen), *there, *_app_commands(app)]:
        yield SystemCommand(title, with_keys(app, title, explanation), action)


def _app_commands(app: TuiChatApp) -> list[Command]:
    return [
        ("Joke", "Hear a joke: ask why, and get the punchline", lambda: tell(app, "joke")),
        ("Poem", "Hear a poem; you choose the topic", lambda: tell(app, "poem")),
        ("Chat", "Back to the conversations", lambda: go_to(app, "chat")),
        ("Training", "Your training runs", lambda: go_to(app, "training")),
        ("New run", "Train or fine-tune a model", lambda: _new_run(app)),
        ("Evaluate a model", "Loss, bits per byte and accuracy on data; also of two", lambda: _evaluate(app)),
        ("Settings", "Every setting, explained", app.action_settings),
        ("Theme", "Change the colours", app.action_change_theme),
        ("Copy conversation", "Send all that was said here to the clipboard", app.action_copy_conversation),
        ("Open a link", "Of the last reply; its address is shown first", app.action_open_link),
        ("Help", "The keys, and how to get going", app.action_help),
        ("Screenshot", "Save this screen as a picture (SVG)", lambda: app.deliver_screenshot() and None),
        ("Quit", "Leave; training runs go on", app.action_quit),
    ]


def _chat_commands(chat: ChatScreen) -> list[Command]:
    wish = chat.pane.prompt.action_wish
    return [
        ("New chat", "Begin an empty conversation", chat.action_new_chat),
        ("Choose model", "Talk to another model here", chat.action_choose_model),
        ("Settings of this pane", "Temperature, top-k, system prompt …", chat.action_pane_settings),
        ("Personas", "Who the model is to be: choose, make, edit, share", chat.action_personas),
        ("New pane", "A chat beside this one, with its own model", chat.action_new_pane),
        ("Next pane", "Go to the pane on the right", lambda: chat.action_next_pane(1)),
        ("Pane before", "Go to the pane on the left", lambda: chat.action_next_pane(-1)),
        (
            "Send to all panes",
            "One message, the same seed, every model; again: no longer",
            chat.action_link_panes,
        ),
        ("Close pane", "Close this pane; its conversation stays", chat.action_close_pane),
        (
            "Step through checkpoints",
            "The last question at each checkpoint of this run",
            chat.action_step_checkpoints,
        ),
        (
            "Look at the last reply token by token",
            "Token microscope: probabilities, alternatives, forks",
            chat.action_look,
        ),
        ("Attach a file", "Send a text file with the next message", partial(wish, "attach")),
        ("Prompt template", "A prompt with blanks to fill in", partial(wish, "template")),
        ("Search what you sent", "Find an earlier message and put it into the box", partial(wish, "history")),
        ("Write in your editor", "$VISUAL or $EDITOR, and back", partial(wish, "editor")),
        ("Slash commands", "What a message that begins with / does", partial(wish, "help")),
        ("Regenerate reply", "Another beside it; of a joke, another joke", chat.pane.action_regenerate),
        ("Edit my last message", "Another wording beside it", lambda: chat.pane.branches.of_last("edit")),
        ("Version before", "Back to another reply or wording", lambda: chat.pane.branches.of_last("before")),
        ("Version after", "On to another reply or wording", lambda: chat.pane.branches.of_last("after")),
        ("New chat from here", "It begins like this one", lambda: chat.pane.branches.of_last("new_chat")),
        ("Stop reply", "Stop the reply and keep its text", chat.action_stop),
        ("Copy reply", "Send the last reply to the clipboard", chat.action_copy_reply),
        ("Copy code", "Send its last code block to the clipboard", chat.action_copy_code),
        ("Search conversations", "Find words in all messages", chat.action_search),
        ("Show or hide conversations", "The list on the left", chat.action_toggle_list),
        ("Rename chat", "Give this conversation another title", lambda: chat.change_chat("rename")),
        ("Delete chat", "Delete this conversation; can be undone", lambda: chat.change_chat("delete")),
        ("Undo delete", "Bring back the conversation deleted last", lambda: chat.change_chat("undo")),
        ("Pin chat", "Let it stand first in the list; again: no longer", lambda: chat.change_chat("pin")),
        ("Tags of this chat", "Found by typing #tag into the search", lambda: chat.change_chat("tag")),
        ("Back to the last chat", "The one before this; again: back here", chat.action_last_chat),
        ("Last conversations", "Choose among those that were open last", chat.action_recent_chats),
        ("Export chat", "As Markdown, JSON, OpenAI or ShareGPT rows", lambda: chat.change_chat("export")),
        (
            "Export conversations",
            "All, or those that the list is narrowed to",
            lambda: chat.change_chat("export_all"),
        ),
        ("Import conversations", "Markdown, JSON, OpenAI, ShareGPT", lambda: chat.change_chat("import")),
    ]


def _pane_commands(chat: ChatScreen) -> list[Command]:
    """What is about several panes, or about what was said in them."""
    from tui_chat.screens import comparisons  # here: nearly never needed

    row = chat.query_one(PaneRow)
    beside = "Another beside this one: same question, same seed"
    compare = {
        "Compare two models": (beside, comparisons.compare_models),
        "Compare two checkpoints of the run": (beside, comparisons.compare_checkpoints),
        "Compare two settings": ("The same model twice: change one of them", comparisons.compare_settings),
        "Compare blind": ("Without names until you vote; again: with names", comparisons.compare_blind),
    }
    judge: dict[str, tuple[str, Word]] = {
        "This reply is better": ("Than those of the other panes; again: no longer", "better"),
        "The replies are as good": ("None of the panes wins; again: no longer", "tie"),
        "Thumb up for the last reply": ("A row of my-favourites; again: no longer", "up"),
        "Thumb down for the last reply": ("Again: no longer", "down"),
        "Correct the last reply": ("How it should have been: a row of my-corrections", "correct"),
    }
    return [
        *((title, what, partial(_in_worker, chat, begin)) for title, (what, begin) in compare.items()),
        *((title, what, partial(row.action_judge, word)) for title, (what, word) in judge.items()),
        ("Move the line left", "The one beside this pane; or drag it", lambda: row.action_move_line(-1)),
        ("Move the line right", "The one beside this pane; or drag it", lambda: row.action_move_line(1)),
        ("Panes of one width", "Even them out; so does a double click on the line", row.action_even_out),
    ]


def _in_worker(chat: ChatScreen, begin: Callable[[ChatScreen], Coroutine[Any, Any, None]]) -> None:
    """What waits for a dialog needs a worker of its own."""
    start_worker(chat, partial(begin, chat))


RUN_COMMANDS = (
    ("Chat with this run", "Talk to its newest checkpoint, also while it learns", "chat"),
    ("Chat with the best checkpoint", "The one with the lowest validation loss", "chat_best"),
    ("Pause run", "Let it wait after its current step", "pause"),
    ("Resume run", "Go on, from the last checkpoint if it has ended", "resume"),
    ("Save a checkpoint", "Now, while the run goes on", "save"),
    ("Stop run", "Save and end it; it can be resumed", "stop"),
    ("Delete run", "With its checkpoints; asks first", "delete"),
    ("Next curve", "Draw another measure in the large chart", "next_view"),
    ("Compare runs", "This one with the marked runs: settings that differ, and results", "compare"),
    ("Export the curves", "As a picture into the run's directory, with those of marked runs", "export"),
    ("Explain the numbers", "What loss, perplexity, gradient norm and the others mean", "explain"),
)


def _run_commands(screen: Screen[Any] | None) -> Iterator[Command]:
    """What can be done with the run on show, now."""
    for title, explanation, action in RUN_COMMANDS:
        if isinstance(screen, TrainingScreen) and screen.check_action(action, ()):
            yield (title, explanation, partial(screen.run_action, action))


async def go_to(app: TuiChatApp, mode: str) -> None:
    """Show a mode itself, without the help, the settings or a dialog that lie over it."""
    await app.switch_mode(mode)
    while app.screen.is_modal or isinstance(app.screen, (HelpScreen, SettingsScreen, TokenMicroscope)):
        over = app.screen
        if isinstance(over, SettingsScreen):
            over.action_close()  # saves what was typed
        else:
            over.dismiss(None)
        while app.screen is over:
            await asyncio.sleep(0)


def _on_chat(app: TuiChatApp, action: Callable[[], Any]) -> Callable[[], Any]:
    """The action, on the chat screen."""

    async def act() -> None:
        await go_to(app, "chat")
        result = action()
        if inspect.iscoroutine(result):  # a worker goes on by itself
            await result

    return act


async def tell(app: TuiChatApp, companion: str, topic: str = "") -> None:
    """Let a companion speak in the focused pane."""
    await go_to(app, "chat")
    app.chat.pane.replies.tell(companion, topic)
    app.chat.pane.prompt.focus()


async def _new_run(app: TuiChatApp) -> None:
    await go_to(app, "training")
    if isinstance(app.screen, TrainingScreen):  # else the form is open already
        app.screen.action_new_run()


def _evaluate(app: TuiChatApp) -> None:
    from tui_chat.screens.evaluate import (  # here: the first paint does not need it
        EvaluateScreen,
        evaluation_of_run,
    )

    if isinstance(app.screen, TrainingScreen) and (chosen := app.screen.chosen):
        app.push_screen(evaluation_of_run(chosen.run))
    elif not isinstance(app.screen, EvaluateScreen):  # else it is open already
        app.push_screen(EvaluateScreen(app.chat.pane.settings.model))


class PoemAboutProvider(Provider):
    """ "poem about the sea" in the palette recites one, and "joke about cats" tells one."""

    async def search(self, query: str) -> Hits:
        if match := _ABOUT.fullmatch(query):
            companion, topic = match["companion"].lower(), match["topic"].strip()
            about = plain(one_line(topic, 60)).stylize("bold")
            shown = Content.assemble(f"{companion.title()} about ", about)
            yield Hit(1.0, shown, lambda: self._tell(companion, topic), help="Told in this chat")

    async def _tell(self, companion: str, topic: str) -> None:
        await tell(self.app, companion, topic)  # type: ignore[arg-type]
