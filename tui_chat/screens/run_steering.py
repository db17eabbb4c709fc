"""Telling a run to pause, go on, save, stop or be gone, with a question where something would be lost.

The one rule: what was asked about is what is done, whichever run the person has moved on to meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import work
from textual.screen import Screen

from engine.errors import UserError
from trainers import launcher
from trainers.interventions import learning_rate_now
from trainers.run_directory import RunDirectory
from tui_chat.run_watch import WatchedRun
from tui_chat.screens.ask_text import AskText
from tui_chat.screens.bad_step import BadStepChoice
from tui_chat.screens.question import Question
from tui_chat.text import one_line


class RunSteering(Screen[None]):
    """The part of the training screen that steers the chosen run."""

    @property
    def chosen(self) -> WatchedRun | None:
        """The run on show."""
        raise NotImplementedError

    def look(self) -> None:
        """Show all runs as they are now."""
        raise NotImplementedError

    def action_pause(self) -> None:
        """Let the run wait after its current step."""
        self._tell(launcher.pause_run)

    def action_resume(self) -> None:
        """Go on: at once when the run waits, from the last checkpoint when its process is gone."""
        watched = self.chosen
        if watched and watched.status.state == "finished":
            self._train_further(watched)
        elif watched and watched.status.paused_for == "bad_step":
            self._decide(watched)
        else:
            self._tell(launcher.resume_run)

    @work(group="question")
    async def _train_further(self, watched: WatchedRun) -> None:
        done = watched.status.step
        question = (
            f"“{watched.run.name}” is finished after {done:,} steps. Train on until which step?"
            f"{_on_the_rate(watched.run)}"
        )
        text = await self.app.push_screen_wait(AskText(question, str(2 * done)))
        digits = (text or "").replace(",", "").strip()
        if digits.isdecimal() and int(digits) > done:
            self._tell(lambda run: launcher.resume_run(run, max_steps=int(digits)), run=watched.run)
        elif text is not None:
            self._say(f"That is not a number of steps above {done:,}. Nothing was started.", "warning")

    @work(group="question")
    async def _decide(self, watched: WatchedRun) -> None:
        """What to do about a step that was not applied."""
        what = one_line(watched.status.error.partition(" Leave it out")[0], 300)
        choice = await self.app.push_screen_wait(BadStepChoice(one_line(watched.run.name), what))
        if choice == "stop":
            self._tell(launcher.stop_run, run=watched.run)
        elif choice == "skip_step":
            self._tell(lambda run: launcher.resume_run(run, skip_step=True), run=watched.run)
        elif choice == "learning_rate":
            await self._lower_learning_rate(watched)

    async def _lower_learning_rate(self, watched: WatchedRun) -> None:
        try:
            highest = learning_rate_now(watched.run)
        except UserError as error:
            self._say(str(error), "error")
            return
        question = f"The highest learning rate was {highest:g}. Which one from the last checkpoint on?"
        text = await self.app.push_screen_wait(AskText(question, f"{highest / 3:.2g}"))
        if text is None:
            return
        try:
            rate = float(text.strip())
        except ValueError:
            self._say(f"“{text}” is not a number. The run still waits.", "warning")
            return
        self._tell(lambda run: launcher.resume_run(run, learning_rate=rate), run=watched.run)

    def action_save(self) -> None:
        """Ask for a checkpoint now."""
        self._tell(launcher.save_run, "A checkpoint is saved after the current step.")

    @work(group="tell")
    async def _tell(
        self, wish: Callable[[RunDirectory], None], success: str = "", run: RunDirectory | None = None
    ) -> None:
        """Tell the chosen run something, or the `run` a question was about; say why when that cannot be."""
        if run is None:
            if self.chosen is None:
                return
            run = self.chosen.run
        try:
            await asyncio.to_thread(wish, run)
        except (UserError, OSError) as error:  # a full disk, or a run that was deleted by someone else
            self._say(str(error), "error")
        else:
            if success:
                self._say(success)
        self.look()

    def action_stop(self) -> None:
        """Ask, then end the run after its current step; asked again, end it without saving."""
        if self.chosen and "stop" in self.chosen.wishes:
            self._ask_first(
                launcher.stop_run_now,
                "End without saving",
                "It has been asked to save and stop, and is not done yet. What it learnt since its last checkpoint "
                "would be learnt again by “Resume”.",
                yes="End it now",
            )
            return
        self._ask_first(
            launcher.stop_run,
            "Stop",
            "It saves a checkpoint first; “Resume” goes on from there at any time.",
        )

    def action_delete(self) -> None:
        """Ask, then delete an ended run with its checkpoints."""
        self._ask_first(
            launcher.delete_run,
            "Delete",
            "Its checkpoints, curves and samples are deleted with it. This cannot be undone.",
        )

    @work(group="question")
    async def _ask_first(
        self, act: Callable[[RunDirectory], None], verb: str, explanation: str, yes: str = ""
    ) -> None:
        watched = self.chosen  # the run the question is about, whichever is chosen when the answer comes
        if watched is None:
            return
        question = Question(f"{verb} “{one_line(watched.run.name)}”?", explanation, yes=yes or f"{verb} it")
        if await self.app.push_screen_wait(question):
            self._tell(act, run=watched.run)

    def _say(self, text: str, severity: str = "information") -> None:
        self.notify(one_line(text, 300), severity=severity, markup=False)  # type: ignore[arg-type]


def _on_the_rate(run: RunDirectory) -> str:
    """A loss that rises at first is no harm done, where it is known why."""
    try:
        is_constant = run.config().schedule == "constant"
    except UserError:
        return ""
    return (
        "" if is_constant else " Its learning rate rises again first, to what a run of that length has there."
    )
