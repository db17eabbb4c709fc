"""Curves as files: CSV without anything, pictures with matplotlib, and plain words without it."""

import builtins
import importlib.util
import json
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.paths import runs_path
from tests.tui_chat.fake_run import FakeRun
from trainers.run_directory import RunDirectory
from tui_chat import plots
from tui_chat.cli import main
from tui_chat.plots import csv_of, default_path, path_to_export, plot_in_child, write_plot
from tui_chat.screens.compare_runs import beside

HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


@pytest.fixture
def run() -> RunDirectory:
    fake = FakeRun(runs_path(), "shakespeare")
    fake.train_until(500)
    return fake.run


def test_csv_has_a_line_for_each_measured_step(run: RunDirectory):
    lines = csv_of({"shakespeare": run.metrics()[0]}, "loss").splitlines()
    assert lines[0] == "run,step,loss,val_loss,val_bits_per_byte"
    assert len(lines) == 1 + 51
    assert lines[2].startswith("shakespeare,10,") and lines[2].endswith(",,")  # no validation at step 10


def test_measures_of_another_kind_are_left_out(run: RunDirectory):
    lines = csv_of({"shakespeare": run.metrics()[0]}, "accuracy").splitlines()
    assert lines[0] == "run,step,val_accuracy"
    assert [line.split(",")[1] for line in lines[1:]] == ["0", "250", "500"]


def test_the_command_writes_the_file_and_says_where(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    FakeRun(runs_path(), "second").train_until(100)
    out = tmp_path / "curves.csv"
    with pytest.raises(SystemExit) as ended:
        main(["runs", "plot", "shakespeare", "second", "--out", str(out), "--json"])
    assert not ended.value.code
    said = json.loads(capsys.readouterr().out)
    assert said == {"path": str(out), "kind": "loss", "runs": ["shakespeare", "second"]}
    assert {line.split(",")[0] for line in out.read_text().splitlines()[1:]} == {"shakespeare", "second"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plot"], "Which runs?"),
        (["plot", "nobody"], "There is no run 'nobody'"),
        (["plot", "shakespeare", "--out", "curves.gif"], "has to end in .png, .pdf, .svg or .csv"),
        (["plot", "empty", "--out", "curves.csv"], "'empty' has no measurements of loss yet"),
        (["plot", "shakespeare", "--out", "nowhere/curves.csv"], "cannot be written"),
        (["show", "shakespeare", "empty"], "Which run?"),
    ],
)
def test_what_cannot_be_plotted_is_told(
    run: RunDirectory,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    FakeRun(runs_path(), "empty")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["runs", *arguments])
    assert ended.value.code == 1
    assert words in capsys.readouterr().err


def test_without_matplotlib_the_extra_is_named(run: RunDirectory, monkeypatch: pytest.MonkeyPatch):
    usual = builtins.__import__

    def without(name: str, *others: object) -> object:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return usual(name, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install 'tui-chat\[plots\]'"):
        write_plot([run], "loss", default_path(run, "loss"))
    assert not default_path(run, "loss").exists()


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="matplotlib is an extra")
@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
async def test_pictures_are_drawn_in_a_process_of_its_own(run: RunDirectory, suffix: str, magic: bytes):
    path = default_path(run, "loss").with_suffix(f".{suffix}")
    await plot_in_child([run.name], "loss", path)
    assert path.read_bytes().startswith(magic)


async def test_what_the_other_process_says_is_told(run: RunDirectory):
    with pytest.raises(UserError, match="There is no run 'nobody'"):
        await plot_in_child(["nobody"], "loss", run.path / "curves.csv")


def test_a_plot_is_named_by_its_kind(run: RunDirectory):
    assert default_path(run, "accuracy") == run.path / "accuracy-plot.png"
    assert default_path(run, "loss").name == "loss-plot.png"


def test_the_app_exports_numbers_where_no_picture_can_be_drawn(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    assert path_to_export(run, "loss") == run.path / "loss-plot.csv"
    monkeypatch.setattr(plots, "find_spec", lambda name: object())
    assert path_to_export(run, "loss") == run.path / "loss-plot.png"


def test_the_chosen_run_is_compared_with_the_marked_or_else_with_its_neighbour():
    assert beside("b", ["a", "b", "d"], ["a", "b", "c", "d"]) == ["b", "a", "d"]
    assert beside("b", [], ["a", "b", "c"]) == ["b", "c"]
    assert beside("c", ["c"], ["a", "b", "c"]) == ["c", "b"]
    assert beside("a", [], ["a"]) == ["a"]
