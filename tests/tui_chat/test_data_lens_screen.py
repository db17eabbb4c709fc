"""The data lens in the app: reached from the form by a key, it shows rows, rejected lines and repetitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.app import App
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static, TabbedContent

from tests.tui_chat.test_new_run_screen import FormApp, settle
from trainers.config import TrainingConfig
from trainers.data_lens_report import Kind, LensReport, LensToken
from trainers.datasets import DataReport
from tui_chat.screens.data_lens import DataLensScreen
from tui_chat.screens.new_run import NewRunScreen
from tui_chat.widgets.lens_row import facts_words, token_words


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """Four rows of which two repeat one, and a line that is none."""
    rows = [("[/] \x1b[2J", "Hello there!"), ("Hi", "Yes"), ("Hi", "Yes"), ("Ho", "No")]
    lines = [json.dumps({"prompt": prompt, "completion": answer}) for prompt, answer in rows]
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join([*lines, "[nonsense"]) + "\n")
    return path


def test_of_one_row_nothing_is_said_as_of_several() -> None:
    data = DataReport(format="alpaca", files=1, rows=2, characters=9)
    report = LensReport(
        data=data, method="pretraining", tokenizer="char", chat_format="", context_length=8, train_rows=1
    )
    report = report.with_changes("test", validation_rows=1, lengths={"shortest": 1, "longest": 3})
    assert "1 row trains, 1 validates" in str(facts_words(report, "a.jsonl"))


class LensApp(App[None]):
    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self._config = config

    def on_mount(self) -> None:
        self.push_screen(DataLensScreen(self._config))


def config_of(chats: Path) -> TrainingConfig:
    return TrainingConfig(method="fine_tuning", dataset=str(chats), context_length=12)


async def looked(pilot: Pilot[None]) -> DataLensScreen:
    """The screen once it has looked through the data."""
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, DataLensScreen)
    for worker in [one for one in pilot.app.workers if one.group == "lens"]:
        await worker.wait()
    await pilot.pause()
    return screen


def shown(screen: DataLensScreen, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_rows_are_shown_as_tokens_and_the_arrow_keys_go_on(chats: Path, size: tuple[int, int]) -> None:
    async with LensApp(config_of(chats)).run_test(size=size) as pilot:
        screen = await looked(pilot)
        assert "learnt" in shown(screen, "#lens-counts") and "cut off" in shown(screen, "#lens-counts")
        assert shown(screen, "#lens-row").startswith("<|user|>[/] ␛[2J<|assistant|>Hel")
        assert "1 of 4" in shown(screen, "#lens-heading") and "cut off" in shown(screen, "#lens-heading")
        assert "packed into 2 windows" in shown(screen, "#lens-facts")
        await pilot.press("right")
        assert shown(screen, "#lens-row") == "<|user|>Hi<|assistant|>Yes<|endoftext|>5 × padding"
        await pilot.press("left", "left")
        assert "4 of 4" in shown(screen, "#lens-heading")


async def test_tab_goes_to_the_rejected_lines_and_to_the_repetitions(chats: Path) -> None:
    async with LensApp(config_of(chats)).run_test(size=(80, 24)) as pilot:
        screen = await looked(pilot)
        views = screen.query_one(TabbedContent)
        await pilot.press("tab")
        assert views.active == "rejected" and "(1)" in str(views.get_tab("rejected").label)
        assert "line 5  not valid JSON" in shown(screen, "#lens-rejected")
        await pilot.press("tab")
        assert "line 3 repeats line 2" in shown(screen, "#lens-repeated")
        await pilot.press("tab")
        assert views.active == "rows"


async def test_what_keeps_a_run_from_starting_stands_above_in_words(chats: Path) -> None:
    config = config_of(chats).with_changes("test", chat_format="completion")
    async with LensApp(config).run_test(size=(80, 24)) as pilot:
        screen = await looked(pilot)
        assert "✖ In 4 of 4 rows the end-of-text is never a target" in shown(screen, "#lens-facts")


async def test_a_model_that_is_not_here_is_not_fetched_for_a_look(chats: Path) -> None:
    config = config_of(chats).with_changes("test", base_model="hf:someone/something")
    async with LensApp(config).run_test(size=(80, 24)) as pilot:
        screen = await looked(pilot)
        assert "is downloaded when the run starts" in shown(screen, "#lens-facts")
        await pilot.press("right", "tab", "escape")  # nothing to show, and nothing breaks
        assert pilot.app.is_running


async def test_the_form_opens_the_lens_by_a_key_and_is_as_it_was_afterwards(chats: Path) -> None:
    async with FormApp().run_test(size=(120, 40)) as pilot:
        form = await settle(pilot)
        await pilot.press("ctrl+l")  # nothing to look at yet
        await pilot.pause()
        assert isinstance(pilot.app.screen, NewRunScreen)
        form.query_one("#data-path", Input).value = str(chats)
        form.query_one("#recipe", Select).value = "fine-tune-conversations"
        await settle(pilot)
        form.query_one("#field-base_model", Input).value = ""
        await settle(pilot)
        await pilot.press("ctrl+l")
        await pilot.pause()
        screen = await looked(pilot)
        assert "prompt completion" in shown(screen, "#lens-facts")
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is form
        assert form.query_one("#data-path", Input).value == str(chats)


async def test_a_recipe_that_cannot_learn_from_the_data_says_so_instead(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Some text.\n" * 50)
    async with FormApp().run_test(size=(120, 40)) as pilot:
        form = await settle(pilot)
        form.query_one("#data-path", Input).value = str(tmp_path / "a.txt")
        form.query_one("#recipe", Select).value = "fine-tune-conversations"
        await settle(pilot)
        form.query_one("#field-base_model", Input).value = ""
        await settle(pilot)
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert pilot.app.screen is form
        assert "needs conversations" in str(form.query_one("#start-problem", Static).render())


def test_every_kind_of_token_looks_different_without_colours_too() -> None:
    kinds: tuple[Kind, ...] = ("trained", "prompt", "masked", "padding", "cut")
    for has_colours in (True, False):
        words = [token_words((LensToken("x", kind),), has_colours) for kind in kinds]
        assert all(isinstance(one, Content) for one in words)
        styles = {str([(span.style) for span in one.spans]) for one in words}
        assert len(styles) == len(kinds)
