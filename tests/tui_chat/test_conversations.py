"""Conversations are kept, found and never lost."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from tui_chat import conversation_schema
from tui_chat.chat_session import ChatSession
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.reply_tokens import ReplyTokens


def open_file(path: Path) -> Conversations:
    return Conversations.open(path / "private" / "conversations.db")


def say(conversations: Conversations, conversation: int, text: str, role: str = "user") -> StoredMessage:
    return conversations.add(StoredMessage(0, conversation, role, text))  # type: ignore[arg-type]


def forget(conversations: Conversations, conversation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete a conversation, and let it be too late to bring it back."""
    conversations.delete(conversation)
    monkeypatch.setattr("tui_chat.conversations.KEEP_DELETED_SECONDS", -1)
    conversations.tidy()


def test_what_was_said_is_there_after_reopening(tmp_path: Path) -> None:
    conversations = open_file(tmp_path)
    talk = conversations.create("Hello", "builtin", '{"model": "builtin"}')
    question = say(conversations, talk.id, "How are you?")
    reply = StoredMessage(
        0, talk.id, "assistant", "Well", model="builtin", seed=7, step=500, tokens_per_second=12.5
    )
    reply = conversations.add(reply)
    conversations.close()
    again = open_file(tmp_path)
    assert again.messages(talk.id) == [question, reply]
    assert [(c.id, c.title, c.preview) for c in again.newest()] == [(talk.id, "Hello", "Well")]
    again.close()


def test_the_list_shows_the_latest_first_and_follows_new_messages() -> None:
    conversations = Conversations.in_memory()
    first, second = conversations.create("first", "builtin"), conversations.create("second", "builtin")
    assert [c.id for c in conversations.newest()] == [second.id, first.id]
    say(conversations, first.id, "more")
    assert [c.id for c in conversations.newest()] == [first.id, second.id]


def test_a_deleted_conversation_is_hidden_and_can_be_brought_back() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("secret plans", "builtin")
    say(conversations, talk.id, "volcano")
    conversations.delete(talk.id)
    assert (conversations.newest(), conversations.search("volcano"), conversations.prompts()) == ([], [], [])
    conversations.restore(talk.id)
    assert [c.id for c in conversations.search("volcano")] == [talk.id]


def test_search_finds_words_begun_anywhere_and_in_titles() -> None:
    conversations = Conversations.in_memory()
    talk, other = conversations.create("About tea", "builtin"), conversations.create("Other", "builtin")
    say(conversations, talk.id, "Camellia sinensis grows in Fujian")
    say(conversations, other.id, "nothing to see")
    assert [c.id for c in conversations.search("fuj camell")] == [talk.id]
    assert [c.id for c in conversations.search("TEA")] == [talk.id]
    assert conversations.search("camellia nothing") == []
    assert "Camellia" in conversations.search("sinen")[0].preview


def test_search_follows_changed_messages_and_conversations_that_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("", "builtin")
    message = say(conversations, talk.id, "old words", "assistant")
    conversations.save_ending(StoredMessage(message.id, talk.id, "assistant", "new words", status="stopped"))
    assert conversations.search("old") == []
    assert len(conversations.search("new")) == 1
    forget(conversations, talk.id, monkeypatch)
    assert conversations.file.read("SELECT rowid FROM messages_fts WHERE messages_fts MATCH 'new'") == []


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_search_never_refuses_a_query(query: str) -> None:
    conversations = Conversations.in_memory()
    conversations.search(query)
    conversations.close()


@pytest.mark.parametrize(
    "query", ['"', "a AND", "NEAR(", "col:x", "a*b*", "-", "(", "^a", "a OR OR", "\ud800", "\0"]
)
def test_search_takes_the_syntax_of_its_language_as_words(query: str) -> None:
    Conversations.in_memory().search(query)


def test_the_history_of_the_prompt_is_what_was_sent_each_text_once() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("", "builtin")
    for text in ("one", "two", "one"):
        say(conversations, talk.id, text)
    assert conversations.prompts() == ["two", "one"]


def test_lone_surrogates_are_stored_as_question_marks() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("\ud800", "builtin")
    say(conversations, talk.id, "a\ud800b")
    assert conversations.messages(talk.id)[0].content == "a?b"


def test_only_the_user_can_read_the_file(tmp_path: Path) -> None:
    open_file(tmp_path).close()
    file = tmp_path / "private" / "conversations.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "rubbish", [b"this is not a database, it is a text that is long enough to look like one" * 9]
)
def test_a_damaged_file_is_kept_aside_and_told(tmp_path: Path, rubbish: bytes) -> None:
    file = tmp_path / "conversations.db"
    file.write_bytes(rubbish)
    conversations = Conversations.open(file)
    assert "damaged" in conversations.notice
    assert [aside.read_bytes() for aside in tmp_path.glob("*.bad-*")] == [rubbish]
    conversations.create("works", "builtin")
    conversations.close()


def test_a_truncated_file_is_kept_aside(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    conversations = Conversations.open(file)
    talk = conversations.create("x", "builtin")
    say(conversations, talk.id, "word " * 5000)
    conversations.close()
    file.write_bytes(file.read_bytes()[:20000])
    again = Conversations.open(file)
    assert again.notice
    again.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    with sqlite3.connect(file) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    before = file.read_bytes()
    with pytest.raises(UserError, match="newer tui-chat"):
        Conversations.open(file)
    assert file.read_bytes() == before


def test_a_folder_in_place_of_the_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "conversations.db").mkdir()
    with pytest.raises(UserError, match="cannot be saved there"):
        Conversations.open(tmp_path / "conversations.db")


def test_a_locked_or_full_disk_is_told_in_a_sentence() -> None:
    conversations = Conversations.in_memory()
    conversations.file.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(UserError, match="could not be read or saved"):
        conversations.create("x", "builtin")


_TWO_AT_ONCE = """
import sys
from dataclasses import replace
from pathlib import Path
from tui_chat import conversation_schema
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.reply_tokens import ReplyTokens
conversations = Conversations.open(Path(sys.argv[1]))
talk = conversations.create(sys.argv[2], "builtin")
for number in range(20):
    conversations.add(StoredMessage(0, talk.id, "user", f"message {number}"))
    print(number, flush=True)
if sys.argv[2] == "killed":
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_apps_make_and_write_the_same_file_at_once_and_a_killed_one_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    command = [sys.executable, "-c", _TWO_AT_ONCE, str(file)]
    processes = [subprocess.Popen([*command, name], stdout=subprocess.PIPE) for name in ("killed", "second")]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [len(output.split()) for output in outputs] == [20, 20]
    conversations = Conversations.open(file)
    assert sorted(len(conversations.messages(talk.id)) for talk in conversations.newest()) == [20, 20]
    conversations.close()


def test_when_the_file_cannot_be_used_the_app_goes_on_in_memory_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "conversations.db").mkdir()
    conversations = Conversations.at(tmp_path / "conversations.db")
    talk = conversations.create("x", "builtin")
    assert conversations.get(talk.id)
    assert "will not be kept" in conversations.notice


def test_a_damaged_file_that_cannot_be_set_aside_is_left_alone_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    file = tmp_path / "conversations.db"
    file.write_bytes(b"rubbish" * 200)
    monkeypatch.setattr(Path, "rename", refuse)
    conversations = Conversations.at(file)
    assert conversations.newest() == []
    assert "cannot be set aside" in conversations.notice
    assert file.read_bytes() == b"rubbish" * 200
    conversations.close()


def test_the_tokens_of_a_reply_are_kept_and_go_with_its_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("x", "builtin")
    reply = conversations.add(StoredMessage(0, talk.id, "assistant", "Hi!"))
    assert conversations.tokens_of(reply.id) is None
    conversations.keep_tokens(reply.id, ReplyTokens((5, 7, 50256), (0.25, 0.125)))
    assert conversations.tokens_of(reply.id) == ReplyTokens((5, 7, 50256), (0.25, 0.125))
    forget(conversations, talk.id, monkeypatch)
    assert conversations.tokens_of(reply.id) is None


def file_of_version(file: Path, version: int) -> sqlite3.Connection:
    old = sqlite3.connect(file)
    for steps in conversation_schema.MIGRATIONS[:version]:
        for statement in steps:
            old.execute(statement)
    old.execute(f"PRAGMA user_version = {version}")
    return old


def test_a_file_of_before_tokens_were_kept_opens_with_all_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    file_of_version(file, 3).close()
    conversations = Conversations.open(file)
    talk = conversations.create("x", "builtin")
    reply = conversations.add(StoredMessage(0, talk.id, "assistant", "Hi!"))
    assert conversations.tokens_of(reply.id) is None
    assert (tmp_path / "conversations.db.version-3").exists()
    conversations.close()


def test_the_messages_of_before_there_were_branches_follow_each_other(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    with file_of_version(file, 4) as old:
        for conversation in (1, 2):
            old.execute(
                "INSERT INTO conversations VALUES (?, 't', 'builtin', '', 1, 2, NULL)", (conversation,)
            )
        for conversation in (1, 2, 1, 1, 2):
            old.execute(
                "INSERT INTO messages (conversation, role, content, model, model_name, settings, finish_reason,"
                " dropped_messages, error, status, created) VALUES (?, 'user', 'x', '', '', '', '', 0, '', '', 1)",
                (conversation,),
            )
    old.close()
    conversations = Conversations.open(file)
    assert [(m.id, m.parent) for m in conversations.messages(1)] == [(1, None), (3, 1), (4, 3)]
    assert [(m.id, m.parent) for m in conversations.tree(2).path] == [(2, None), (5, 2)]
    assert say(conversations, 2, "more").parent == 5
    conversations.close()


def test_another_try_is_a_sibling_and_the_branch_last_shown_is_there_after_reopening(tmp_path: Path) -> None:
    conversations = open_file(tmp_path)
    talk = conversations.create("x", "builtin")
    question, reply = say(conversations, talk.id, "question"), say(conversations, talk.id, "one", "assistant")
    say(conversations, talk.id, "and then?")
    other = conversations.add(StoredMessage(0, talk.id, "assistant", "two", parent=question.id))
    assert [m.content for m in conversations.tree(talk.id).path] == ["question", "two"]
    assert conversations.newest()[0].preview == "two"
    conversations.show_branch(talk.id, reply.id)
    conversations.close()
    again = open_file(tmp_path)
    assert [m.content for m in again.tree(talk.id).path] == ["question", "one", "and then?"]
    assert again.newest()[0].preview == "and then?"
    assert len(again.messages(talk.id)) == 4
    (found,) = again.search("two")
    assert found.found_in == other.id
    again.show_branch(talk.id, 999)  # of another conversation, or gone: nothing changes
    assert again.tree(talk.id).path[-1].content == "and then?"
    again.close()


def test_a_reply_keeps_its_place_in_the_tree_however_often_it_is_saved() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("x", "builtin")
    question = say(conversations, talk.id, "question")
    reply = say(conversations, talk.id, "", "assistant")
    conversations.save_ending(replace(reply, content="answer", parent=None))  # as kept by an older version
    assert [(m.content, m.parent) for m in conversations.messages(talk.id)] == [
        ("question", None),
        ("answer", question.id),
    ]


def test_a_copy_up_to_a_message_leaves_the_original_as_it_is() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("x", "builtin")
    words = ["one", "two", "three", "four"]
    said = [
        conversations.add(StoredMessage(0, talk.id, "assistant" if n % 2 else "user", word, seed=n))
        for n, word in enumerate(words)
    ]
    conversations.keep_tokens(said[1].id, ReplyTokens((1,), (0.5,)))
    copy = conversations.copy_branch(said[2].id, "Fork of x", "builtin", "{}")
    copied = conversations.messages(copy.id)
    assert [(m.role, m.content, m.seed) for m in copied] == [(m.role, m.content, m.seed) for m in said[:3]]
    assert conversations.tokens_of(copied[1].id) == ReplyTokens((1,), (0.5,))
    assert [m.content for m in conversations.messages(talk.id)] == words
    assert {found.title for found in conversations.search("two")} == {"x", "Fork of x"}


def test_a_save_that_another_reader_refuses_is_told_and_the_next_one_works(tmp_path: Path) -> None:
    conversations = open_file(tmp_path)
    assert conversations.file.path is not None
    conversations.file.connection.execute("PRAGMA journal_mode = DELETE")  # a write-ahead log bears readers
    talk = conversations.create("x", "builtin")
    reader = sqlite3.connect(conversations.file.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM messages").fetchall()
    with pytest.raises(UserError, match="locked"), conversations.file.writing(0.1) as execute:
        execute("UPDATE conversations SET title = 'y'")
    reader.execute("COMMIT")
    reader.close()
    conversations.rename(talk.id, "z")
    assert [one.title for one in conversations.newest()] == ["z"]
    conversations.close()


def test_an_older_file_opens_though_an_earlier_copy_of_it_was_broken_off(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    file_of_version(file, 4).close()
    for half in ("version-4", "version-4.partial", "version-4.partial-journal"):
        (tmp_path / f"conversations.db.{half}").write_bytes(b"half of it" * 999)
    conversations = Conversations.open(file)
    assert conversations.notice == ""
    conversations.close()
    copy = tmp_path / "conversations.db.version-4"
    assert copy.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(copy) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (4,)
    old.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "conversations.db",
        "conversations.db.version-4",
    ]


def test_a_place_without_room_for_the_copy_of_an_older_file_is_told_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "conversations.db"
    file_of_version(file, 4).close()
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UserError, match=r"cannot be opened \(.*No space left"):
        Conversations.open(file)
    with sqlite3.connect(file) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (4,)
    old.close()


def test_two_damaged_files_of_one_second_are_both_kept_with_what_belongs_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_chat.conversation_schema.time.strftime", lambda form: "now")
    file = tmp_path / "conversations.db"
    for _ in range(2):
        file.write_bytes(b"rubbish" * 200)
        (tmp_path / "conversations.db.unsaved").mkdir()
        Conversations.open(file).close()
    kept = sorted(path.name for path in tmp_path.iterdir() if ".bad-" in path.name)
    assert kept == [f"conversations.db.bad-now{more}" for more in ("", "-2", "-2.unsaved", ".unsaved")]


def test_a_conversation_is_read_with_its_ending_though_that_cannot_be_saved_yet(tmp_path: Path) -> None:
    conversations = open_file(tmp_path)
    talk = conversations.create("x", "builtin")
    reply = conversations.add(StoredMessage(0, talk.id, "assistant", "Once", status="streaming"))
    connection = conversations.file.connection
    connection.execute("PRAGMA query_only = ON")  # as a full disk would
    conversations.save_ending(replace(reply, content="Once upon a time", status="complete"))
    assert [said.content for said in conversations.messages(talk.id)] == ["Once upon a time"]
    connection.execute("PRAGMA query_only = OFF")
    assert [said.content for said in conversations.messages(talk.id)] == ["Once upon a time"]
    assert connection.execute("SELECT content FROM messages").fetchall() == [("Once upon a time",)]
    conversations.close()


def test_a_conversation_that_another_app_deleted_is_back_with_the_next_message() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("x", "builtin")
    conversations.delete(talk.id)
    say(conversations, talk.id, "still here")
    assert [one.id for one in conversations.newest()] == [talk.id]


def test_a_file_that_another_thread_holds_on_to_is_told_to_be_busy() -> None:
    file = Conversations.in_memory().file
    with (
        file.writing(),
        pytest.raises(UserError, match="busy: another call has not ended"),
        file.writing(0.01),
    ):
        raise AssertionError("two wrote at once")


def test_the_end_of_a_reply_that_nothing_takes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory, on_disk = Conversations.in_memory(), open_file(tmp_path)
    monkeypatch.setattr(
        "trainers.durable_files.rename", lambda old, new: old.rename(tmp_path / "no" / "where")
    )
    for conversations, sentence in (
        (in_memory, "The end of this reply could not be saved"),
        (on_disk, r"neither with the conversations nor in .* Copy it before you leave"),
    ):
        reply = say(conversations, conversations.create("x", "builtin").id, "Once", "assistant")
        conversations.file.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(UserError, match=sentence):
            conversations.save_ending(reply)
        conversations.close()


@pytest.mark.parametrize("greeting", ["", "Good morning"])
async def test_a_first_message_that_cannot_be_saved_leaves_no_empty_conversation(greeting: str) -> None:
    conversations = Conversations.in_memory()
    session = ChatSession(conversations, ChatSettings(greeting=greeting))
    connection = conversations.file.connection
    connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON messages WHEN new.role = 'user' BEGIN "
        "SELECT RAISE(FAIL, 'database or disk is full'); END"
    )
    with pytest.raises(UserError, match="disk is full"):
        await session.say("Hello")
    assert (conversations.newest(), session.conversation, session.messages) == ([], None, [])
    connection.execute("DROP TRIGGER full")
    await session.say("Hello")
    assert [said.content for said in session.messages] == [greeting, "Hello"][not greeting :]
    assert conversations.tree(conversations.newest()[0].id).path == session.messages
