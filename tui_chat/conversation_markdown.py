"""Conversations as Markdown: read by people, and read back by us.

    # Tea in the morning

    Model: builtin
    Tags: #work #tea

    ## User

    Hello

    ## Assistant (nano gpt)

    Hi there.

Further conversations follow a line `<!-- next conversation -->`. A line of what was said that would read as one of
our own marks gets a backslash before it, and loses it when it is read.
The one rule: what `to_markdown` wrote, `from_markdown` reads back, letter for letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from msgspec.structs import replace

from engine.chat import Role
from engine.errors import UserError
from tui_chat.conversation_exchange import ConversationRecord, branch, in_a_row

NEXT = "<!-- next conversation -->"
_HEADING = re.compile(r"## (System|User|Assistant)(?: \((.*)\))?[ \t\r]*")
_MARK = re.compile(rf"^(\\*)(?=## (?:System|User|Assistant)\b|{re.escape(NEXT)})", re.MULTILINE)
_FACT = re.compile(r"(Model|Tags): (.*)")


def to_markdown(conversations: Iterable[ConversationRecord]) -> str:
    """The branch on show of each conversation."""
    return f"{NEXT}\n\n".join(_written(conversation) for conversation in conversations)


def _written(conversation: ConversationRecord) -> str:
    parts = [f"# {_line(conversation.title) or 'Conversation'}"]
    facts = [f"Model: {_line(conversation.model)}"] if conversation.model else []
    facts += ["Tags: " + " ".join(f"#{tag}" for tag in conversation.tags)] if conversation.tags else []
    parts += ["  \n".join(facts)] if facts else []  # two spaces: a line of its own, also where it is rendered
    parts += _section("System", conversation.system_prompt) if conversation.system_prompt.strip() else []
    for message in branch(conversation):
        who = f" ({_line(message.model_name)})" if message.model_name else ""
        parts += _section(f"{message.role.capitalize()}{who}", message.text)
    return "\n\n".join(parts) + "\n"


def _section(heading: str, text: str) -> list[str]:
    return [f"## {heading}", _MARK.sub(r"\\\1", text)]


def _line(text: str) -> str:
    return " ".join(text.split())


@dataclass
class _Part:
    """A heading with the lines below it; without a role, what stands above the first heading."""

    role: str = ""
    name: str = ""
    lines: list[str] = field(default_factory=list)

    def text(self, is_last: bool) -> str:
        """The lines without the empty one after the heading and, if another follows, the one before it."""
        lines = self.lines[1:] if self.lines and not self.lines[0].strip() else list(self.lines)
        if not is_last and len(lines) > 1 and not lines[-1].strip():
            lines.pop()
        return _MARK.sub(lambda mark: mark[1][1:], "\n".join(lines))


def from_markdown(text: str, source: str) -> list[ConversationRecord]:
    """The conversations of a Markdown file.

    Raises:
        UserError: when there are none, or something stands where nothing can; says in which line.
    """
    if text.count("\r\n") == text.count("\n"):  # written by an editor of Windows
        text = text.replace("\r\n", "\n")
    found, line = [], 1
    for lines in _split(text.removesuffix("\n").split("\n")):
        found.append(_read(lines, line, source))
        line += len(lines) + 1
    return found


def _split(lines: list[str]) -> list[list[str]]:
    """The lines of each conversation."""
    conversations: list[list[str]] = [[]]
    for line in lines:
        if line.rstrip() == NEXT:
            conversations.append([])
        else:
            conversations[-1].append(line)
    return conversations


def _read(lines: Sequence[str], first_line: int, source: str) -> ConversationRecord:
    parts = [_Part()]
    for number, line in enumerate(lines, first_line):
        if heading := _HEADING.fullmatch(line):
            parts.append(_Part(heading[1].lower(), heading[2] or ""))
        elif len(parts) == 1 and line.startswith("## "):
            raise UserError(
                f"{source}, line {number}: nobody is known by this heading. "
                "What was said stands below '## User' and '## Assistant'."
            )
        else:
            parts[-1].lines.append(line)
    if len(parts) == 1:
        raise UserError(
            f"{source}, line {first_line}: there is no '## User' or '## Assistant' after it, so nobody says anything."
        )
    return _put_together(parts)


def _put_together(parts: Sequence[_Part]) -> ConversationRecord:
    above, *turns = parts
    titles = [line.removeprefix("# ").strip() for line in above.lines if line.startswith("# ")]
    facts = {fact[1]: fact[2].strip() for line in above.lines if (fact := _FACT.fullmatch(line))}
    read = in_a_row(
        [(cast(Role, turn.role), turn.text(turn is turns[-1])) for turn in turns],
        title=titles[0] if titles else "",
        model=facts.get("Model", ""),
    )
    tags = tuple(word[1:] for word in facts.get("Tags", "").split() if word.startswith("#"))
    names = [turn.name for turn in turns][len(turns) - len(read.messages) :]
    messages = tuple(
        replace(message, model_name=name) for message, name in zip(read.messages, names, strict=True)
    )
    return replace(read, tags=tags, messages=messages)
