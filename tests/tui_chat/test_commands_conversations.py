"""`tui-chat conversations`: what is listed, exported, imported and changed, and what it says about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.paths import conversations_path
from tui_chat import cli
from tui_chat.conversation_shelf import Shelf
from tui_chat.conversations import Conversations, StoredMessage

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`tui-chat conversations ...` as (exit code, stdout, stderr), in a home and a folder of its own."""
    monkeypatch.setenv("TUI_CHAT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["conversations", *arguments])
        return int(end.value.code or 0), *capsys.readouterr()

    return run


def opened() -> Conversations:
    return Conversations.open(conversations_path())


@pytest.fixture
def two(run: Run) -> tuple[int, int]:
    """Tea, tagged work, and Cats; both with a reply."""
    conversations = opened()
    ids = []
    for title, asked, said in (("Tea", "Which?", "Camellia \x1b[31mred"), ("Cats", "Who sleeps?", "Miso")):
        talk = conversations.create(title, "builtin", '{"system_prompt":"Be kind."}')
        conversations.add(StoredMessage(0, talk.id, "user", asked))
        conversations.add(StoredMessage(0, talk.id, "assistant", said))
        ids.append(talk.id)
    Shelf(conversations.file).tag(ids[0], ["work"])
    conversations.close()
    return ids[0], ids[1]


def titles(out: str) -> list[str]:
    return [json.loads(line)["title"] for line in out.splitlines()]


def test_the_list_and_the_search_show_titles_tags_and_what_was_found(run: Run, two: tuple[int, int]) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert ["Cats" in line for line in out.splitlines()] == [True, False]
    assert "#work" in out.splitlines()[1]
    _, out, _ = run("search", "camell #work")
    assert "Camellia ␛[31mred" in out
    assert titles(run("search", "miso", "--json")[1]) == ["Cats"]
    assert run("search", "nothing")[1:] == ("", "Nothing found.\n")
    _, out, err = run("list", "--limit", "1")
    assert "1 more" in err
    assert len(out.splitlines()) == 1


def test_pins_tags_titles_and_deleting_are_told_and_done(run: Run, two: tuple[int, int]) -> None:
    tea, cats = map(str, two)
    assert run("pin", tea)[1] == f"Pinned: {tea}\n"
    assert titles(run("list", "--json")[1]) == ["Tea", "Cats"]
    assert run("tag", cats, "Sleepy", "pets")[1] == f"Tagged #pets #sleepy: {cats}\n"
    assert titles(run("search", "#sleepy", "--json")[1]) == ["Cats"]
    run("rename", cats, "Miso and friends")
    run("unpin", tea)
    assert titles(run("list", "--json")[1]) == ["Miso and friends", "Tea"]
    assert run("delete", cats, tea)[0] == 0
    assert run()[1] == ""
    assert run("restore", cats, "99")[1] == f"Brought back 1 of: {cats}, 99\n"
    assert titles(run("list", "--json")[1]) == ["Miso and friends"]


def test_an_export_goes_to_stdout_or_to_a_file_whose_name_says_the_format(
    run: Run, two: tuple[int, int]
) -> None:
    _, out, _ = run("export", str(two[1]))
    assert out.startswith("# Cats\n")
    code, out, _ = run("export", "--all", "-o", "rows.jsonl")
    assert (code, out) == (0, f"Exported 2 conversations to {Path('rows.jsonl').absolute()}.\n")
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    assert rows[0]["messages"][0] == {"role": "system", "content": "Be kind."}
    facts = json.loads(run("export", "--tag", "work", "-o", "x.txt", "--format", "sharegpt", "--json")[1])
    assert (facts["format"], facts["conversations"], facts["left_out"]) == ("sharegpt", 1, 0)
    assert json.loads(Path("x.txt").read_text())["conversations"][1] == {"from": "human", "value": "Which?"}


def test_an_export_replaces_no_file_without_force(run: Run, two: tuple[int, int]) -> None:
    Path("mine.md").write_text("my novel")
    code, _, err = run("export", "--all", "-o", "mine.md")
    assert (code, "is there already" in err, "replace it with --force." in err) == (1, True, True)
    assert Path("mine.md").read_text() == "my novel"
    assert run("export", "--all", "-o", "mine.md", "--force")[0] == 0
    assert Path("mine.md").read_text().startswith("# Cats")


def test_all_of_it_moves_to_another_home_and_a_second_import_says_that_it_is_there(
    run: Run, two: tuple[int, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("pin", str(two[0]))
    run("export", "--all", "-o", "all.json")
    monkeypatch.setenv("TUI_CHAT_HOME", str(tmp_path / "elsewhere"))
    assert run("import", "all.json")[1] == "Imported 2 conversations.\n"
    assert titles(run("list", "--json")[1]) == ["Tea", "Cats"]
    _, out, _ = run("import", "all.json")
    assert out == "Imported 0 conversations. 2 were here already, and not imported again.\n"
    run("export", "--all", "-o", "again.json")
    assert Path("again.json").read_bytes() == Path("all.json").read_bytes()


def test_an_import_takes_all_files_or_none(run: Run, two: tuple[int, int]) -> None:
    Path("good.md").write_text("# Hi\n\n## User\n\nHello\n")
    Path("bad.jsonl").write_text('{"messages": [{"role": "robot", "content": "Hi"}]}\n')
    code, out, err = run("import", "good.md", "bad.jsonl")
    assert (code, out) == (1, "")
    assert "bad.jsonl, line 1: turn 1 has the unknown speaker 'robot'" in err
    assert len(titles(run("list", "--json")[1])) == 2
    facts = json.loads(run("import", "good.md", "--tag", "new", "--json")[1])
    assert (facts["imported"], facts["already_here"]) == (1, 0)
    assert titles(run("search", "#new", "--json")[1]) == ["Hi"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export"], "Which conversations?"),
        (["export", "77"], "There is no conversation 77"),
        (["export", "--tag", "nope"], "Nothing has that tag. There are: #work."),
        (["pin", "77"], "There is no conversation 77"),
        (["import", "nowhere.json"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    run: Run, two: tuple[int, int], arguments: list[str], sentence: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert sentence in err


def test_with_no_conversation_at_all_there_is_nothing_to_export(run: Run) -> None:
    assert "There are none." in run("export", "--all")[2]


@pytest.mark.parametrize("number", ["99999999999999999999", "-99999999999999999999"])
def test_a_number_that_no_conversation_can_have_is_told(run: Run, two: tuple[int, int], number: str) -> None:
    if number.startswith("9"):
        assert "There is no conversation" in run("export", number)[2]
        assert "There is no conversation" in run("pin", number)[2]
    assert "Brought back 0 of" in run("restore", "--", number)[1]
