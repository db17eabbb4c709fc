"""The tokens of a reply for the command line: a table for people, plain values for programs.

    look = TokenLook(engine, messages, settings); look.take(event) ...; await look.tell(as_table=True)

The one rule: the table shows what the screen shows, by the same names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len

from engine.chat import ChatMessage
from engine.generation import GenerationEvent, GenerationSettings
from engine.inspection import Candidate, InspectedToken, Inspection, mean_surprise
from engine.wire import Inspect
from tui_chat import token_words
from tui_chat.engines import AppEngine
from tui_chat.reply_tokens import ReplyTokens, TokenLog
from tui_chat.token_engine import token_engine

_LONGEST_WORD = 16
_OTHERS = 3  # alternatives on a line
_WORTH_TELLING = 0.001  # probability
_HEADING = ("token", "own", "drawn", "rank", "entropy", "time", "instead")


class TokenLook:
    """Notes the tokens of a reply, then tells what the model thought of each."""

    def __init__(
        self, engine: AppEngine, asked: str | list[ChatMessage], settings: GenerationSettings
    ) -> None:
        """`asked` is a conversation, or a text that is continued.

        Raises:
            UserError: when the model is on a server, which cannot tell.
        """
        self._engine = token_engine(engine)
        self._asked, self._settings = asked, settings
        self._log = TokenLog()

    def take(self, event: GenerationEvent) -> None:
        """A piece of the reply, or its end."""
        self._log.take(event)

    async def tell(self, as_table: bool) -> list[dict[str, Any]]:
        """The tokens as --json prints them; a table is printed at once.

        Raises:
            UserError: when the engine cannot answer.
        """
        said = self._log.tokens or ReplyTokens((), ())
        is_text = isinstance(self._asked, str)
        request = Inspect(
            request=0,
            settings=self._settings,
            prompt=self._asked if isinstance(self._asked, str) else None,
            messages=() if is_text else tuple(self._asked),  # type: ignore[arg-type]
            reply_ids=said.ids,
        )
        inspection = await self._engine.inspect(request)
        if as_table:
            print(f"\n\n{table(inspection, said.seconds)}", end="", flush=True)
        return as_json(inspection, said.seconds)


def table(inspection: Inspection, seconds: Sequence[float]) -> str:
    """A line for each token of the reply, and one for all of it."""
    rows = [_HEADING, *_rows(inspection, seconds)]
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(_HEADING))]
    lines = []
    for row in rows:
        word = row[0] + " " * (widths[0] - cell_len(row[0]))
        figures = "  ".join(text.rjust(width) for text, width in zip(row[1:-1], widths[1:-1], strict=True))
        lines.append(f"{word}  {figures}  {row[-1]}".rstrip())
    if (mean := mean_surprise(inspection.of("reply"))) is not None:
        lines.append(f"{mean:.2f} bits each, perplexity {2**mean:,.3g}")
    return "\n".join(lines)


def _rows(inspection: Inspection, seconds: Sequence[float]) -> Iterator[tuple[str, ...]]:
    for place, token in enumerate(inspection.of("reply")):
        word = token_words.alone(token.spelling)
        yield (
            word if cell_len(word) <= _LONGEST_WORD else word[: _LONGEST_WORD - 1] + "…",
            token_words.percent(token.probability),
            token_words.percent(token.drawn),
            "–" if token.rank is None else f"{token.rank:,}",
            token_words.bits(token.entropy),
            token_words.milliseconds(seconds[place] if place < len(seconds) else None),
            "  ".join(_in_short(candidate) for candidate in _others(token)),
        )


def _others(token: InspectedToken) -> list[Candidate]:
    """The likeliest that were not said, where there are any to speak of."""
    likely = (candidate for candidate in token.candidates if token_words.own(candidate) >= _WORTH_TELLING)
    return [candidate for candidate in likely if candidate.token_id != token.token_id][:_OTHERS]


def _in_short(candidate: Candidate) -> str:
    return f"{token_words.alone(candidate.text)} {token_words.percent(token_words.own(candidate))}"


def as_json(inspection: Inspection, seconds: Sequence[float]) -> list[dict[str, Any]]:
    """The tokens of the reply as plain values."""
    found = enumerate(inspection.of("reply"))
    return [_token_json(token, seconds[place] if place < len(seconds) else None) for place, token in found]


def _token_json(token: InspectedToken, seconds: float | None) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "text": token.text,
        "spelling": token.spelling,
        "probability": token.probability,
        "drawn_probability": token.drawn,
        "rank": token.rank,
        "surprise_bits": token.surprise,
        "entropy_bits": token.entropy,
        "choices": token.choices,
        "seconds": seconds,
        "alternatives": [
            {
                "token_id": candidate.token_id,
                "text": candidate.text,
                "probability": token_words.own(candidate),
                "drawn_probability": candidate.drawn,
            }
            for candidate in token.candidates
        ],
    }
