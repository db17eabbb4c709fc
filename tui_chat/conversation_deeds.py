"""What is done to whole conversations by a word, in the app and in the plain chat: titles, pins, tags, files.

    add_tags(conversations, 7, "tea #work")      "Tags of “Tea”: tea, work."

Each call may wait for a disk, and gives what was done in a sentence. The one rule: what cannot be done is a
`UserError`, and has changed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.errors import UserError
from tui_chat.attachments import given_path
from tui_chat.conversation_shelf import Shelf, Shelved, clean_tags
from tui_chat.conversations import Conversations
from tui_chat.text import one_line

# What reads and writes files is imported where it is needed: the first paint is not.

FORCE = "--force"  # before the name of a file: it may be replaced
_LONGEST_TITLE = 120


def rename(conversations: Conversations, conversation: int, title: str) -> str:
    """Give a conversation another title."""
    conversations.rename(conversation, one_line(title, _LONGEST_TITLE))
    return f"This conversation is called {one_line(title, 70)}."


def toggle_pin(conversations: Conversations, conversation: int) -> str:
    """Let a conversation stand before the others, or no longer."""
    talk = _shelved(conversations, conversation)
    Shelf(conversations.file).pin(talk.id, not talk.pinned)
    done = "is no longer pinned" if talk.pinned else "is pinned: it stands first"
    return f"“{one_line(talk.title, 40)}” {done}."


def add_tags(conversations: Conversations, conversation: int, typed: str) -> str:
    """Give a conversation these tags too."""
    talk = _shelved(conversations, conversation)
    Shelf(conversations.file).tag(talk.id, [*talk.tags, *tags_in(typed)])
    return _tags_told(conversations, conversation)


def take_tags_off(conversations: Conversations, conversation: int, typed: str) -> str:
    """Take these tags off a conversation; all of them when none is named."""
    talk = _shelved(conversations, conversation)
    gone = tags_in(typed) if typed else talk.tags
    if missing := [tag for tag in gone if tag not in talk.tags]:
        raise UserError(f"There is no tag {one_line(missing[0], 30)} here. {_told(talk)}")
    Shelf(conversations.file).tag(talk.id, [tag for tag in talk.tags if tag not in gone])
    return _tags_told(conversations, conversation)


def tags_in(typed: str) -> list[str]:
    """The tags that a person names: "tea, #work"."""
    if tags := clean_tags(typed.replace(",", " ").split()):
        return tags
    raise UserError(f"'{one_line(typed, 30)}' is no tag: it has neither letters nor digits.")


def delete(conversations: Conversations, conversation: int) -> str:
    """Hide a conversation, so that it can be brought back."""
    talk = _shelved(conversations, conversation)
    conversations.delete(talk.id)
    return f"Deleted “{one_line(talk.title, 40)}”."


def undo_delete(conversations: Conversations) -> tuple[int | None, str]:
    """Bring back the conversation deleted last, and with the next call the one before it; also its id."""
    last = Shelf(conversations.file).last_deleted()
    if last is None:
        return None, "Nothing was deleted in the last week."
    conversations.restore(last)
    return last, f"“{one_line(_shelved(conversations, last).title, 40)}” is back."


def export(
    conversations: Conversations,
    ids: Sequence[int],
    path: Path,
    format: str = "",
    replace: bool = False,
    how: str = "let it be replaced.",
) -> str:
    """Write these conversations to a file, in the format that its name asks for unless one is named."""
    from tui_chat.conversation_export import FORMATS, format_of, in_words, save
    from tui_chat.conversation_transfer import Transfer

    exported = FORMATS[format or format_of(path)].write(Transfer(conversations.file).records(ids))
    return in_words(exported, save(exported, path, replace, how))


def export_as_typed(conversations: Conversations, conversation: int, typed: str) -> str:
    """The same for the one file that a person names after `/export`; behind `--force` it may be there."""
    is_forced = typed.split(maxsplit=1)[:1] == [FORCE]
    path = given_path(typed.removeprefix(FORCE) if is_forced else typed)
    how = f"replace it with: /export {FORCE} {one_line(typed, 200)}"
    return export(conversations, [conversation], path, replace=is_forced, how=how)


def take_in(conversations: Conversations, path: Path) -> str:
    """Take in what a file holds."""
    from tui_chat.conversation_import import read_file
    from tui_chat.conversation_transfer import Transfer

    return Transfer(conversations.file).take_in(read_file(path)).in_words()


def _shelved(conversations: Conversations, conversation: int) -> Shelved:
    talk = Shelf(conversations.file).get(conversation)
    if talk is None:
        raise UserError("This conversation was deleted elsewhere. What is said next brings it back.")
    return talk


def _tags_told(conversations: Conversations, conversation: int) -> str:
    return _told(_shelved(conversations, conversation))


def _told(talk: Shelved) -> str:
    title = one_line(talk.title, 40)
    return f"Tags of “{title}”: {', '.join(talk.tags)}." if talk.tags else f"“{title}” has no tags."
