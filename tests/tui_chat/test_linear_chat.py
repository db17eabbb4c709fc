"""`tui-chat ask -i`: the chat in plain lines, through pipes and on a terminal."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.paths import conversations_path
from engine.wire import LoadedModel, Loading
from tests.tui_chat.fake_engine import FakeEngine, FakeEngines
from tests.tui_chat.test_cli import tui_chat
from tests.tui_chat.test_terminal import read_until
from tests.tui_chat.test_token_microscope import TokenFakeEngine
from trainers.own_datasets import MY_FAVOURITES, MY_PREFERENCES, dataset_path
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversations
from tui_chat.linear_chat import LinearChat
from tui_chat.linear_token_commands import _heard
from tui_chat.plain_lines import PlainLines, Words

pty = pytest.importorskip("pty", reason="terminals of POSIX")
fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
HOSTILE = "\x1b]52;c;aGk=\x1b\\ \x9b2J \u202e \x00 [@click=app.quit]x[/]"


class Script(PlainLines):
    """What is typed is known before; what is shown is kept."""

    def __init__(self, *typed: str) -> None:
        super().__init__()
        self.typed = iter(typed)
        self.shown: list[str] = []
        self.asked: list[tuple[str, str]] = []  # with what, and beginning from what

    def ask(self, prompt: str, draft: str = "") -> str:
        self.asked.append((prompt, draft))
        for text in self.typed:
            return text
        raise EOFError

    def say(self, text: str) -> None:
        self.shown.append(text)

    tell = say

    @contextmanager
    def reply(self, speaker: str) -> Iterator[Words]:
        out = io.StringIO()
        words = Words(out, "word")
        yield words
        words.end()
        self.shown.append(f"{speaker} {out.getvalue().rstrip()}")


def chat(
    *typed: str, engines: FakeEngines | None = None, opening: str = "", conversation: str = ""
) -> Script:
    """Everything that is shown when this is typed."""
    script = Script(*typed)
    conversations = Conversations.at(conversations_path())
    LinearChat(conversations, ChatSettings(), engines if engines is not None else FakeEngines(), script).run(
        opening, conversation
    )
    return script


def test_a_conversation_is_lines_with_who_says_them_and_is_kept() -> None:
    shown = chat("Hello").shown
    assert shown[:2] == ["The model is fake builtin.", "Model: Hello there."]
    kept = Conversations.open(conversations_path())
    (conversation,) = kept.newest()
    said = [(m.role, m.content, m.status) for m in kept.messages(conversation.id)]
    assert said == [("user", "Hello", "complete"), ("assistant", "Hello there.", "complete")]
    assert f"--conversation {conversation.id}" in shown[-1]


def test_the_last_conversation_goes_on_with_all_that_was_said() -> None:
    chat("Hello")
    engines = FakeEngines()
    shown = chat("And now?", engines=engines, conversation="last").shown
    assert shown[1:3] == ["You: Hello", "Model: Hello there."]
    assert [message.content for message in engines["builtin"].asked[0]] == [
        "Hello",
        "Hello there.",
        "And now?",
    ]


@pytest.mark.parametrize(
    ("which", "why"), [("last", "none yet"), ("7", "lists them"), ("x\x1b", "lists them")]
)
def test_a_conversation_that_is_not_there_is_an_error(which: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        chat(conversation=which)


def test_after_an_error_the_conversation_goes_on() -> None:
    engines = FakeEngines()
    engines("builtin", lambda _: None).script = ["Well", UserError("It broke.")]
    shown = chat("Hello", "/joke", engines=engines).shown
    assert shown[1:3] == ["Model: Well", "Error: It broke."]
    assert shown[3].startswith("Model: ")


class Counting(FakeEngine):
    """A server that is waited for, told second by second."""

    async def load(self) -> LoadedModel:
        assert self.on_progress is not None
        for stage in (
            "no connection, trying again in 3 s",
            "no connection, trying again in 2 s",
            "asking again",
        ):
            self.on_progress(Loading(stage=stage))
        return await super().load()


def test_a_wait_is_told_once_and_not_every_second() -> None:
    engines = FakeEngines()
    engines["builtin"] = Counting("builtin")
    shown = chat("Hello", engines=engines).shown
    assert [line for line in shown if "again" in line][:2] == [
        "builtin: no connection, trying again in 3 s.",
        "builtin: asking again.",
    ]
    assert not any("2 s" in line for line in shown)


def test_settings_model_and_conversation_are_changed_by_commands() -> None:
    engines = FakeEngines()
    typed = [
        "/temperature 0.1",
        "/seed 7",
        "/system Be brief",
        "/model other",
        "Hi",
        "/new",
        "/system none",
        "Ho",
    ]
    shown = chat(*typed, engines=engines).shown
    assert "temperature is 0.1" in " ".join(shown)
    other = engines["other"]
    assert (other.settings[0].temperature, other.settings[0].seed) == (0.1, 7)
    assert [m.content for m in other.asked[0]] == ["Be brief", "Hi"]
    assert [m.content for m in other.asked[1]] == ["Ho"]
    assert engines["builtin"].closed


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("/modle x", "Did you mean /model?"),
        ("/qqqq", "/help lists them"),
        ("/top-k x", "Error: /top-k must be a whole number"),
        ("/temperature 9", "/temperature must be a number from 0 to 5"),
        ("/max-tokens 0", "/max-tokens must be a whole number from 1 to 65,536"),
        ("/retry", "no message to reply to"),
        ("/open", "Something is missing: /open NUMBER"),
        ("/open 99", "There is no conversation"),
        ("/rename", "Something is missing: /rename TITLE"),
        ("/rename Tea", "This chat is still empty"),
        ("/edit", "You have not said anything yet"),
        ("/edit 3", "This chat is still empty"),
        ("/branch", "This chat is still empty"),
        ("/version", "Nothing here has versions yet"),
        ("/version 2", "Nothing here has versions yet"),
        ("/version x", "names no version"),
        ("/good", "no reply of a model yet"),
        ("/tokens", "no reply of a model yet"),
        ("/template rewrite", "needs a terminal"),
        ("/template rewirte", "There is no prompt template"),
        ("/vote great", "better, worse, tie or none"),
        ("/detach", "No file is attached"),
        ("/attach /nowhere", "There is no file"),
        ("/persona nobudy", "There is no persona"),
        ("/help edti", "Did you mean /edit?"),
    ],
)
def test_a_command_that_cannot_be_done_is_a_sentence_and_is_not_sent(typed: str, sentence: str) -> None:
    engines = FakeEngines()
    assert any(sentence in line for line in chat(typed, engines=engines).shown)
    assert not engines["builtin"].asked


def test_another_reply_stands_beside_the_first() -> None:
    engines = FakeEngines()
    shown = chat("Hello", "/again", engines=engines).shown
    assert shown[1:3] == ["Model: Hello there.", "Model: Hello there."]
    assert engines["builtin"].asked[0] == engines["builtin"].asked[1]
    told = [line for line in chat("a haiku, please", "/retry").shown if line.startswith("Model: ")]
    assert len(set(told)) == 2  # of a poem, another one


def test_a_sent_message_is_sent_otherwise_and_both_wordings_are_a_command_away() -> None:
    script = chat("Hello", "/edit", "Good day", "/version", "/version previous", "/version 2", "/edit 1", "")
    assert script.asked[2] == ("You, message 1: ", "Hello")
    shown = script.shown
    assert shown[2] == (
        "Message 1, to be sent otherwise. It is: Hello Type it anew; an empty line leaves it as it is."
    )
    assert shown[4:7] == [
        "Your message 1 has 2 versions.",
        "Version 1: Hello",
        "Version 2, on show: Good day",
    ]
    assert shown[7:9] == [
        "Message 1, version 1 of 2. 1 message after it: /messages lists them.",
        "You: Hello",
    ]
    assert shown[10] == "You: Good day"
    assert shown[12] == "Message 1 stays as it is."
    kept = Conversations.open(conversations_path())
    assert [m.content for m in kept.messages(1) if m.role == "user"] == ["Hello", "Good day"]


def test_an_edit_with_the_new_words_is_sent_at_once() -> None:
    engines = FakeEngines()
    shown = chat("Hello", "/edit Tell me about birds", "/edit 99", engines=engines).shown
    assert shown[2] == "Message 1, sent otherwise. /version previous shows the other one."
    assert [message.content for message in engines["builtin"].asked[1]] == ["Tell me about birds"]
    assert "There is no message 99." in shown[4]


def test_an_edit_that_another_command_interrupts_is_left_and_says_so() -> None:
    shown = chat("Hello", "/edit", "/seed 3", "Bye").shown
    assert shown[3:5] == ["seed is 3.", "Message 1 stays as it is."]
    kept = Conversations.open(conversations_path())
    assert [m.content for m in kept.tree(1).path][::2] == ["Hello", "Bye"]


def test_messages_go_by_numbers_in_commands_for_versions_branches_and_hearing_again() -> None:
    typed = [
        "One",
        "/retry",
        "Two",
        "/messages",
        "/messages 2",
        "/version 1 of message 2",
        "/branch 1",
        "/messages",
    ]
    shown = chat(*typed).shown
    at = shown.index("1, You: One")
    assert shown[at + 1 : at + 5] == [
        "2, Model, version 2 of 2: Hello there.",
        "3, You: Two",
        "4, Model: Hello there.",
        "Model: Hello there.",
    ]
    assert shown[at + 5] == "Message 2, version 1 of 2."
    assert "conversation 2, that begins like the other one up to message 1" in shown[at + 7]
    assert shown[at + 8] == "1, You: One"


def test_what_is_said_of_replies_is_told_and_kept_for_training() -> None:
    engines = FakeEngines()
    typed = ["Hi", "/vote better", "/good", "/correct Hello, you.", "More", "/correct none", "/bad", "/bad"]
    shown = chat(*typed, engines=engines).shown
    assert "Error: There is no other reply to this question. /retry asks again." in shown
    assert [m.content for m in engines["builtin"].asked[-1]] == ["Hi", "Hello, you.", "More"]
    assert shown[-4:-1] == ["It is as it was said.", "Thumb down for the last reply.", "No thumb any more."]
    assert len(dataset_path(MY_FAVOURITES).read_text().splitlines()) == 1


def test_of_two_tries_one_is_better_or_worse_until_that_is_taken_back() -> None:
    engines = FakeEngines()
    typed = ["Hi", "/retry", "/vote better", "/retry", "/vote tie", "/vote worse"]

    class Varied(FakeEngine):
        async def load(self) -> LoadedModel:
            self.script = [f"Reply {len(self.asked)}."]
            return await super().load()

    engines["builtin"] = Varied()
    shown = chat(*typed, "/open", "/open 1", "/vote none", engines=engines).shown
    assert "The last reply is better than the others." in shown
    assert "The replies are as good as each other." in shown
    assert "Error: There are 2 other replies. Say it of the best one: it is better." in shown
    assert "There is no vote on these replies any more." in shown
    talk = ["Bye", "/retry", "/vote worse"]
    assert "The other reply is better than the last one." in chat(*talk, engines=engines).shown
    (row,) = dataset_path(MY_PREFERENCES).read_text().splitlines()
    assert json.loads(row)["rejected"][0]["content"] == "Reply 5."


def test_a_file_goes_out_with_the_next_message_and_stays_with_another_wording(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("tea")
    engines = FakeEngines()
    attach = f"/attach {tmp_path / 'notes.txt'}"
    script = chat(attach, "/detach", attach, "What?", "/edit", "Why?", "Bye", engines=engines)
    assert script.shown[1].startswith("Attached: notes.txt 3 bytes.")
    assert script.shown[2] == "No longer attached: notes.txt."
    assert script.asked[5] == ("You, message 1: ", "What?")
    sent = [asked[-1].content for asked in engines["builtin"].asked]
    assert sent == [
        "File `notes.txt`:\n\n```txt\ntea\n```\n\nWhat?",
        "File `notes.txt`:\n\n```txt\ntea\n```\n\nWhy?",
        "Bye",
    ]


def test_a_conversation_is_tagged_pinned_named_exported_deleted_and_brought_back(tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    typed = ["Hello", "/tag tea, #Work", "/untag tea", "/untag tea", "/pin", "/title Rhymes", "/find", "/tag"]
    shown = chat(*typed, f"/export {file}", "/delete", "/messages", "/undo", f"/import {file}").shown
    assert shown[2:6] == [
        "Tags of “Hello”: tea, work.",
        "Tags of “Hello”: work.",
        "Error: There is no tag tea here. Tags of “Hello”: work.",
        "“Hello” is pinned: it stands first.",
    ]
    assert shown[7:9] == [
        "1: Rhymes, pinned, tags: work.",
        "Tags of this conversation: work. In use, with how often: work 1.",
    ]
    assert shown[9].startswith("Exported 1 conversation to ") and "Hello there." in file.read_text()
    assert shown[10].startswith("Deleted “Rhymes”.") and shown[11] == "This chat is still empty."
    assert shown[12] == "“Rhymes” is back. To go on with it: /open 1"
    assert shown[13].startswith("Imported 0 conversations. 1 was here already")


def test_a_file_that_is_there_is_replaced_as_the_refusal_says(tmp_path: Path) -> None:
    file = tmp_path / "my talk.md"
    file.write_text("old")
    refusal = chat("Hello", f"/export {file}").shown[2]
    assert refusal.endswith(f"or replace it with: /export --force {file}") and file.read_text() == "old"
    shown = chat(refusal.partition("with: ")[2], conversation="last").shown
    assert shown[4].startswith("Exported 1 conversation to ") and "Hello there." in file.read_text()


def test_a_search_shows_the_line_in_which_it_found_something() -> None:
    assert chat("A cup\nof tea, please", "/title Evening", "/find tea", "/find").shown[3:6] == [
        "1: Evening.",
        "    A cup of tea, please",
        "1: Evening.",
    ]


def test_a_persona_is_chosen_says_hello_and_is_left_again() -> None:
    engines = FakeEngines()
    typed = ["/persona", "/persona small talker", "Hi", "/persona none", "/new", "Ho"]
    shown = chat(*typed, engines=engines).shown
    assert shown[1] == "The model is nobody in particular." and any(
        line.startswith("Rubber duck: ") for line in shown
    )
    assert "The model is Small talker." in shown
    assert any(
        line.startswith("Small talker: ") for line in shown[shown.index("The model is Small talker.") :]
    )
    assert [m.role for m in engines["builtin"].asked[1]] == ["user"]


def test_a_reply_is_told_token_by_token_in_words() -> None:
    engines = FakeEngines()
    engines["builtin"] = TokenFakeEngine()
    shown = chat("hi", "/tokens", "/tokens 1", "/template", engines=engines).shown
    at = shown.index("1, The: 60.0 %, rank 1. Instead: lake 30.0 %, ␛]52;c;eA==␇ 1.00 %.")
    assert shown[at + 1].startswith("2, sea: 4.00 %, rank 2. Instead: lake 30.0 %")
    assert shown[at + 3].startswith("4, line break: ")
    assert shown[at + 7].startswith("7 tokens, ")
    assert any(line.startswith("Error: Only replies of a model") for line in shown)
    assert any(line.startswith("rewrite: ") for line in shown)


def test_an_engine_that_was_only_looked_with_ends_also_where_the_look_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engines = FakeEngines()
    engines["builtin"] = looked_with = TokenFakeEngine()
    looked_with.inspect_error = UserError("There is no room.")
    closed: list[int] = []  # before each line

    def asked(script: Script, prompt: str, draft: str = "") -> str:
        closed.append(looked_with.closed)
        return ask(script, prompt, draft)

    ask = Script.ask
    monkeypatch.setattr(Script, "ask", asked)
    shown = chat("hi", "/model run:poet", "/tokens", "/messages", engines=engines).shown
    assert "Error: There is no room." in shown
    assert closed[-2:] == [closed[2] + 1] * 2


@pytest.mark.parametrize(
    ("token", "heard"),
    [
        (" sea", "sea"),
        ("!", "exclamation mark"),
        (" .", "full stop"),
        ("  ", "space"),
        ("", "nothing"),
        ("é", "é"),
    ],
)
def test_a_token_is_told_so_that_it_is_heard(token: str, heard: str) -> None:
    assert _heard(token) == heard


def test_one_command_is_explained_alone() -> None:
    assert chat("/help /poor").shown[1:] == [
        "/poor: Thumb down for the last reply; again: no longer. Also: /bad.",
    ]


def test_a_draft_of_several_lines_is_gone_through_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def line(self: PlainLines, prompt: str, draft: str) -> str:
        begun.append(draft)
        return draft.replace("tea", "rain")

    monkeypatch.setattr(PlainLines, "_line", line)
    assert PlainLines().ask("You: ", "A poem\nabout tea\nplease").endswith("A poem\nabout rain\nplease")
    assert begun == ["A poem\\", "about tea\\", "please"]


def test_the_help_lists_each_command_once_and_quit_leaves() -> None:
    shown = chat("/help", "/quit", "/joke").shown
    assert len([line for line in shown if line.startswith("/temperature [NUMBER]: ")]) == 1
    assert not [line for line in shown if line.startswith("Model: ")]


def test_two_slashes_send_a_text_that_begins_with_one() -> None:
    engines = FakeEngines()
    chat("//etc/hosts", engines=engines)
    assert engines["builtin"].asked[0][-1].content == "/etc/hosts"


def test_a_joke_waits_for_its_question_and_a_poem_for_its_topic() -> None:
    engines = FakeEngines()
    shown = chat("/poem", "rain", "/help", engines=engines).shown
    assert "What shall the poem be about?" in shown[1]
    assert "rain" in shown[2].lower()
    assert not engines["builtin"].asked


def test_a_poem_has_no_signs_of_markdown_told_or_heard_again() -> None:
    shown = chat("write a poem about rain", "/messages 2", "/messages").shown
    told, again, listed = shown[1], shown[2], shown[4]
    assert told.startswith("Model: Rain on the Roof\n\n") and told == again
    assert not set("*\\") & set(told + listed) and "  \n" not in told
    assert "2, Model: Rain on the Roof" in listed


def test_a_reply_is_shown_in_whole_words_or_whole_lines() -> None:
    def writes(pace: str) -> list[str]:
        out: list[str] = []

        class Spy(io.StringIO):
            def write(self, text: str) -> int:
                out.append(text)
                return len(text)

        words = Words(Spy(), pace)  # type: ignore[arg-type]
        for piece in ["Hel", "lo th", "ere.\r", "\nBye", " now"]:
            words.feed(piece)
        words.end()
        return [text for text in out if text]

    assert writes("word") == ["Hello ", "there.\n", "Bye ", "now", "\n"]
    assert writes("line") == ["Hello there.\n", "Bye now", "\n"]


def test_a_script_without_spaces_is_not_kept_back_for_long() -> None:
    out = io.StringIO()
    words = Words(out, "word")
    words.feed("漢字" * 50)
    assert len(out.getvalue()) == 99


def test_nothing_of_the_model_controls_the_terminal() -> None:
    out = io.StringIO()
    words = Words(out, "word")
    for character in HOSTILE:
        words.feed(character)
    words.end()
    assert "␛]52;c;aGk=␛\\" in out.getvalue()
    assert not set(out.getvalue()) & set("\x1b\x9b\u202e\x00")


# ---- real processes


def test_through_pipes_every_line_of_stdin_is_a_message(tiny_model: Path) -> None:
    flags = ["-i", "--model", str(tiny_model), "--max-new-tokens", "6", "--temperature", "0"]
    done = tui_chat("ask", *flags, stdin="Hello\nHello \\\nagain\n")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"You: Hello\nModel: (.|\n)*You: Hello \nagain\nModel: (.|\n)*\n", done.stdout)
    assert "cut at the longest reply" in done.stderr
    again = tui_chat("ask", *flags, "--conversation", "last", stdin="")
    assert "4 messages" in again.stderr
    unfinished = tui_chat("ask", *flags, stdin="In C:\\")
    assert "You: In C:\\\nModel: " in unfinished.stdout


def test_a_model_that_is_not_there_is_a_sentence_and_a_failure() -> None:
    done = tui_chat("ask", "-i", "--model", "/nowhere", stdin="Hello\n")
    assert done.returncode == 1
    assert "Error: " in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "flags", [["-i", "--json"], ["-i", "--raw"], ["--conversation", "last"], ["--by-line"]]
)
def test_flags_that_do_not_go_together_are_a_usage_error(flags: list[str]) -> None:
    assert tui_chat("ask", *flags, stdin="Hello").returncode == 2


def take_terminal() -> None:
    """In the child: keys such as Ctrl+C are its business."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background


def test_on_a_terminal_ctrl_c_keeps_the_reply_and_ctrl_d_leaves(tiny_model: Path) -> None:
    here, there = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "tui_chat",
        "ask",
        "-i",
        "--max-new-tokens",
        "60000",
        "--model",
        str(tiny_model),
    ]
    process = subprocess.Popen(
        command, stdin=there, stdout=there, stderr=there, start_new_session=True,
        env={**os.environ, "TERM": "dumb"}, preexec_fn=take_terminal,
    )  # fmt: skip
    os.close(there)
    try:
        seen = read_until(here, b"You: ")
        os.write(here, b"Hello caf\xe9\r")  # pasted from where letters have other bytes
        seen += read_until(here, b"Model: ")
        seen += os.read(here, 100)
        os.write(here, b"\x03")
        seen += read_until(here, b"is kept.\r\nYou: ")
        os.write(here, b"\x04")
        seen += read_until(here, b"never written", 10)
        assert process.wait(20) == 0
    finally:
        process.kill()
        os.close(here)
    assert b"Stopped. What was said is kept." in seen and b"--conversation 1" in seen
    assert b"\x1b" not in seen
    kept = Conversations.open(conversations_path())
    reply = kept.messages(1)[-1]
    assert (reply.role, reply.status) == ("assistant", "stopped") and reply.content
