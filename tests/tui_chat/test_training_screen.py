"""Watching and steering runs on the training screen; the runs are written by the test."""

import json
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Log, OptionList, Static
from textual.widgets._footer import FooterKey

from engine.paths import runs_path
from tests.tui_chat.fake_run import FakeRun
from trainers import launcher
from trainers.run_directory import RunDirectory, SampleRow
from tui_chat.run_watch import RunWatch, read_history
from tui_chat.screens.explain_numbers import ExplainNumbers
from tui_chat.screens.question import Question
from tui_chat.screens.training import TrainingScreen
from tui_chat.widgets import run_monitor
from tui_chat.widgets.metrics_chart import MetricsChart
from tui_chat.widgets.run_facts import RunFacts
from tui_chat.widgets.run_list import RunList
from tui_chat.widgets.run_monitor import RunMonitor
from tui_chat.widgets.run_words import sample_words


class TrainingApp(App[None]):
    def __init__(self, run_name: str | None = None) -> None:
        super().__init__()
        self.run_name = run_name
        self.chats: list[str] = []

    def on_mount(self) -> None:
        self.push_screen(TrainingScreen(self.run_name))

    async def chat_with(self, reference: str) -> None:
        self.chats.append(reference)


def training_screen(pilot: Pilot[None]) -> TrainingScreen:
    screen = pilot.app.screen
    assert isinstance(screen, TrainingScreen)
    return screen


async def settle(pilot: Pilot[None]) -> TrainingScreen:
    """The screen after another look at the runs, with their histories read."""
    await pilot.app.workers.wait_for_complete()
    screen = training_screen(pilot)
    screen.look()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return screen


def text_of(screen: TrainingScreen, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


def legend(screen: TrainingScreen) -> str:
    return "".join(text for text, _ in screen.query_one("#main-chart", MetricsChart).picture.rows[0])


async def test_with_no_runs_the_screen_says_how_to_start_one():
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        screen = training_screen(pilot)
        assert screen.query_one("#first-run").region.height > 0
        assert "Nothing has been trained yet" in text_of(screen, "#no-runs-text")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_newest_run_is_on_show_with_curves_and_figures(size: tuple[int, int]):
    FakeRun(runs_path(), "shakespeare").train_until(1000)
    async with TrainingApp().run_test(size=size) as pilot:
        screen = await settle(pilot)
        facts = text_of(screen, "#facts")
        assert "running" in facts and "step 1,000 of 2,000" in facts and "804,096" in facts
        assert "train 1." in legend(screen) and "validation 1." in legend(screen)
        assert screen.query_one("#main-chart").region.height >= 8


async def test_what_a_run_writes_appears_while_it_is_watched():
    run = FakeRun(runs_path(), "shakespeare")
    async with TrainingApp().run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        assert "starting: reading data" in text_of(screen, "#facts")
        run.status(state="starting", stage="starting")
        assert "starting: " not in text_of(await settle(pilot), "#facts")
        run.train_until(500)
        run.sample(500, "But soft, what light")
        run.log("step 500: checkpoint saved")
        screen = await settle(pilot)
        assert "step 500 of 2,000" in text_of(screen, "#facts")
        assert "But soft" in text_of(screen, "#samples-text")
        assert "checkpoint saved" in "\n".join(screen.query_one("#log-text", Log).lines)
        assert "train" in legend(screen)


async def test_a_look_that_shows_nothing_new_makes_no_new_hints():
    FakeRun(runs_path(), "shakespeare").train_until(500)
    async with TrainingApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        before = list((await settle(pilot)).query(FooterKey))
        assert before and list((await settle(pilot)).query(FooterKey)) == before


async def test_the_choice_stays_on_its_run_when_a_newer_one_appears():
    FakeRun(runs_path(), "first").train_until(100)
    async with TrainingApp().run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        FakeRun(runs_path(), "second").train_until(100)
        screen = await settle(pilot)
        assert screen.query_one(RunList).option_count == 2
        assert screen.chosen is not None and screen.chosen.run.name == "first"


async def test_a_run_can_be_asked_for_by_name():
    for name in ("first", "second", "third"):
        FakeRun(runs_path(), name).train_until(100)
    async with TrainingApp("first").run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        assert screen.chosen is not None and screen.chosen.run.name == "first"
        assert "first" in text_of(screen, "#facts")


async def test_pause_is_a_wish_that_resume_takes_back(monkeypatch: pytest.MonkeyPatch):
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(100)
    monkeypatch.setattr(launcher, "is_owned", lambda path: True)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("p")
        screen = await settle(pilot)
        assert fake.run.has_wish("pause")
        assert "pausing" in text_of(screen, "#facts")
        await pilot.press("r")
        await settle(pilot)
        assert not fake.run.has_wish("pause")


async def test_stopping_asks_first_and_no_is_the_easy_answer():
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(100)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Question)
        await pilot.press("enter")
        await settle(pilot)
        assert not fake.run.has_wish("stop")
        await pilot.press("s")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        screen = await settle(pilot)
        assert fake.run.has_wish("stop")
        assert "stopping" in text_of(screen, "#facts")


async def test_deleting_an_ended_run_asks_and_then_shows_the_next():
    FakeRun(runs_path(), "older").train_until(100)
    fake = FakeRun(runs_path(), "newer")
    fake.status(state="stopped")
    async with TrainingApp("newer").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        screen = await settle(pilot)
        assert not fake.path.exists()
        assert screen.chosen is not None and screen.chosen.run.name == "older"


async def test_a_run_that_goes_on_cannot_be_deleted():
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(100)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert fake.path.exists()


async def test_chat_with_a_run_that_goes_on_means_its_newest_checkpoint():
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(500)
    fake.checkpoint(500)
    app = TrainingApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("c", "b")
        await pilot.pause()
        assert app.chats == ["run:shakespeare@latest", "run:shakespeare@best"]


async def test_a_checkpoint_of_the_list_can_be_chatted_with():
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(500)
    for step in (250, 500):
        fake.checkpoint(step, 2.0)
    app = TrainingApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        await pilot.press("3", "down", "enter")
        await pilot.pause()
        assert screen.query_one("#checkpoint-list", OptionList).option_count == 2
        assert app.chats == ["run:shakespeare@step-250"]


async def test_the_key_for_other_curves_goes_through_what_was_measured():
    FakeRun(runs_path(), "shakespeare").train_until(500)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        titles = []
        for _ in range(7):
            titles.append(legend(screen).split("  ")[0])
            await pilot.press("v")
        assert titles[:3] == ["Loss", "Bits per byte", "Validation accuracy"]
        assert legend(screen).startswith("Loss")


async def test_the_cursor_of_one_chart_is_the_cursor_of_all():
    FakeRun(runs_path(), "shakespeare").train_until(500)
    async with TrainingApp().run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.press("1", "left", "left")
        await pilot.pause()
        cursors = {chart.cursor for chart in screen.query(MetricsChart)}
        assert len(cursors) == 1 and None not in cursors


async def test_control_codes_and_markup_of_a_run_reach_the_screen_as_text():
    fake = FakeRun(runs_path(), "shakespeare", dataset="evil[/]\x1b]52;c;x\x07.txt")
    fake.train_until(100)
    fake.sample(100, "[red]a[/] \x1b[2J\x9b31m", prompt="[@click=app.quit]x[/]")
    fake.log("\x1b[31mred\x1b[0m [/]")
    fake.status(state="failed", error="[/] \x1b]0;title\x07")
    async with TrainingApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in "12345":
            await pilot.press(key)
            await pilot.pause()
            shown = pilot.app.export_screenshot()
            assert not set("\x1b\x07\x9b") & set(shown)
        assert "[red]a[/]" in text_of(training_screen(pilot), "#samples-text")


async def test_a_crashed_run_says_so_and_can_be_resumed(monkeypatch: pytest.MonkeyPatch):
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(100)
    fake.status(state="running", step=100, pid=2**22 - 1, process_started=1.0)
    resumed: list[str] = []
    monkeypatch.setattr(launcher, "resume_run", lambda run: resumed.append(run.name))
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        assert "crashed" in text_of(screen, "#facts")
        await pilot.press("r")
        await settle(pilot)
        assert resumed == ["shakespeare"]


async def test_without_room_and_with_too_much_room_nothing_breaks():
    FakeRun(runs_path(), "shakespeare").train_until(500)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for size in ((20, 6), (40, 12), (250, 80), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert training_screen(pilot).query_one(RunFacts).region.height > 0


def test_a_look_at_unchanged_runs_reads_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    FakeRun(tmp_path, "ended").status(state="finished")
    FakeRun(tmp_path, "active").train_until(10)
    watch = RunWatch(tmp_path)
    first = watch.look()
    monkeypatch.setattr(RunDirectory, "status", lambda self: pytest.fail("read again"))
    assert watch.look() == first


def test_a_loss_that_was_not_a_number_is_a_hole_and_an_alarm(tmp_path: Path):
    fake = FakeRun(tmp_path, "run")
    for step, loss in ((0, 4.0), (10, None), (20, 3.0)):
        fake.row(step, loss=loss, note="the loss is NaN" if loss is None else "")
    history = read_history(fake.run)
    assert history.series["loss"].ys == [4.0, 3.0]
    assert history.series["loss"].holes == {1}
    assert history.notes == [(10, "the loss is NaN")]


def test_rows_of_validation_alone_leave_no_hole_in_the_training_loss(tmp_path: Path):
    fake = FakeRun(tmp_path, "run")
    fake.row(0, loss=4.0)
    fake.row(5, val_loss=4.1)
    fake.row(10, loss=3.0)
    series = read_history(fake.run).series
    assert (series["loss"].holes, series["val_loss"].ys) == (set(), [4.1])


def test_a_resume_that_drops_rows_has_the_history_read_anew(tmp_path: Path):
    fake = FakeRun(tmp_path, "run")
    for step in range(5):
        fake.row(step, loss=4.0 - step)
    history = read_history(fake.run)
    lines = (fake.path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (fake.path / "metrics.jsonl").write_bytes(b"".join(lines[:2]))
    history.catch_up()
    assert history.is_rewritten
    assert read_history(fake.run).series["loss"].xs == [0, 1]


async def test_the_monitor_follows_a_resume(tmp_path: Path):
    fake = FakeRun(runs_path(), "run")
    for step in range(100):
        fake.row(step, loss=4.0)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        (fake.path / "metrics.jsonl").write_bytes(b"")
        fake.row(0, loss=1.25)
        screen = await settle(pilot)
        history = screen.query_one(RunMonitor).history
        assert history is not None and history.series["loss"].ys == [1.25]


def token_files(run: RunDirectory) -> None:
    folder = run.path / "tokens"
    folder.mkdir()
    for split in ("train", "validation"):
        (folder / f"{split}.bin").write_bytes(bytes([0, 0, 1, 0]) * 200)  # uint16: 0 1 0 1 ...
    files = {"method": "pretraining", "vocab_size": 65, "context_length": 8}
    (folder / "tokens.json").write_text(json.dumps({**files, "train_tokens": 400, "validation_tokens": 400}))


async def test_floors_are_counted_once_and_drawn_into_the_chart():
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(500)
    token_files(fake.run)
    async with TrainingApp().run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        assert (fake.path / "floors.json").is_file()
        picture = screen.query_one("#main-chart", MetricsChart).picture
        assert any("uniform 4.17" in text for row in picture.rows for text, _ in row)
        await pilot.press("v")  # bits per byte have another unit
        picture = screen.query_one("#main-chart", MetricsChart).picture
        assert any("uniform 6.02" in text for row in picture.rows for text, _ in row)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_sentence_above_the_chart_says_how_the_run_is_doing(size: tuple[int, int]):
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(100)
    async with TrainingApp().run_test(size=size) as pilot:
        screen = await settle(pilot)
        assert "Too early to say" in text_of(screen, "#verdict")
        fake.train_until(1500)
        screen = await settle(pilot)
        assert "the curve flattens" in text_of(screen, "#verdict")
        assert screen.query_one("#main-chart").region.height >= 7


async def test_passes_over_the_text_are_known_from_the_configuration():
    fake = FakeRun(runs_path(), "shakespeare", batch_size=10, context_length=100)
    fake.status(state="finished", step=2000, train_tokens=200_000)
    assert read_history(fake.run).passes(fake.run.status()) == 10


async def test_a_note_beside_a_measured_loss_is_not_a_missing_loss():
    fake = FakeRun(runs_path(), "shakespeare")
    fake.row(10, loss=2.0, note="the batch was split")
    fake.row(20, note="the loss was not a number")
    assert read_history(fake.run).steps_without_loss == [20]


async def test_marked_runs_are_drawn_behind_the_one_on_show_in_their_own_colours():
    FakeRun(runs_path(), "first").train_until(500)
    FakeRun(runs_path(), "second").train_until(500)
    async with TrainingApp().run_test(size=(160, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.press("space")  # the newest, which is on show: no ghost of itself
        await pilot.press("down", "space")
        screen = await settle(pilot)
        assert "╍╍ second 1." in legend(screen) and "╍╍ first" not in legend(screen)
        await pilot.press("up")
        screen = await settle(pilot)
        assert "╍╍ first 1." in legend(screen) and "╍╍ second" not in legend(screen)
        assert "╍╍ first" in str(screen.query_one(RunList).get_option_at_index(1).prompt)
        await pilot.press("space", "down", "space")
        screen = await settle(pilot)
        assert "╍╍" not in legend(screen)


async def test_a_ghost_of_other_tokens_is_compared_in_bits_per_byte():
    other = FakeRun(runs_path(), "other-tokenizer")
    other.row(0, loss=9.0, val_loss=9.0, val_bits_per_byte=3.2)
    other.row(500, loss=4.0, val_loss=4.0, val_bits_per_byte=1.5)
    FakeRun(runs_path(), "characters").train_until(500)
    async with TrainingApp().run_test(size=(160, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.press("down", "space", "up")
        screen = await settle(pilot)
        assert legend(screen).startswith("Bits per byte")
        assert "╍╍ other-tokenizer 1.5" in legend(screen)


async def test_comparing_shows_only_the_settings_that_differ():
    FakeRun(runs_path(), "slow", learning_rate=3e-4).train_until(500)
    FakeRun(runs_path(), "quick", learning_rate=2e-3).train_until(1500)
    async with TrainingApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await pilot.pause()
        words = str(pilot.app.screen.query_one("#comparison", Static).render())
        assert "learning_rate" in words and "0.0003" in words and "0.002" in words
        assert "num_layers" not in words
        assert "★ quick" in words
        assert "tokens per second  " in words  # the longest name keeps clear of its values
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, TrainingScreen)


async def test_a_single_run_has_nothing_to_be_compared_with():
    FakeRun(runs_path(), "alone").train_until(100)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        assert isinstance(pilot.app.screen, TrainingScreen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_question_mark_explains_every_figure_with_its_value(size: tuple[int, int]):
    FakeRun(runs_path(), "shakespeare").train_until(1000)
    async with TrainingApp().run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ExplainNumbers)
        words = "\n".join(str(part.render()) for part in pilot.app.screen.query(Static))
        for what in (
            "loss  1.4865",
            "perplexity  4.",
            "gradient norm  0.",
            "learning rate  ",
            "GFLOP/s",
            "bits per byte",
        ):
            assert what in words
        assert "share of peak  –" in words  # a processor has no peak that is known
        assert "training tokens  1,003,854" in words
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, TrainingScreen)


async def test_on_a_known_card_the_share_of_its_peak_is_a_figure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_monitor, "card_name", lambda: "NVIDIA H200")
    fake = FakeRun(runs_path(), "large")
    fake.train_until(100)
    card = {"device": "cuda", "precision": "bfloat16", "num_parameters": 124_000_000}
    fake.status(state="running", step=100, tokens_per_second=5e5, **card)
    async with TrainingApp().run_test(size=(200, 60)) as pilot:
        screen = await settle(pilot)
        assert "of peak" in text_of(screen, "#facts") and "38%" in text_of(screen, "#facts")


async def test_a_run_that_is_deleted_while_it_is_looked_at_has_no_floors(monkeypatch: pytest.MonkeyPatch):
    def gone(run: RunDirectory) -> None:
        raise FileNotFoundError(run.path)

    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(500)
    token_files(fake.run)
    monkeypatch.setattr(run_monitor, "start_counting", gone)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        assert "validation 1." in legend(screen)


def test_a_reply_stands_under_its_question_and_a_continuation_goes_on_with_its_text():
    reply = SampleRow(step=9, prompt="Tell me a joke.", text="Why not?", is_reply=True)
    assert str(sample_words(reply, 40)).endswith("\nTell me a joke.\nWhy not?\n")
    goes_on = SampleRow(step=9, prompt="ROMEO:", text="ROMEO: But soft")
    assert str(sample_words(goes_on, 40)).endswith("\nROMEO: But soft\n")
