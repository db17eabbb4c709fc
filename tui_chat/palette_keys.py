"""The keys that do what a command of the palette does, shown beside it.

    with_keys(app, "New chat", "Begin an empty conversation")     "Begin an empty conversation  ·  Ctrl+N"

Where two stand, the first goes to the place where the second works. The one rule: a key is named by the id of its
binding; which it is, the binding says, or the settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.markup import escape

from tui_chat.key_bindings import key_in_words
from tui_chat.screens.training import TrainingScreen
from tui_chat.widgets.conversation_titles import Titles
from tui_chat.widgets.message_view import MessageView

if TYPE_CHECKING:
    from tui_chat.app import TuiChatApp

EVERYWHERE = {  # title: id
    "Settings": "app.settings",
    "Help": "app.help",
    "Quit": "app.quit",
    "Copy conversation": "reading.copy_conversation",
    "Open a link": "reading.open_link",
}
IN_THE_CHAT = {
    "New chat": "chat.new",
    "Choose model": "chat.model",
    "Settings of this pane": "chat.settings",
    "Personas": "chat.personas",
    "New pane": "chat.new_pane",
    "Next pane": "chat.next_pane",
    "Pane before": "chat.previous_pane",
    "Send to all panes": "chat.link_panes",
    "Close pane": "chat.close_pane",
    "Step through checkpoints": "chat.checkpoints",
    "Look at the last reply token by token": "chat.tokens",
    "Attach a file": "prompt.attach",
    "Prompt template": "prompt.template",
    "Search what you sent": "prompt.history",
    "Write in your editor": "prompt.editor",
    "Regenerate reply": "pane.regenerate",
    "Edit my last message": "pane.edit_last",
    "Version before": "move.messages message.before",
    "Version after": "move.messages message.after",
    "New chat from here": "move.messages message.new_chat",
    "Stop reply": "pane.stop",
    "Copy reply": "chat.copy_reply",
    "Copy code": "chat.copy_code",
    "Search conversations": "chat.search",
    "Show or hide conversations": "chat.list",
    "Rename chat": "chat.list conversations.rename",
    "Delete chat": "chat.list conversations.delete",
    "Undo delete": "chat.list conversations.undo",
    "Pin chat": "chat.list conversations.pin",
    "Tags of this chat": "chat.list conversations.tag",
    "Export chat": "chat.list conversations.export",
    "Export conversations": "chat.list conversations.export_all",
    "Import conversations": "chat.list conversations.import",
    "Back to the last chat": "chat.last",
    "Last conversations": "chat.recent",
    "This reply is better": "panes.better",
    "The replies are as good": "panes.tie",
    "Thumb up for the last reply": "panes.good",
    "Thumb down for the last reply": "panes.poor",
    "Correct the last reply": "panes.correct",
    "Move the line left": "panes.line_left",
    "Move the line right": "panes.line_right",
    "Panes of one width": "panes.even",
    "Training": "app.training",
}
IN_TRAINING = {
    "New run": "training.new",
    "Chat with this run": "training.chat",
    "Chat with the best checkpoint": "training.chat_best",
    "Pause run": "training.pause",
    "Resume run": "training.resume",
    "Save a checkpoint": "training.save",
    "Stop run": "training.stop",
    "Delete run": "training.delete",
    "Next curve": "training.view",
    "Compare runs": "training.compare",
    "Export the curves": "training.export",
    "Explain the numbers": "training.explain",
    "Chat": "app.training",
}
_THERE_AND_BACK = "app.training"


def with_keys(app: TuiChatApp, title: str, explanation: str) -> str:
    """The explanation in the markup of the palette, with the keys as they are now."""
    ids = _ids(title, app.current_mode == "training")
    keys = [key_in_words(app.chat.pane.prompt, id, Titles, MessageView, TrainingScreen) for id in ids]
    return f"{explanation}  ·  [bold]{escape(', '.join(keys))}[/]" if keys and all(keys) else explanation


def _ids(title: str, in_training: bool) -> list[str]:
    if title in EVERYWHERE:
        return [EVERYWHERE[title]]
    here, elsewhere = (IN_TRAINING, IN_THE_CHAT) if in_training else (IN_THE_CHAT, IN_TRAINING)
    if title in here:
        return here[title].split()
    ids = elsewhere.get(title, _THERE_AND_BACK).split()
    return [] if ids == [_THERE_AND_BACK] else [_THERE_AND_BACK, *ids]  # here already, or done by no key
