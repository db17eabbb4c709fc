"""What a run will need, beside the form: at once from what is known, and measured when asked for.

    panel.show(config, data, base)     # at every key
    panel.measure()                    # ten steps of a throw-away model in another process; the screen goes on
    panel.refusal                      # why it does not fit, and what does; empty when it fits

The one rule: whatever takes longer than a blink happens in a thread, and the newest question wins.
"""

from __future__ import annotations

import asyncio
import textwrap
import threading

from textual import events, work
from textual.content import Content
from textual.widgets import Static

from engine.errors import UserError
from engine.paths import runs_path
from trainers import probing
from trainers.base_models import BaseModel
from trainers.config import TrainingConfig
from trainers.estimates import Speed, speeds_of
from trainers.preflight import Machine, Preflight, machine_now
from tui_chat import preflight_words, run_form
from tui_chat.run_form import CheckedData
from tui_chat.text import visible

_NAMES_WIDTH = 12
_SECONDS_BETWEEN_LOOKS = 5.0  # at what is free on the machine
# Settings that change neither the speed nor the memory of a run.
_OF_NO_MATTER = ("dataset", "validation_dataset", "max_steps", "learning_rate", "min_learning_rate")


class PreflightPanel(Static):
    """Parameters, tokens, memory and time of the run that the form describes."""

    DEFAULT_CSS = """
    PreflightPanel { height: auto; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._config: TrainingConfig | None = None
        self._data: CheckedData | None = None
        self._base: BaseModel | None = None
        self._speeds: list[Speed] = []
        self._machine = Machine()
        self._measured: dict[str, float] = {}  # tokens per second, by what was measured
        self._problem = ""
        self._is_measuring = False
        self._stop = threading.Event()

    def on_mount(self) -> None:
        """What earlier runs reached, and what is free, are read in the background."""
        self._read_speeds()
        self.set_interval(_SECONDS_BETWEEN_LOOKS, self._look_at_machine)

    def on_unmount(self) -> None:
        """Nobody waits for the measurement any more."""
        self._stop.set()

    @work(exclusive=True, group="speeds")
    async def _read_speeds(self) -> None:
        self._speeds = await asyncio.to_thread(speeds_of, runs_path())
        self._draw()

    @work(exclusive=True, group="machine")
    async def _look_at_machine(self) -> None:
        config = self._config
        if config is None or not self.screen.is_active:
            return
        shape = self._base.shape if self._base else None
        width = shape.embedding_size if shape else config.embedding_size
        self._machine = await asyncio.to_thread(machine_now, config, width, runs_path())
        self._draw()

    def show(self, config: TrainingConfig | None, data: CheckedData | None, base: BaseModel | None) -> None:
        """Show what a run of `config` will need; None while something in the form is wrong."""
        before, self._config = self._config, config
        self._data, self._base, self._problem = data, base, ""
        self._draw()
        if config is not None and (before is None or before.device != config.device):
            self._look_at_machine()

    def on_resize(self, event: events.Resize) -> None:
        """A new width breaks lines elsewhere."""
        self._draw()

    @property
    def look(self) -> Preflight | None:
        """What is known now."""
        if self._config is None:
            return None
        measured = self._measured.get(self._what(self._config), 0.0)
        return run_form.preflight_of(
            self._config, self._data, self._base, self._speeds, self._machine, measured
        )

    @property
    def refusal(self) -> str:
        """Why the run does not fit and what does; empty when it fits, or nothing is known."""
        look = self.look
        return preflight_words.refusal(look) if look else ""

    def measure(self) -> None:
        """Train ten steps of a throw-away model, in the background."""
        self.scroll_visible(animate=False)
        if self._config is not None and not self._is_measuring:
            self._measure(self._config)

    @work(group="probe")
    async def _measure(self, config: TrainingConfig) -> None:
        self._is_measuring, self._problem = True, ""
        self._draw()
        request = probing.ProbeRequest(config=config, vocab_size=self._vocab_size(config))
        what = self._what(config)
        try:
            results = await asyncio.to_thread(probing.measure, [request], probing.SECONDS, self._stop.is_set)
            self._measured[what] = results[0].tokens_per_second
        except UserError as error:
            self._problem = str(error)
        finally:
            self._is_measuring = False
            self._draw()

    def _vocab_size(self, config: TrainingConfig) -> int:
        known = run_form.shape_of(config, self._data, self._base)
        return known[0].vocab_size if known else 0

    def _what(self, config: TrainingConfig) -> str:
        """What a measurement holds for."""
        settings = {name: value for name, value in config.to_dict().items() if name not in _OF_NO_MATTER}
        return f"{settings} {self._vocab_size(config)}"

    def _draw(self) -> None:
        if self._config is None:
            self.update(_quiet("Known when the settings are right."))
            return
        look = self.look
        if look is None:
            self.update(_quiet("Known when the model to start from is there."))
            return
        lines = [line for what, how in preflight_words.facts_of(look) for line in self._fact(what, how)]
        if self._is_measuring:
            lines.append(_quiet("Measuring ten steps of a throw-away model …"))
        if problem := self._problem or preflight_words.refusal(look):
            lines += [Content.styled(line, "$text-error") for line in self._wrapped(problem, 0)]
        self.update(Content("\n").join(lines))

    def _fact(self, what: str, how: str) -> list[Content]:
        # Every line begins with styled blanks: bare ones at the beginning of a line are not drawn.
        return [
            Content.assemble((f"{what if number == 0 else '':<{_NAMES_WIDTH}}", "$foreground 60%"), line)
            for number, line in enumerate(self._wrapped(how, _NAMES_WIDTH))
        ]

    def _wrapped(self, text: str, indentation: int) -> list[str]:
        width = max(20, self.content_size.width - indentation)
        return textwrap.wrap(str(visible(text)), width) or [""]


def _quiet(words: str) -> Content:
    return Content.styled(words, "$foreground 60%")
