"""What is a command and what is a message, and how a command that is none is refused."""

from __future__ import annotations

import pytest

from engine.errors import UserError
from tui_chat.app import TuiChatApp
from tui_chat.pane_commands import ACTIONS, pane_commands
from tui_chat.screens.chat import ChatScreen
from tui_chat.slash_commands import KNOWN, Given, SlashCommands, Suggestion, described, ranked, typed_for
from tui_chat.widgets.chat_pane import ChatPane

COMMANDS: SlashCommands[list[str]] = SlashCommands(
    [
        described("new", lambda said, argument: said.append("new"), aliases=("clear",)),
        described("seed", lambda said, argument: said.append(f"seed {argument}")),
        described("attach", lambda said, argument: said.append(argument)),
        described("system", lambda said, argument: said.append(argument)),
    ]
)


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("/new", "new", ""),
        ("/clear", "new", ""),
        ("/SEED  7 ", "seed", "7"),
        ("/seed", "seed", ""),
        ("/system You are kind.\nAnd brief.", "system", "You are kind.\nAnd brief."),
        ("/attach my notes.txt", "attach", "my notes.txt"),
    ],
)
def test_a_command_is_read_with_its_argument(text: str, name: str, argument: str) -> None:
    given = COMMANDS.read(text)
    assert isinstance(given, Given)
    assert (given.command.name, given.argument) == (name, argument)


@pytest.mark.parametrize(
    "text",
    [
        "hello /new",
        " /new",
        "/usr/bin",
        "/etc/passwd holds users",
        "/* a comment */",
        "/ alone",
        "/usr\nis a folder",
        "/regexp/i\n.test(x)",
        "// a comment",
        "// a comment\nint main() {}",
        "//usr is a comment\nhere",
        "",
    ],
)
def test_what_does_not_look_like_a_command_is_a_message_word_for_word(text: str) -> None:
    assert COMMANDS.read(text) == text


@pytest.mark.parametrize(
    ("text", "message"), [("//new", "/new"), ("//usr/bin", "/usr/bin"), ("//seed 1\n2", "/seed 1\n2")]
)
def test_a_second_slash_sends_the_first(text: str, message: str) -> None:
    assert COMMANDS.read(text) == message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/sed 7", "There is no command /sed. Did you mean /seed\\? With a second slash, //sed is a message"),
        ("/zzz", "There is no command /zzz. /help lists them all"),
        ("/new now", "/new takes nothing after it, but there is 'now'"),
        ("/attach", "Something is missing: /attach PATH. Send a text file"),
        ("/", "/help lists them"),
    ],
)
def test_a_command_that_is_none_is_refused_with_what_to_do(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        COMMANDS.read(text)


def test_names_are_completed_by_their_beginning_then_by_their_letters() -> None:
    assert [row.value for row in COMMANDS.names_like("/s") or []] == ["seed", "system"]
    assert [row.value for row in COMMANDS.names_like("/see") or []] == ["seed"]
    assert [row.value for row in COMMANDS.names_like("/stm") or []] == ["system"]
    assert COMMANDS.names_like("/seed ") is None
    assert ranked("b", [Suggestion("abc"), Suggestion("bcd"), Suggestion("xyz")]) == [
        Suggestion("bcd"),
        Suggestion("abc"),
    ]


@pytest.mark.parametrize(
    ("elsewhere", "here"),
    [
        ("clear", "new"),
        ("save", "export"),
        ("search", "find"),
        ("bye", "quit"),
        ("q", "quit"),
        ("again", "retry"),
        ("regenerate", "retry"),
    ],
)
def test_names_that_other_chats_have_do_what_one_expects(elsewhere: str, here: str) -> None:
    command = SlashCommands(pane_commands()).named(elsewhere)
    assert command is not None
    assert command.name == here


def test_every_command_of_a_pane_is_explained_in_a_line_of_80_columns() -> None:
    widest = max(len(command.name) for command in pane_commands())  # beside which all explanations stand
    for command in pane_commands():
        assert command.what
        assert widest + 2 + len(command.what) < 76
    names = [name for one in pane_commands() for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names))
    assert set(KNOWN) >= {one.name for one in pane_commands()}


@pytest.mark.parametrize(
    "message",
    ["hello", "/seed 7", "/usr/bin", "/nothing", "//seed", "// a comment", "//a\nb", "/seed\n7", "/x\ny"],
)
def test_a_message_that_was_sent_can_be_sent_again_whatever_it_begins_with(message: str) -> None:
    assert COMMANDS.read(typed_for(message)) == message


def test_every_action_behind_a_command_is_there() -> None:
    owners = {"screen": ChatScreen, "app": TuiChatApp, "": ChatPane}
    for action in ACTIONS.values():
        owner, _, name = action.rpartition(".")
        assert hasattr(owners[owner], f"action_{name}"), action
