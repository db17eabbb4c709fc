"""What is said of a reply, in a word or two of its heading.

    marks_of(Judgement(thumb=1, vote="better"))       ★ better  ·  + good

The one rule: a mark is a sign and a word, so that neither colour nor sign alone tells anything.
"""

from __future__ import annotations

from textual.content import Content

from tui_chat.feedback import Judgement

_VOTES = {"better": ("★ better", "$text-success"), "tie": ("= as good", "$text-accent")}
_THUMBS = {1: ("+ good", "$text-success"), -1: ("- poor", "$text-warning")}


def marks_of(judgement: Judgement, shows_original: bool = False) -> list[Content]:
    """The marks of one reply, each after a space; nothing for most.

    While a correction is shown, what was said of the words that it replaces is not.
    """
    if judgement.correction is not None and not shows_original:
        return [Content.styled("  corrected", "$text-warning")]
    marks = [_VOTES[judgement.vote]] if judgement.vote else []
    marks += [("blind", "$text-muted")] if judgement.vote and judgement.is_blind else []
    marks += [_THUMBS[judgement.thumb]] if judgement.thumb else []
    if judgement.correction is not None:
        marks.append(("as it was said", "$text-warning"))
    return [Content.styled(f"  {word}", style) for word, style in marks]
