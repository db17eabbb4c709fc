"""Conversations as files: what is written can be read back, trains, and what is bad is refused whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.errors import UserError
from trainers import datasets
from tui_chat.conversation_exchange import (
    FORMAT,
    ConversationRecord,
    MessageRecord,
    TokensRecord,
    branch,
    fingerprint,
    in_a_row,
)
from tui_chat.conversation_export import FORMATS, Exported, default_name, format_of, in_words, save
from tui_chat.conversation_import import read_file
from tui_chat.conversation_markdown import from_markdown, to_markdown
from tui_chat.conversation_transfer import Transfer
from tui_chat.conversations import Conversations

TEA = ConversationRecord(
    title="Tea in the morning",
    model="run:tea@best",
    settings={"model": "run:tea@best", "system_prompt": "You brew.", "generation": {"seed": 0}},
    created=1000.5,
    updated=2000.25,
    pinned=True,
    tags=("tea", "work"),
    leaf=2,
    messages=(
        MessageRecord(id=1, role="user", content="Which tea?", created=1000.5),
        MessageRecord(
            id=2,
            parent=1,
            role="assistant",
            content="Green.",
            model_name="tea",
            seed=0,
            tokens_per_second=42.5,
            settings={"temperature": 0.0},
            tokens=TokensRecord(ids=(3, 5), seconds=(0.5, 0.25)),
        ),
        MessageRecord(id=3, parent=1, role="assistant", content="Black.", status="stopped"),
    ),
)


def written(path: Path, format: str, *conversations: ConversationRecord) -> Path:
    file = path / f"talk{FORMATS[format].suffix}"
    return save(FORMATS[format].write(conversations), file)


def turns(conversation: ConversationRecord) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in branch(conversation)]


def test_json_gives_back_everything(tmp_path: Path) -> None:
    hello = in_a_row([("user", "Hello"), ("assistant", "Hi")], title="Hello")
    assert read_file(written(tmp_path, "json", TEA, hello)) == [TEA, hello]


def test_an_export_is_known_whatever_the_order_of_its_keys_and_talk_about_it_is_none(tmp_path: Path) -> None:
    file = written(tmp_path, "json", TEA)
    file.write_text(json.dumps(json.loads(file.read_text()), sort_keys=True, indent=1))
    assert read_file(file) == [TEA]
    about = in_a_row([("user", "x" * 300), ("assistant", f'It begins with "format": "{FORMAT}".')])
    (again,) = read_file(written(tmp_path, "openai", about))
    assert turns(again) == turns(about)


@pytest.mark.parametrize("format", ["markdown", "openai", "sharegpt"])
def test_the_other_formats_give_back_the_branch_on_show_and_what_the_model_was_told(
    tmp_path: Path, format: str
) -> None:
    (again,) = read_file(written(tmp_path, format, TEA))
    assert turns(again) == [("user", "Which tea?"), ("assistant", "Green.")]
    assert again.system_prompt == "You brew."


def test_markdown_is_to_be_read_and_keeps_title_model_tags_and_names() -> None:
    text = to_markdown([TEA])
    assert text == (
        "# Tea in the morning\n\nModel: run:tea@best  \nTags: #tea #work\n\n## System\n\nYou brew.\n\n"
        "## User\n\nWhich tea?\n\n## Assistant (tea)\n\nGreen.\n"
    )
    (again,) = from_markdown(text, "tea.md")
    assert (again.title, again.model, again.tags) == (TEA.title, TEA.model, TEA.tags)
    assert [message.model_name for message in again.messages] == ["", "tea"]


LINES = st.lists(
    st.sampled_from(
        [
            "",
            " ",
            "# Title",
            "## User",
            "\\## User",
            "## Assistant (x)",
            "<!-- next conversation -->",
            "\r",
            "é",
        ]
    )
    | st.text(max_size=8)
).map("\n".join)


@given(st.lists(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), LINES), min_size=1), min_size=1))
def test_markdown_gives_back_every_letter_whatever_was_said(said: list[list[tuple[str, str]]]) -> None:
    conversations = [in_a_row(turns) for turns in said]  # type: ignore[arg-type]
    assert [turns(one) for one in from_markdown(to_markdown(conversations), "x.md")] == said


def test_markdown_of_a_windows_editor_is_read() -> None:
    (read,) = from_markdown("# Hi\r\n\r\n## User\r\n\r\nHello\r\nthere\r\n\r\n## Assistant\r\nHi\r\n", "x.md")
    assert turns(read) == [("user", "Hello\nthere"), ("assistant", "Hi")]


@pytest.mark.parametrize(("format", "known_as"), [("openai", "messages"), ("sharegpt", "sharegpt")])
def test_what_is_to_train_on_is_read_by_the_data_sets_without_a_refused_line(
    tmp_path: Path, format: str, known_as: str
) -> None:
    stopped = in_a_row([("user", "One"), ("assistant", ""), ("user", "Two"), ("assistant", "2")])
    unanswered = in_a_row([("user", "Anybody?"), ("assistant", " ")])
    exported = FORMATS[format].write([TEA, stopped, unanswered])
    assert (exported.count, exported.left_out) == (2, 1)
    file = save(exported, tmp_path / "rows.jsonl")
    report = datasets.inspect(file)
    assert (report.format, report.rows, report.rejected_count) == (known_as, 2, 0)
    first, second = datasets.read_conversations(file)
    assert [(turn.role, turn.content) for turn in first] == [
        ("system", "You brew."),
        ("user", "Which tea?"),
        ("assistant", "Green."),
    ]
    assert [turn.content for turn in second] == ["One", "Two", "2"]


def test_fingerprints_tell_what_was_said_and_not_what_it_is_called() -> None:
    assert fingerprint(TEA) == fingerprint(replace(TEA, title="Other", tags=(), leaf=3))
    otherwise = replace(TEA.messages[2], parent=2)
    assert fingerprint(TEA) != fingerprint(replace(TEA, messages=(*TEA.messages[:2], otherwise)))


def exported_json(**changes: object) -> str:
    message = {"id": 1, "role": "user", "content": "Hi", **changes}
    return json.dumps({"format": FORMAT, "version": 1, "conversations": [{"messages": [message]}]})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file is empty"),
        ("Just a letter.\nDear diary", "line 1: there is no '## User'"),
        ("# T\n\n## Introduction\n", "line 3: nobody is known by this heading"),
        (
            "# T\n\n## User\n\nHi\n<!-- next conversation -->\n\n# Empty\n",
            "line 7: there is no '## User'",
        ),
        ('{"messages": [{"role": "user", "content": "Hi"}]}\n', "line 1: there is no assistant turn"),
        ('{"messages": [{"role": "assistant", "content": "a"}]}\n{"mess', "line 2: not valid JSON"),
        ('{"text": "Once upon a time"}', "line 1: this is a text without speakers"),
        ('{"surprise": 1}', "line 1: unknown fields"),
        (exported_json()[:-4], "line 1: this is not valid JSON"),
        (exported_json(role="robot"), "conversation 1, message 1: role must be one of"),
        (exported_json(colour="red"), "message 1: there is no setting 'colour'"),
        (exported_json(parent=7), "message 1: its parent 7 does not stand before it"),
        (exported_json(id=0), "message 1: id must be at least 1"),
        (exported_json(created=1e300), "message 1: created must be from 0 to"),
        (exported_json(val_loss=float("nan")), "this is not valid JSON \\(NaN is no number\\)"),
        (exported_json().replace('"version": 1', '"version": 2'), "written by a newer tui-chat"),
        (exported_json().replace('"version"', '"vision"'), "'version' or 'conversations' is missing"),
        (
            json.dumps({"format": FORMAT, "version": 1, "conversations": [{"messages": 3}]}),
            "conversation 1: messages must be a list",
        ),
    ],
)
def test_a_bad_file_is_refused_with_where_and_why(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "bad"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=sentence):
        read_file(file)


def test_two_messages_of_one_id_and_a_leaf_that_is_none_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    for talk, sentence in (
        (replace(TEA, messages=(TEA.messages[0], TEA.messages[0])), "another message with the id 1"),
        (replace(TEA, leaf=9), "leaf 9 is the id of no message"),
    ):
        save(FORMATS["json"].write([talk]), file, replace=True)
        with pytest.raises(UserError, match=sentence):
            read_file(file)


def test_what_is_no_text_and_what_is_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(b"# A\n\n\x89PNG\xff\n")
    with pytest.raises(UserError, match="line 3: this is not UTF-8 text"):
        read_file(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_file(tmp_path / "nothing.md")


def test_a_file_that_is_there_is_replaced_only_when_asked_for(tmp_path: Path) -> None:
    file = written(tmp_path, "markdown", TEA)
    before = file.read_bytes()
    with pytest.raises(UserError, match="is there already"):
        save(FORMATS["json"].write([TEA]), file)
    assert file.read_bytes() == before
    save(FORMATS["json"].write([TEA]), file, replace=True)
    assert file.read_bytes() != before
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_export_is_the_users_alone_also_where_modes_cannot_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")  # as on many a stick

    monkeypatch.setattr(Path, "chmod", refuse)
    file = save(FORMATS["json"].write([TEA]), tmp_path / "tea.json")
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        save(Exported("x", 1), tmp_path / "no" / "such" / "folder.md")
    for no_name in ("x" * 300, "a\0b"):
        with pytest.raises(UserError, match="cannot be written"):
            save(Exported("x", 1), tmp_path / no_name)
    with pytest.raises(UserError, match="this is a folder"):
        save(Exported("x", 1), tmp_path, replace=True)
    with pytest.raises(UserError, match="nothing to export"):
        save(Exported("", 0, 3), tmp_path / "x.jsonl")


def test_names_of_files_are_made_of_titles_and_are_free(tmp_path: Path) -> None:
    assert default_name("Tea: in / the 朝!", "json", tmp_path) == tmp_path / "tea-in-the-朝.json"
    assert default_name("../..", "openai", tmp_path) == tmp_path / "conversation.jsonl"
    (tmp_path / "tea.md").touch()
    assert default_name("Tea", "markdown", tmp_path) == tmp_path / "tea-2.md"


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.MD", "markdown"),
        ("a.json", "json"),
        ("a.jsonl", "openai"),
        ("a.sharegpt.jsonl", "sharegpt"),
        ("a", "markdown"),
    ],
)
def test_the_name_of_a_file_says_which_format_is_meant(name: str, format: str) -> None:
    assert format_of(Path(name)) == format


def test_what_was_left_out_is_said() -> None:
    assert in_words(Exported("", 1200, 1), Path("x")) == (
        "Exported 1,200 conversations to x. 1 without a reply was left out."
    )


def test_settings_with_what_nobody_can_write_are_taken_in_as_well_as_can_be(tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    file.write_text(exported_json(settings={"stop": ["\ud800"]}), encoding="utf-8")
    conversations = Conversations.in_memory()
    transfer = Transfer(conversations.file)
    assert len(transfer.take_in(read_file(file)).new) == 1
    (message,) = transfer.records([1])[0].messages
    assert message.settings == {"stop": ["?"]}


def test_a_file_that_is_far_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_chat.conversation_import._LARGEST", 10)
    (tmp_path / "x.md").write_text("# Eleven or more", encoding="utf-8")
    with pytest.raises(UserError, match="too large to be conversations"):
        read_file(tmp_path / "x.md")
