"""Slash commands about single messages of a pane: other wordings, versions, branches, and what is said of replies.

Messages go by their numbers, from 1. The one rule: each does what a key on the message does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui_chat import judging, versions
from tui_chat.feedback import Word
from tui_chat.prompt_commands import app_of
from tui_chat.screens.choose_one import Choice, ChooseOne
from tui_chat.slash_commands import SlashCommand, Suggestion, described, ranked

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane
    from tui_chat.widgets.pane_row import PaneRow


# ---- wordings, versions, branches


async def _edit(pane: ChatPane, argument: str) -> None:
    message, text = versions.to_edit(pane.session, argument)
    pane.branches.edit(message)
    if text:
        pane.prompt.put(text)  # from where it is taken when it is safe
        await pane.branches.send(text)


def _my_messages(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    return _beginning_with(argument, versions.messages_listed(pane.session, only_mine=True))


def _messages(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    return _beginning_with(argument, versions.messages_listed(pane.session))


async def _version(pane: ChatPane, argument: str) -> None:
    await pane.session.refresh()
    wish = argument or await _chosen_version(pane)
    if wish:
        await pane.branches.show(versions.version_named(pane.session, wish).id)


async def _chosen_version(pane: ChatPane) -> str | None:
    meant = versions.message_meant(pane.session, "")
    title = f"Versions of message {versions.number_of(pane.session, meant)}, then of those before it"
    choices = [Choice(row.value, row.what) for row in versions.versions_listed(pane.session)]
    return await pane.app.push_screen_wait(ChooseOne(title, choices))


def _versions(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    steps = [Suggestion("next", "the version after"), Suggestion("previous", "the version before")]
    return _beginning_with(argument, [*versions.versions_listed(pane.session), *steps])


def _beginning_with(typed: str, rows: Sequence[Suggestion]) -> Sequence[Suggestion]:
    """Numbers are meant as they are typed: 1 is not 21."""
    return [row for row in rows if row.value.startswith(typed.lower())]


async def _branch(pane: ChatPane, argument: str) -> None:
    await pane.branches.new_chat(versions.message_named(pane.session, argument))


# ---- what is said of the last reply


def _row_of(pane: ChatPane) -> PaneRow:
    from tui_chat.widgets.pane_row import PaneRow  # here: it knows its panes, and not the other way round

    assert isinstance(pane.parent, PaneRow)
    return pane.parent


def _vote(pane: ChatPane, argument: str) -> None:
    _row_of(pane).feedback.judge_last(pane, judging.verdict_named(argument))


def _verdicts(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    return ranked(argument, [Suggestion(verdict, what) for verdict, what in judging.VERDICTS.items()])


async def _blind(pane: ChatPane, argument: str) -> None:
    from tui_chat.screens.comparisons import compare_blind  # here: nearly never needed

    await compare_blind(app_of(pane).chat)


def _thumb(name: str, word: Word, *aliases: str) -> SlashCommand[ChatPane]:
    return described(
        name, lambda pane, argument: _row_of(pane).feedback.judge_last(pane, word), aliases=aliases
    )


def _correct(pane: ChatPane, argument: str) -> None:
    text = "" if argument.lower() == "none" else argument or None
    _row_of(pane).feedback.judge_last(pane, "correct", text)


REPLY_COMMANDS: tuple[SlashCommand[ChatPane], ...] = (
    described("edit", _edit, _my_messages),
    described("version", _version, _versions, aliases=("versions",)),
    described("branch", _branch, _messages),
    described("vote", _vote, _verdicts),
    _thumb("good", "up"),
    _thumb("poor", "down", "bad"),
    described("correct", _correct),
    described("blind", _blind),
)
