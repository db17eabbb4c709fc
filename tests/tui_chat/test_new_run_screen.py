"""The form for a new run: what it refuses beside the field, what it promises, and what it starts."""

import json
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select, Static
from textual.worker import WorkerCancelled

from engine.errors import UserError
from engine.paths import datasets_path, runs_path
from tests.tui_chat.fake_engine import until
from tests.tui_chat.fake_run import FakeRun
from trainers import launcher, probing
from trainers.base_models import BaseModel
from trainers.config import TrainingConfig, read_recipe, recipe_names
from trainers.datasets import DataReport
from trainers.model_shape import ModelShape
from trainers.preflight import Machine
from trainers.run_directory import RunDirectory
from tui_chat import run_fields, run_form
from tui_chat.run_fields import prefilled
from tui_chat.run_form import config_of, free_name, leading_comment, name_problem
from tui_chat.screens import new_run
from tui_chat.screens.new_run import NewRunScreen
from tui_chat.widgets import preflight_panel
from tui_chat.widgets.data_tree import DataSuggester, DataTree, OwnData

RECIPE = "shakespeare-char-cpu"


class FormApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.results: list[str | None] = []

    def on_mount(self) -> None:
        self.push_screen(NewRunScreen(), self.results.append)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text and a file of conversations; the form is opened in it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "plays.txt").write_text("To be, or not to be, that is the question.\n" * 200)
    row = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    (folder / "chats.jsonl").write_text(f"{json.dumps(row)}\nnot json\n")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TrainingConfig, str]]:
    """What the form asked the launcher to start; nothing is started."""
    found: list[tuple[TrainingConfig, str]] = []

    def start(config: TrainingConfig, runs: Path, name: str) -> RunDirectory:
        found.append((config, name))
        return RunDirectory(runs / name)

    monkeypatch.setattr(launcher, "start_run", start)
    return found


async def wait_for_checks(pilot: Pilot[None]) -> None:
    """Until the form's own workers are done; the file tree has one that never ends."""
    await pilot.pause()
    groups = ("data", "speeds", "machine", "probe", "base model", "launch")
    for worker in [one for one in pilot.app.workers if one.group in groups]:
        with suppress(WorkerCancelled):  # a newer check took its place
            await worker.wait()
    await pilot.pause()


async def settle(pilot: Pilot[None]) -> NewRunScreen:
    await wait_for_checks(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, NewRunScreen)
    return screen


async def type_into(pilot: Pilot[None], field: str, text: str) -> NewRunScreen:
    pilot.app.screen.query_one(f"#{field}", Input).value = text
    return await settle(pilot)


def text_of(screen: NewRunScreen, selector: str) -> str:
    return " ".join(str(screen.query_one(selector, Static).render()).split())  # lines may break anywhere


async def test_the_form_is_filled_from_the_recipe_and_starts_what_it_says(
    data: Path, started: list[tuple[TrainingConfig, str]]
):
    app = FormApp()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "plays.txt")
        assert screen.query_one("#field-max_steps", Input).value == "2000"
        assert "plain text" in text_of(screen, "#data-report")
        assert "Ready" in text_of(screen, "#start-problem")
        await pilot.press("ctrl+s")
        await wait_for_checks(pilot)
        expected = read_recipe(RECIPE).with_changes("test", dataset=str(data / "plays.txt"))
        assert started == [(expected, RECIPE)]
        assert app.results == [RECIPE]


async def test_a_wrong_setting_is_said_beside_its_field_and_stays_as_typed(
    data: Path, started: list[tuple[TrainingConfig, str]]
):
    async with FormApp().run_test(size=(120, 40)) as pilot:
        await type_into(pilot, "data-path", "plays.txt")
        screen = await type_into(pilot, "field-batch_size", "zero")
        assert "must be a whole number" in text_of(screen, "#note-batch_size")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert started == []
        assert screen.query_one("#field-batch_size", Input).value == "zero"
        assert screen.focused is screen.query_one("#field-batch_size")


async def test_up_and_down_go_from_field_to_field_where_the_form_is_longer_than_the_screen(data: Path):
    async with FormApp().run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        screen.query_one("#field-max_steps").focus()
        for key, field in (("down", "num_train_epochs"), ("down", "batch_size"), ("up", "num_train_epochs")):
            await pilot.press(key)
            assert screen.focused is screen.query_one(f"#field-{field}")
        await pilot.press("pageup", "pageup")
        assert screen.query_one("#form").scroll_y == 0
        assert screen.focused is screen.query_one("#field-num_train_epochs")


async def test_starting_shows_the_field_that_is_wrong_also_where_it_is_out_of_sight(data: Path):
    async with FormApp().run_test(size=(80, 24)) as pilot:
        await type_into(pilot, "data-path", "plays.txt")
        screen = await type_into(pilot, "field-context_length", "many")
        field = screen.query_one("#field-context_length")
        field.focus()
        await pilot.press("pageup", "pageup")
        assert not screen.query_one("#form").region.contains_region(field.region)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert screen.query_one("#form").region.contains_region(field.region)


async def test_settings_that_contradict_each_other_are_named(data: Path):
    async with FormApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = await type_into(pilot, "field-embedding_size", "130")
        assert "Width 130 must be a multiple of Heads 4" in text_of(screen, "#note-embedding_size")


async def test_lines_that_cannot_be_used_are_counted_with_their_reasons(data: Path):
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "chats.jsonl")
        report = text_of(screen, "#data-report")
        assert "1 row ·" in report and "line 2: not valid JSON" in report


async def test_a_path_that_is_not_there_is_said_and_nothing_starts(
    data: Path, started: list[tuple[TrainingConfig, str]]
):
    async with FormApp().run_test(size=(80, 24)) as pilot:
        screen = await type_into(pilot, "data-path", "plais.txt")
        assert "no such file" in text_of(screen, "#data-report")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert started == []


async def test_an_empty_file_is_refused_and_the_form_stays(
    data: Path, started: list[tuple[TrainingConfig, str]]
):
    (data / "empty.txt").touch()
    async with FormApp().run_test(size=(80, 24)) as pilot:
        screen = await type_into(pilot, "data-path", "empty.txt")
        assert "nothing in it" in text_of(screen, "#data-report")
        assert "nothing in it" in text_of(screen, "#start-problem")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert started == []


async def test_running_text_is_refused_for_a_recipe_that_needs_conversations(
    data: Path, started: list[tuple[TrainingConfig, str]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(new_run, "look_at_base_model", lambda reference: BaseModel("a model"))
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "plays.txt")
        screen.query_one("#recipe", Select).value = "fine-tune-conversations"
        screen = await settle(pilot)
        assert screen.query_one("#row-base_model").display
        assert not screen.query_one("#row-num_layers").display
        assert "needs conversations" in text_of(screen, "#start-problem")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert started == []


async def test_the_recipe_suits_the_data_until_one_is_chosen_or_a_setting_is_changed(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(new_run, "look_at_base_model", lambda reference: BaseModel("a model"))
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "chats.jsonl")
        recipe = screen.query_one("#recipe", Select)
        assert recipe.value == "fine-tune-conversations"
        await type_into(pilot, "data-path", "plays.txt")
        assert recipe.value == "shakespeare-char-cpu"
        await type_into(pilot, "field-max_steps", "7")
        await type_into(pilot, "data-path", "chats.jsonl")
        assert recipe.value == "shakespeare-char-cpu"
        assert "a fine-tuning recipe" in text_of(screen, "#start-problem")
        recipe.value = "own-text"
        await settle(pilot)
        await type_into(pilot, "data-path", "plays.txt")
        assert recipe.value == "own-text"


async def test_a_model_to_start_from_that_is_not_there_is_said_beside_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        screen.query_one("#recipe", Select).value = "fine-tune-conversations"
        await settle(pilot)
        screen = await type_into(pilot, "field-base_model", "run:nowhere")
        assert screen.query_one("#note-base_model").has_class("-problem")
        screen = await type_into(pilot, "field-max_steps", "10")
        assert screen.query_one("#note-base_model").has_class("-problem")
        screen = await type_into(pilot, "field-base_model", "hf:someone/something")
        assert "Downloaded when the run starts" in text_of(screen, "#note-base_model")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        screen = await type_into(pilot, "field-base_model", "hf:someone/else")
        assert "HF_HUB_OFFLINE forbids" in text_of(screen, "#note-base_model")


async def test_when_the_launcher_refuses_the_reason_is_shown_and_the_form_stays(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(config: TrainingConfig, runs: Path, name: str) -> RunDirectory:
        raise UserError(
            "The disk is full [/]. Make room on it, or choose another folder for the runs and begin."
        )

    monkeypatch.setattr(launcher, "start_run", refuse)
    app = FormApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await type_into(pilot, "data-path", "plays.txt")
        await pilot.press("ctrl+s")
        screen = await settle(pilot)
        assert "The disk is full [/]." in text_of(screen, "#start-problem")
        assert screen.query_one("#start-problem").region.height == 3  # all of it, on a narrow terminal too
        assert screen.query_one("#data-path", Input).value == "plays.txt"
        assert app.results == []


def test_early_stopping_without_validation_is_refused_unless_a_folder_brings_it(tmp_path: Path):
    report = DataReport(format="plain_text", files=1, rows=9, characters=500, preview=("text",))
    config = TrainingConfig(dataset=str(tmp_path), patience=2, validation_share=0.0)
    assert "nothing validates" in run_form.data_problem(config, report)
    for name in ("train.txt", "val.txt"):
        (tmp_path / name).write_text("text\n")
    assert run_form.data_problem(config, report) == ""
    assert run_form.data_problem(config.with_changes("test", dataset="a.txt", patience=0), report) == ""


async def test_the_estimate_counts_parameters_exactly_and_calls_its_time_a_guess(data: Path):
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "plays.txt")
        vocabulary = len(set((data / "plays.txt").read_text()))
        expected = 804_096 + (vocabulary - 65) * 128
        assert f"{expected:,}" in text_of(screen, "#estimate")
        assert "a rough guess" in text_of(screen, "#estimate")


async def test_after_a_run_like_it_the_time_is_no_longer_a_guess(data: Path):
    FakeRun(runs_path(), "first").train_until(500)
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "plays.txt")
        assert "as fast as “first”" in text_of(screen, "#estimate")


async def test_the_name_of_a_run_that_is_there_gets_a_number(data: Path):
    FakeRun(runs_path(), RECIPE)
    async with FormApp().run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        assert screen.query_one("#field-name", Input).value == f"{RECIPE}-2"
        screen = await type_into(pilot, "field-name", RECIPE)
        assert "already" in text_of(screen, "#note-name")


async def test_escape_closes_the_form_without_a_run(started: list[tuple[TrainingConfig, str]]):
    app = FormApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert app.results == [None]
        assert started == []


async def test_the_tree_offers_data_files_and_shows_any_name_as_text(data: Path):
    evil = "evil [red][x]\x1b[31m.txt"
    (data / evil).write_text("x")
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        labels = [str(node.label) for node in screen.query_one(DataTree).root.children]
        assert labels == ["chats.jsonl", "evil [red][x]␛[31m.txt", "plays.txt"]
        screen.query_one(DataTree).focus()
        await pilot.press("down", "enter")
        screen = await settle(pilot)
        assert screen.query_one("#data-path", Input).value.endswith("chats.jsonl")


async def test_a_typed_path_is_completed(data: Path):
    (data / "books").mkdir()
    suggester = DataSuggester()
    assert await suggester.get_suggestion("pl") == "plays.txt"
    assert await suggester.get_suggestion(f"{data}/bo") == f"{data}/books/"
    assert await suggester.get_suggestion("photo") is None
    assert await suggester.get_suggestion("no/such/folder/x") is None


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_fills_a_form_that_is_right_at_once(name: str):
    recipe = run_form.load_recipe(name)
    config, problems = config_of(recipe.config, prefilled(recipe.config))
    assert problems == {}
    assert config == recipe.config
    assert recipe.description and "tui-chat train" not in recipe.description


@given(st.dictionaries(st.sampled_from(list(run_fields.FIELDS)), st.text(max_size=12)))
def test_whatever_is_typed_is_understood_or_refused_with_a_reason(texts: dict[str, str]):
    config, problems = config_of(read_recipe(RECIPE), texts)
    assert (config is None) == bool(problems)


def test_epochs_threads_and_the_loss_of_prompts_can_be_typed():
    recipe = read_recipe("fine-tune-conversations")
    assert "prompt_loss" in run_fields.shown_fields(recipe, "builtin")
    assert "prompt_loss" not in run_fields.shown_fields(read_recipe(RECIPE), "")
    assert "vocab_size" in run_fields.shown_fields(read_recipe("own-text"), "")
    assert "vocab_size" not in run_fields.shown_fields(read_recipe(RECIPE), "")
    config, problems = config_of(recipe, {"num_train_epochs": "0.5", "threads": "2", "prompt_loss": "0.1"})
    assert problems == {} and config is not None
    assert (config.num_train_epochs, config.threads, config.prompt_loss) == (0.5, 2, 0.1)
    _, problems = config_of(recipe, {"num_train_epochs": "many", "prompt_loss": "7"})
    assert "such as 3 or 0.5" in problems["num_train_epochs"] and "0 to 1" in problems["prompt_loss"]


def test_of_a_model_to_start_from_context_and_size_are_said_first():
    gpt2 = BaseModel("openai-community/gpt2", ModelShape(12, 768, 1024, 50257), 124_439_808)
    assert run_form.words_of_model(gpt2) == "context 1,024, 124M parameters: openai-community/gpt2"


def test_packing_is_said_as_yes_or_no_where_conversations_are_learnt():
    recipe = read_recipe("fine-tune-conversations")
    assert "packing" in run_fields.shown_fields(recipe, "builtin")
    assert "packing" not in run_fields.shown_fields(read_recipe(RECIPE), "")
    assert prefilled(recipe)["packing"] == "yes"
    for text, expected in {"no": False, "False": False, "yes": True, "ON": True}.items():
        config, problems = config_of(recipe, {"packing": text})
        assert problems == {} and config is not None and config.packing is expected
    assert config_of(recipe, {"packing": "maybe"}) == (None, {"packing": "must be yes or no."})


def test_a_context_that_cuts_off_most_rows_is_told_with_one_that_does_not():
    config = read_recipe("fine-tune-conversations")
    builtin = BaseModel("Chip", ModelShape(6, 256, 512, 4096), 5_918_720)
    long, short = (DataReport(format="persona", files=1, rows=700, characters=n) for n in (900_000, 90_000))
    assert run_form.data_hint(config, long, builtin) == "A context of 512 cuts off fewer rows."
    roomy = config.with_changes("test", context_length=512)
    assert run_form.data_hint(roomy, long, builtin) == ""
    assert run_form.data_hint(config, short, builtin) == "" and run_form.data_hint(config, long) == ""


async def test_the_buttons_name_the_keys_that_are_bound_now(data: Path):
    app = FormApp()
    app.remapped_keys = {"new_run.start": "f9"}  # type: ignore[attr-defined]
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        assert str(screen.query_one("#start", Button).label) == "Start (F9)"
        assert str(screen.query_one("#back", Button).label) == "Back (Esc)"


def test_the_lowest_learning_rate_keeps_its_distance_from_the_highest():
    recipe = read_recipe(RECIPE)
    config, _ = config_of(recipe, {"learning_rate": "1e-5"})
    assert config is not None
    assert config.min_learning_rate == pytest.approx(1e-6)


def test_smaller_passes_follow_the_batch_size():
    recipe = read_recipe(RECIPE).with_changes("test", batch_size=16, micro_batch_size=4)
    config, problems = config_of(recipe, {"batch_size": "6"})
    assert problems == {}
    assert config is not None and config.micro_batch_size == 2


def test_thousands_may_be_written_with_commas():
    config, _ = config_of(read_recipe(RECIPE), {"max_steps": "10,000"})
    assert config is not None and config.max_steps == 10_000


def test_a_number_that_is_too_long_to_be_read_is_refused():
    config, problems = config_of(read_recipe(RECIPE), {"max_steps": "9" * 5000})
    assert (config, problems) == (None, {"max_steps": "must be a whole number of fewer digits."})


def test_names_are_refused_with_what_can_be_used_instead():
    assert "Use up to 64 letters" in name_problem("../evil", [])
    assert name_problem("taken", ["taken"]) == "There is a run of this name already."
    assert name_problem("new", ["taken"]) == ""
    assert free_name("a", ["a", "a-2"]) == "a-3"


def test_the_description_of_a_recipe_is_the_comment_it_begins_with():
    assert (
        leading_comment("# Learns to write.\n#  Any text.\n\n# later\nx = 1") == "Learns to write. Any text."
    )


@pytest.mark.parametrize("path", ["~nobody-of-this-name", "~nobody-of-this-name/plays.txt", "long" * 2000])
async def test_a_path_that_cannot_be_looked_at_is_refused_beside_its_field(data: Path, path: str):
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", path)
        report = text_of(screen, "#data-report")
        assert "no such file" in report or "cannot be read" in report
        await pilot.press("enter")
        assert pilot.app.is_running


async def test_ctrl_s_waits_for_the_letters_typed_before_it(
    data: Path, started: list[tuple[TrainingConfig, str]]
):
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "plays.txt")
        steps = screen.query_one("#field-max_steps", Input)
        steps.focus()
        steps.select_all()
        await pilot.pause()
        for key in [*"123", "ctrl+s"]:  # all at once, as a fast typist's keys arrive on a slow line
            pilot.app._driver.process_message(events.Key(key, key if len(key) == 1 else None))  # type: ignore[union-attr]
        await pilot.pause()
        await wait_for_checks(pilot)
        assert [config.max_steps for config, _ in started] == [123]


async def test_the_memory_is_told_part_by_part_against_what_is_free(data: Path):
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "plays.txt")
        shown = text_of(screen, "#estimate")
        assert "free" in shown
        for part in ("weights", "gradients", "optimizer", "activations"):
            assert part in shown


async def test_a_key_measures_ten_steps_while_the_form_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[probing.ProbeRequest] = []
    may_answer = threading.Event()

    def measure(requests: list[probing.ProbeRequest], seconds: float, is_cancelled: object):
        asked.extend(requests)
        assert may_answer.wait(10)
        return [probing.ProbeResult(tokens_per_second=12_345.0)]

    monkeypatch.setattr(probing, "measure", measure)
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "plays.txt")
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert "Measuring" in text_of(screen, "#estimate")
        screen.query_one("#field-name", Input).value = "typed-meanwhile"
        may_answer.set()
        screen = await settle(pilot)
        assert "12.3k tokens/s" in text_of(screen, "#estimate")
        assert "measured here" in text_of(screen, "#estimate")
        assert asked[0].vocab_size == len(set((data / "plays.txt").read_text()))
        screen = await type_into(pilot, "field-batch_size", "24")
        assert "measured here" not in text_of(screen, "#estimate")


async def test_a_measurement_that_fails_says_why_and_the_form_stays(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*arguments: object):
        raise UserError("There is no memory [/].")

    monkeypatch.setattr(probing, "measure", fail)
    async with FormApp().run_test(size=(80, 24)) as pilot:
        await type_into(pilot, "data-path", "plays.txt")
        await pilot.press("ctrl+t")
        screen = await settle(pilot)
        assert "There is no memory [/]." in text_of(screen, "#estimate")


async def test_a_run_that_does_not_fit_starts_only_when_told_twice(
    data: Path, started: list[tuple[TrainingConfig, str]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(preflight_panel, "machine_now", lambda *arguments: Machine(free_bytes=10_000_000))
    async with FormApp().run_test(size=(120, 40)) as pilot:
        screen = await type_into(pilot, "data-path", "plays.txt")
        await pilot.press("ctrl+s")
        await wait_for_checks(pilot)
        assert started == []
        assert "are free" in text_of(screen, "#start-problem")
        await pilot.press("ctrl+s")
        await wait_for_checks(pilot)
        assert len(started) == 1


async def test_data_sets_of_chatting_are_offered_by_name_while_they_have_rows(
    data: Path, started: list[tuple[TrainingConfig, str]]
) -> None:
    app = FormApp()
    async with app.run_test(size=(140, 50)) as pilot:
        await pilot.pause()
        assert not app.screen.query_one(OwnData).display
    datasets_path().mkdir(parents=True)
    (datasets_path() / "my-corrections.jsonl").write_text(
        (data / "chats.jsonl").read_text().splitlines()[0] + "\n"
    )
    app = FormApp()
    async with app.run_test(size=(140, 50)) as pilot:
        await pilot.pause()
        own = app.screen.query_one(OwnData)
        assert own.display and own.option_count == 1
        assert str(own.get_option_at_index(0).prompt) == "my-corrections  1 row"
        own.focus()
        await pilot.press("down", "enter")
        form = app.screen
        assert form.query_one("#data-path", Input).value == "my-corrections"
        await until(pilot, lambda: form.query_one("#recipe", Select).value == "fine-tune-conversations")
        assert run_form.dataset_of("my-corrections") == str(datasets_path() / "my-corrections.jsonl")


async def test_the_beginning_of_a_name_is_completed_where_no_file_begins_so(data: Path) -> None:
    suggest = DataSuggester().get_suggestion
    assert await suggest("my-c") is None  # it has no rows
    datasets_path().mkdir(parents=True)
    (datasets_path() / "my-corrections.jsonl").write_text("{}\n")
    assert await suggest("my-c") == "my-corrections"
    (data / "my-cats.txt").write_text("Meow.")
    assert await suggest("my-c") == "my-cats.txt"
