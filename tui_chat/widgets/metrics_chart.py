"""A live line chart in braille, made for training curves.

The widget holds what a person chose (log axis, smoothing, zoom, cursor) and turns the roles of `chart_picture` into
the colours of the theme. The one rule: it draws only when asked, so whoever feeds it decides how often.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui_chat.widgets.chart_picture import ChartSpec, Ghost, Level, Mark, Picture, draw
from tui_chat.widgets.chart_scale import Series, Smoothed, short_number

SMOOTHINGS = (0.0, 0.9, 0.98)
DEEPEST_ZOOM = 10


class MetricsChart(Widget, can_focus=True):
    """Several series over the training steps, with a cursor that reads their values."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"metrics-chart--{role}"
        for role in (
            *("title", "value", "label", "axis", "grid", "cursor", "best", "checkpoint", "alarm"),
            *("level", "level-label"),
            *(f"ghost-{number}" for number in range(1, 5)),
            *(f"series-{number}" for number in range(1, 5)),
            *(f"faint-{number}" for number in range(1, 5)),
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move_cursor(-1)", "Read", id="chart.left", key_display="←→"),
        Binding("right", "move_cursor(1)", "Cursor right", show=False, id="chart.right"),
        Binding(
            "shift+left,ctrl+left", "move_cursor(-10)", "Cursor far left", show=False, id="chart.far_left"
        ),
        Binding(
            "shift+right,ctrl+right", "move_cursor(10)", "Cursor far right", show=False, id="chart.far_right"
        ),
        Binding("home", "cursor_to(0)", "Cursor to the start", show=False, id="chart.start"),
        Binding("end,escape", "clear_cursor", "Follow the newest", show=False, id="chart.newest"),
        Binding("x", "toggle_log_x", "Log x", id="chart.log"),
        Binding("m", "cycle_smoothing", "Smooth", id="chart.smooth"),
        Binding("plus,equals_sign,z", "zoom(1)", "Zoom", id="chart.zoom_in", key_display="+"),
        Binding("minus,Z", "zoom(-1)", "Zoom out", show=False, id="chart.zoom_out"),
        Binding("f", "toggle_levels", "Floors", show=False, id="chart.levels"),
        Binding("0", "reset_view", "Whole curve", show=False, id="chart.reset"),
    ]
    BINDING_GROUP_TITLE = "Training curves"
    HELP = "Training curves. Left and right read values, + and - zoom in on the low end, x makes the axis logarithmic."
    DEFAULT_CSS = """
    MetricsChart {
        height: 1fr; min-height: 4; width: 1fr; padding: 0 1 0 0;
        & > .metrics-chart--title { text-style: bold; }
        & > .metrics-chart--value { text-style: bold; }
        & > .metrics-chart--label { color: $foreground 65%; }
        & > .metrics-chart--axis { color: $foreground 40%; }
        & > .metrics-chart--grid { color: $foreground 16%; }
        & > .metrics-chart--cursor { color: $text-warning; }
        & > .metrics-chart--best { color: $text-success; text-style: bold; }
        & > .metrics-chart--checkpoint { color: $foreground 75%; }
        & > .metrics-chart--alarm { color: $text-error; text-style: bold; }
        & > .metrics-chart--level { color: $foreground 35%; }
        & > .metrics-chart--level-label { color: $foreground 50%; }
        & > .metrics-chart--ghost-1 { color: $text-success 80%; }
        & > .metrics-chart--ghost-2 { color: $text-error 80%; }
        & > .metrics-chart--ghost-3 { color: $text-warning 80%; }
        & > .metrics-chart--ghost-4 { color: $foreground 65%; }
        & > .metrics-chart--series-1 { color: $text-primary; }
        & > .metrics-chart--series-2 { color: $text-accent; }
        & > .metrics-chart--series-3 { color: $text-success; }
        & > .metrics-chart--series-4 { color: $text-error; }
        & > .metrics-chart--faint-1 { color: $text-primary 35%; }
        & > .metrics-chart--faint-2 { color: $text-accent 35%; }
        & > .metrics-chart--faint-3 { color: $text-success 35%; }
        & > .metrics-chart--faint-4 { color: $text-error 35%; }
        &:focus > .metrics-chart--title { text-style: bold reverse; }
    }
    """

    log_x: reactive[bool] = reactive(False)
    smoothing: reactive[float] = reactive(0.0)
    zoom: reactive[int] = reactive(0)
    cursor: reactive[float | None] = reactive(None)
    has_levels: reactive[bool] = reactive(True)

    @dataclass
    class CursorMoved(Message):
        """The person reads values at `x`; None when they follow the newest again."""

        chart: MetricsChart
        x: float | None

    def __init__(
        self,
        title: str = "",
        *,
        number: Callable[[float | None], str] = short_number,
        has_x_axis: bool = True,
        is_from_zero: bool = False,
        first_colour: int = 1,
        empty_text: str = "Nothing measured yet",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.title = title
        self.empty_text = empty_text
        self._number = number
        self._has_x_axis = has_x_axis
        self.is_from_zero = is_from_zero
        self._first_colour = first_colour
        self._series: Sequence[Series] = ()
        self._marks: Sequence[Mark] = ()
        self._levels: Sequence[Level] = ()
        self._ghosts: Sequence[Ghost] = ()
        self._smoothed: dict[int, Smoothed] = {}
        self._picture: Picture | None = None
        self._strips: list[Strip] = []

    def show(
        self,
        series: Sequence[Series],
        marks: Sequence[Mark] = (),
        levels: Sequence[Level] = (),
        ghosts: Sequence[Ghost] = (),
    ) -> None:
        """Draw these series; call again when points were added to them."""
        self._series, self._marks, self._levels, self._ghosts = series, marks, levels, ghosts
        known = {id(one) for one in series}
        self._smoothed = {key: value for key, value in self._smoothed.items() if key in known}
        self.refresh()

    @property
    def picture(self) -> Picture:
        """What is on the screen."""
        if self._picture is None:
            self._picture = draw(self._spec())
        return self._picture

    def refresh(
        self, *regions: object, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> MetricsChart:
        """Forget the picture, so that the next paint draws it anew."""
        self._picture, self._strips = None, []
        super().refresh(repaint=repaint, layout=layout, recompose=recompose)
        return self

    def notify_style_update(self) -> None:
        """A new theme has new colours."""
        self._strips = []
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One row of the picture."""
        if not self._strips:
            styles: dict[str, Style] = {}
            self._strips = [
                Strip(
                    [Segment(text, self._style(role, styles)) for text, role in row if text], self.size.width
                )
                for row in self.picture.rows
            ]
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def _style(self, role: str, known: dict[str, Style]) -> Style:
        if role not in known:
            shown = self._shifted(role)
            known[role] = (
                self.get_component_rich_style(f"metrics-chart--{shown}") if shown else self.rich_style
            )
        return known[role]

    def _shifted(self, role: str) -> str:
        """Each small chart has its own colour, though its only series is the first."""
        kind, _, number = role.rpartition("-")
        return f"{kind}-{(int(number) + self._first_colour - 2) % 4 + 1}" if number.isdigit() else role

    def _spec(self) -> ChartSpec:
        is_smooth = self.smoothing > 0
        return ChartSpec(
            width=self.size.width,
            height=self.size.height,
            title=self.title,
            series=[self._smooth(one) for one in self._series] if is_smooth else self._series,
            behind=[one for one in self._series if one.is_noisy] if is_smooth else (),
            ghosts=self._ghosts,
            levels=self._levels if self.has_levels else (),
            marks=self._marks,
            is_log_x=self.log_x,
            zoom=self.zoom,
            cursor=self.cursor,
            notes=self._notes(),
            has_x_axis=self._has_x_axis,
            is_from_zero=self.is_from_zero,
            has_dashes=self.app.no_color,
            number=self._number,
            empty_text=self.empty_text,
        )

    def _smooth(self, series: Series) -> Series:
        if not series.is_noisy:
            return series
        smoothed = self._smoothed.get(id(series))
        if smoothed is None or smoothed.weight != self.smoothing:
            smoothed = self._smoothed[id(series)] = Smoothed(series, self.smoothing)
        return smoothed.catch_up()

    def _notes(self) -> str:
        zoom = f"zoom {2**self.zoom}x" if self.zoom else ""
        smooth = f"smoothed {self.smoothing:g}" if self.smoothing else ""
        return "  ".join(note for note in ("log steps" if self.log_x else "", smooth, zoom) if note)

    def action_toggle_log_x(self) -> None:
        """Spread the first steps out."""
        self.log_x = not self.log_x

    def action_toggle_levels(self) -> None:
        """Show or hide what counting n-grams reaches."""
        self.has_levels = not self.has_levels

    def action_cycle_smoothing(self) -> None:
        """No smoothing, some, a lot."""
        self.smoothing = SMOOTHINGS[(SMOOTHINGS.index(self.smoothing) + 1) % len(SMOOTHINGS)]

    def action_zoom(self, by: int) -> None:
        """Cut the upper half of the range away, or give it back."""
        self.zoom = min(max(0, self.zoom + by), DEEPEST_ZOOM)

    def action_reset_view(self) -> None:
        """The whole curve, as measured."""
        self.zoom, self.smoothing, self.log_x = 0, 0.0, False
        self.action_clear_cursor()

    def action_move_cursor(self, cells: int) -> None:
        """Read the values some columns further on."""
        scale = self.picture.x_scale
        if scale is None:
            return
        place = scale.cells - 1.0 if self.cursor is None else round(scale.place(self.cursor))
        if self.cursor is not None or cells < 0:
            place += cells
        self.action_cursor_to(place)

    def action_cursor_to(self, place: float) -> None:
        """Read the values at a column of the plot."""
        scale = self.picture.x_scale
        if scale is not None:
            self.cursor = scale.value(min(max(0.0, place), scale.cells - 1.0))
            self.post_message(self.CursorMoved(self, self.cursor))

    def action_clear_cursor(self) -> None:
        """Show the newest values again."""
        if self.cursor is not None:
            self.cursor = None
            self.post_message(self.CursorMoved(self, None))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The pointer reads values too."""
        if self.picture.x_scale is not None and event.x >= self.picture.left:
            self.action_cursor_to(event.x - self.picture.left)

    def on_leave(self, event: events.Leave) -> None:
        """Values under the pointer go with it."""
        self.action_clear_cursor()
