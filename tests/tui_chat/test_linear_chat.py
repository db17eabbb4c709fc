"""`tui-chat ask -i`: the chat in plain lines, through pipes and on a terminal."""

from __future__ import annotations

import io
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
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversations
from tui_chat.linear_chat import LinearChat
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

    def ask(self, prompt: str) -> str:
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
        ("/top-k x", "Error: /top-k: "),
        ("/temperature 9", "must be a number from 0 to 5"),
        ("/retry", "no message to reply to"),
        ("/open", "Something is missing: /open NUMBER"),
        ("/open 99", "There is no conversation"),
        ("/rename", "Something is missing: /rename TITLE"),
        ("/rename Tea", "no conversation to rename"),
    ],
)
def test_a_command_that_cannot_be_done_is_a_sentence_and_is_not_sent(typed: str, sentence: str) -> None:
    engines = FakeEngines()
    assert any(sentence in line for line in chat(typed, engines=engines).shown)
    assert not engines["builtin"].asked


def test_another_reply_stands_beside_the_first() -> None:
    engines = FakeEngines()
    shown = chat("Hello", "/retry", engines=engines).shown
    assert shown[1:3] == ["Model: Hello there.", "Model: Hello there."]
    assert engines["builtin"].asked[0] == engines["builtin"].asked[1]


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
