"""Slash commands: what is typed after a slash, which command it means, and how a person hears of them.

    commands = SlashCommands([described("seed", run=set_seed), described("new", run=begin_anew)])
    commands.read("/seed 7")      Given(command, "7")
    commands.read("//seed 7")     "/seed 7", a message
    commands.read("/usr/bin")     "/usr/bin", a message: no name of a command looks like that

`run` gets the place where it was typed (a pane of the app, a chat in plain lines) and the argument. Names, usage
and explanations of all places stand here, so that a command is called the same everywhere.
The one rule: a text is a message, word for word, or a command that is there; anything else is refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.errors import UserError
from tui_chat.text import one_line

Place = TypeVar("Place")

_COMMAND = re.compile(r"/(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?P<rest>\s.*)?\Z", re.DOTALL)
_NAME_UNDER_WAY = re.compile(r"/[A-Za-z0-9_-]*\Z")

# name: (argument, what it does); an argument in brackets may be left out
KNOWN: dict[str, tuple[str, str]] = {
    "help": ("[NAME]", "All commands, with what they do; or that one"),
    "new": ("", "An empty conversation; this one stays in the list"),
    "model": ("[REFERENCE]", "Answer with another model; alone: choose from a list"),
    "persona": ("[NAME]", "Who the model is to be; alone: choose or make one"),
    "system": ("[TEXT]", "Told to the model first; alone: edit; 'none' empties it"),
    "joke": ("[TOPIC]", "Hear a joke"),
    "poem": ("[TOPIC]", "Hear a poem"),
    "temperature": ("[NUMBER]", "How freely the model chooses; 0 = always the likeliest"),
    "top-k": ("[NUMBER]", "Choose among so many likeliest tokens; 0 = all"),
    "top-p": ("[NUMBER]", "Choose among the likeliest, up to this probability"),
    "repetition-penalty": ("[NUMBER]", "Above 1 the model avoids what was said"),
    "max-tokens": ("[NUMBER]", "The longest reply, in tokens"),
    "seed": ("[NUMBER]", "Same seed, same reply; 'none' = another each time"),
    "settings": ("", "How this chat answers: all of it in one place"),
    "retry": ("", "Another reply; of a joke or a poem, another one"),
    "stop": ("", "Stop the reply and keep its text"),
    "copy": ("[code]", "Send the last reply, or its code, to the clipboard"),
    "tokens": ("", "The last reply token by token"),
    "attach": ("PATH", "Send a text file with the next message"),
    "detach": ("[NAME]", "Take an attached file away again"),
    "template": ("[NAME]", "Put a prompt template into the box"),
    "history": ("", "Search what you sent before"),
    "editor": ("", "Write in your own editor ($VISUAL or $EDITOR)"),
    "edit": ("[NUMBER|TEXT]", "Your last message otherwise, or message NUMBER"),
    "version": ("[NUMBER]", "Another version: 2, next, previous; alone: choose"),
    "branch": ("[NUMBER]", "A new chat that begins like this, up to message NUMBER"),
    "vote": ("WORD", "The last reply is better, worse, tie; 'none': no vote"),
    "good": ("", "Thumb up for the last reply; again: no longer"),
    "poor": ("", "Thumb down for the last reply; again: no longer"),
    "correct": ("[TEXT]", "How the last reply should have been; alone: write it"),
    "rename": ("[TITLE]", "Give this conversation another title"),
    "pin": ("", "Keep this conversation on top; again: no longer"),
    "export": ("[FILE]", "This conversation as a file: .md, .json, training rows"),
    "import": ("[FILE]", "Take in conversations: .md, .json, training rows"),
    "tag": ("[TAGS]", "Give this conversation tags; alone: change them"),
    "untag": ("[TAGS]", "Take tags off this conversation; alone: all of them"),
    "delete": ("", "Delete this conversation; /undo brings it back"),
    "undo": ("", "Bring back the conversation deleted last"),
    "find": ("[WORDS]", "Search all conversations"),
    "pane": ("", "Another chat beside this one"),
    "blind": ("", "Compare panes without names until you vote; again: end"),
    "theme": ("[NAME]", "Other colours"),
    "training": ("", "Your training runs"),
    "quit": ("", "Leave; training runs go on"),
}


@dataclass(frozen=True)
class Suggestion:
    """One way to go on with what was typed."""

    value: str  # the argument, or for names the name
    what: str = ""


Run = Callable[[Place, str], Awaitable[None] | None]
Complete = Callable[[Place, str], Sequence[Suggestion]]  # may wait for a disk; called in a thread


@dataclass(frozen=True)
class SlashCommand(Generic[Place]):
    """A command of one place."""

    name: str
    argument: str  # "" = takes none; in brackets = may be left out
    what: str
    run: Run[Place]
    complete: Complete[Place] | None = None
    aliases: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """As it is typed: "/attach PATH"."""
        return f"/{self.name} {self.argument}".rstrip()

    @property
    def explanation(self) -> str:
        """How it is typed, what it does, and by which other names."""
        also = f" Also: {', '.join(f'/{name}' for name in self.aliases)}." if self.aliases else ""
        return f"{self.usage}: {self.what}.{also}"

    @property
    def needs_argument(self) -> bool:
        """Whether it can do nothing by itself."""
        return bool(self.argument) and not self.argument.startswith("[")


@dataclass(frozen=True)
class Given(Generic[Place]):
    """A command as it was typed."""

    command: SlashCommand[Place]
    argument: str


def described(
    name: str, run: Run[Place], complete: Complete[Place] | None = None, aliases: tuple[str, ...] = ()
) -> SlashCommand[Place]:
    """One of the known commands, done in one place."""
    return SlashCommand(name, *KNOWN[name], run, complete, aliases)


class SlashCommands(Generic[Place]):
    """The commands of one place, in the order in which they are listed."""

    def __init__(self, commands: Iterable[SlashCommand[Place]]) -> None:
        self._commands = list(commands)
        self._by_name = {name: one for one in self._commands for name in (one.name, *one.aliases)}

    def __iter__(self) -> Iterator[SlashCommand[Place]]:
        return iter(self._commands)

    def named(self, name: str) -> SlashCommand[Place] | None:
        """The command of that name, or None."""
        return self._by_name.get(name.lower())

    def expect(self, name: str) -> SlashCommand[Place]:
        """The command of that name.

        Raises:
            UserError: when there is none.
        """
        if command := self.named(name):
            return command
        raise UserError(f"There is no command /{one_line(name, 30)}. {self._meant(name)}")

    def read(self, text: str) -> Given[Place] | str:
        """A command, or the message that `text` is.

        A pasted text of several lines is a message unless it begins with the name of a command.

        Raises:
            UserError: when it can only be a command and is none, or its argument is missing or too much.
        """
        if text.startswith("//"):
            return text[1:] if self._is_escaped(text) else text
        if text.strip() == "/":
            raise UserError("Type the name of a command after the slash; /help lists them.")
        given = self.under_way(text)
        match = _COMMAND.match(text)
        if given is None and match is not None and "\n" not in text.strip():
            raise UserError(self._unknown(match["name"]))
        if given is None:
            return text
        self._check(given)
        return given

    def under_way(self, text: str) -> Given[Place] | None:
        """The command whose argument is being typed; unchecked."""
        match = _COMMAND.match(text)
        command = self.named(match["name"]) if match else None
        return Given(command, (match["rest"] or "").strip()) if match and command else None

    def names_like(self, text: str) -> list[Suggestion] | None:
        """The commands whose name may be meant, the likeliest first; None when no name is being typed."""
        if not _NAME_UNDER_WAY.match(text):
            return None
        suggestions = [Suggestion(one.name, one.what) for one in self._commands]
        return ranked(text[1:], suggestions)

    def _is_escaped(self, text: str) -> bool:
        """Whether the first slash only says that the second is meant; '// a comment' is left alone."""
        is_one_line = "\n" not in text.strip() and not text[2:3].isspace()
        return is_one_line or self.under_way(text[1:]) is not None

    def _unknown(self, name: str) -> str:
        shown = one_line(name, 30)
        return (
            f"There is no command /{shown}. {self._meant(name)} With a second slash, //{shown} is a message."
        )

    def _meant(self, name: str) -> str:
        close = difflib.get_close_matches(name.lower(), self._by_name, n=1, cutoff=0.5)
        return f"Did you mean /{close[0]}?" if close else "/help lists them all."

    def _check(self, given: Given[Place]) -> None:
        command, shown = given.command, one_line(given.argument, 30)
        if given.argument and not command.argument:
            raise UserError(f"/{command.name} takes nothing after it, but there is '{shown}'.")
        if command.needs_argument and not given.argument:
            raise UserError(f"Something is missing: {command.usage}. {command.what}.")


def typed_for(message: str) -> str:
    """What is typed to send `message`: with one more slash where it would be taken for a command."""
    if message.startswith("//"):
        is_read_as_less = "\n" not in message.strip() and not message[2:3].isspace()
        return f"/{message}" if is_read_as_less else message
    match = _COMMAND.match(message)
    is_command = match is not None and ("\n" not in message.strip() or match["name"].lower() in KNOWN)
    return f"/{message}" if is_command else message


def ranked(typed: str, suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """Those that `typed` may mean: what begins with it, then what holds it, then what has its letters in order."""
    scored = [(_score(typed.lower(), one.value.lower()), one) for one in suggestions]
    found = [(score, one) for score, one in scored if score is not None]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _score(typed: str, word: str) -> int | None:
    if word.startswith(typed):
        return 0
    if typed in word:
        return 1
    letters = iter(word)
    return 2 if all(letter in letters for letter in typed) else None
