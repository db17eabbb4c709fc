"""The head of the monitor: what a run is doing now, in figures.

The one rule: it shows the last `WatchedRun` it was given, as tiles where there is room, as pairs elsewhere.
"""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.widgets import Static

from tui_chat import quantities
from tui_chat.run_watch import WatchedRun
from tui_chat.text import one_line
from tui_chat.widgets.run_words import bar, facts, state_glyph, state_style, state_words, time_words

_LEAST_GAP = 3  # cells between tiles


class RunFacts(Static):
    """State, progress and figures of one run."""

    DEFAULT_CSS = """
    RunFacts { height: auto; padding: 0 1; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._watched: WatchedRun | None = None
        self._shown: Content | None = None
        self._share_of_peak = ""

    def show(self, watched: WatchedRun | None, share_of_peak: str = "") -> None:
        """Show a run as it is now; `share_of_peak` in words, where it is known."""
        self._watched, self._share_of_peak = watched, share_of_peak
        width = max(20, self.content_region.width)
        shown = (
            _all_words(watched, share_of_peak, width, self.has_class("-inline")) if watched else Content("")
        )
        if shown != self._shown:
            self._shown = shown
            self.update(shown)

    def on_resize(self, event: events.Resize) -> None:
        """A new width is a new arrangement."""
        self.show(self._watched, self._share_of_peak)


def _all_words(watched: WatchedRun, share_of_peak: str, width: int, is_inline: bool) -> Content:
    lines = [_head(watched, width), bar(watched.share_done, width, state_style(watched))]
    lines += (
        _pairs(facts(watched, share_of_peak), width)
        if is_inline
        else _tiles(facts(watched, share_of_peak), width)
    )
    if watched.status.error:
        lines.append(
            Content.styled(one_line(watched.status.error + _what_to_press(watched), 3 * width), "$text-error")
        )
    return Content("\n").join(lines)


def _what_to_press(watched: WatchedRun) -> str:
    if not watched.is_active:
        return ""
    return {"bad_step": " Resume (r) asks which.", "full_disk": " Resume (r) tries again."}.get(
        watched.status.paused_for, ""
    )


def _head(watched: WatchedRun, width: int) -> Content:
    status = watched.status
    left = f"{state_glyph(watched)} {state_words(watched)}"
    progress = [
        f"step {status.step:,} of {status.max_steps:,}",
        f"{watched.share_done:.0%}",
        time_words(watched) or f"trained {quantities.duration(status.seconds_trained)}",
    ]
    right = " · ".join(progress)
    name = one_line(watched.run.name, max(8, width - len(left) - len(right) - 6))
    gap = " " * max(2, width - len(left) - len(name) - len(right) - 2)
    return Content.assemble((left, f"bold {state_style(watched)}"), "  ", (name, "bold"), gap, right)


def _tiles(tiles: list[tuple[str, str]], width: int) -> list[Content]:
    """Two lines a row of tiles: what, and below it how much. As few rows as the widest entries allow."""
    for rows in range(1, len(tiles) + 1):
        per_row = -(-len(tiles) // rows)
        columns = [
            max(len(text) for tile in tiles[place::per_row] for text in tile) for place in range(per_row)
        ]
        air = (width - sum(columns)) // per_row
        if air >= _LEAST_GAP:
            break
    lines = []
    for start in range(0, len(tiles), per_row):
        row = list(zip(tiles[start : start + per_row], columns, strict=False))
        lines.append(
            Content.styled("".join(f"{tile[0]:<{size + air}}" for tile, size in row), "$foreground 60%")
        )
        lines.append(Content.styled("".join(f"{tile[1]:<{size + air}}" for tile, size in row), "bold"))
    return lines


def _pairs(pairs: list[tuple[str, str]], width: int) -> list[Content]:
    """As many (what value) pairs as fit into two lines."""
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0
    for what, value in pairs:
        if value == quantities.NOTHING:
            continue
        needed = len(what) + len(value) + 3
        if used + needed > width + 2 and lines[-1]:
            if len(lines) == 2:
                break
            lines.append([])
            used = 0
        lines[-1] += [(f"{what} ", "$foreground 60%"), (value, "bold"), ("  ", "")]
        used += needed
    return [Content.assemble(*line) for line in lines]
