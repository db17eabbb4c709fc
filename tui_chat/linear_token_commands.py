"""The token microscope in lines that can be read aloud: each token, how likely it was, and what it could have been.

    /tokens        3, sea: 4.00 %, rank 2. Instead: lake 30.0 %.

The one rule: the figures are those of the screen, by the same names.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.inspection import InspectedToken
from tui_chat import judging, token_words, versions
from tui_chat.token_look import look_at, summary

if TYPE_CHECKING:
    from tui_chat.linear_chat import LinearChat

_OTHERS = 2  # alternatives told of a token
_WORTH_TELLING = 0.01  # probability
_NAMES = {"\n": "line break", "\t": "tab"}


async def tell_tokens(chat: LinearChat, typed: str) -> None:
    """What the model thought at each token of the last reply, or of a message.

    Raises:
        UserError: when it is no reply of a model that runs here.
    """
    session = chat.session
    reply = versions.message_named(session, typed) if typed else judging.last_reply(session)
    if reply is None:
        raise UserError("There is no reply of a model yet.")
    look = await look_at(session, reply, chat.engines, chat.conversations)
    try:
        inspection = await look.engine.inspect(look.request)
    finally:
        await chat.engines.keep_only((session.settings.model,))  # one that was only looked with ends
    for number, token in enumerate(inspection.of("reply"), 1):
        chat.lines.tell(f"{number}, {_in_words(token)}")
    chat.lines.tell(f"{summary(look, inspection).replace(' · ', ', ')}.")
    for note in look.notes_on(inspection):
        chat.lines.tell(note)


def _in_words(token: InspectedToken) -> str:
    rank = "" if token.rank is None else f", rank {token.rank:,}"
    others = [
        f"{_heard(candidate.text)} {token_words.percent(token_words.own(candidate))}"
        for candidate in token.candidates
        if candidate.token_id != token.token_id and token_words.own(candidate) >= _WORTH_TELLING
    ]
    instead = f" Instead: {', '.join(others[:_OTHERS])}." if others else ""
    return f"{_heard(token.spelling)}: {token_words.percent(token.probability)}{rank}.{instead}"


def _heard(spelling: str) -> str:
    """A token as a word: without the space before it, which is not heard; of a single sign, its name."""
    word = spelling.strip(" ")
    if not word:
        return "space" if spelling else "nothing"
    is_sign = len(word) == 1 and unicodedata.category(word)[0] in "PS"
    return unicodedata.name(word, word).lower() if is_sign else token_words.shown(_NAMES.get(word, word))
