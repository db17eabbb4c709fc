"""The command `tui-chat`: opens the app, or does one thing and ends.

    tui-chat                       the app
    tui-chat ask "Hello" --json    one reply
    tui-chat train | runs | data | evaluate | models | conversations | config | doctor

Exit codes: 0 done, 1 `UserError` (one line on stderr), 2 usage, 130 interrupted. With --json exactly one JSON
object (or one per line for lists) goes to stdout; progress and warnings go to stderr.
The one rule: nothing slow is imported before it is known to be needed, so `--help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from engine.errors import UserError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    options = _options_of_the_app(arguments) or build_parser().parse_args(arguments)
    try:
        code = options.run(options)
    except UserError as error:
        print(f"tui-chat: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        sys.stderr.close()
        code = 1
    sys.exit(code)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    from tui_chat import (
        commands_ask,
        commands_config,
        commands_conversations,
        commands_evaluate,
        commands_models,
        commands_personas,
        commands_training,
    )

    parser = argparse.ArgumentParser(
        prog="tui-chat",
        description="Chat with GPTs, train them, and watch and talk to them while they learn.",
        epilog="Without a command, the app opens. Keys: F1 help, Ctrl+P every command, Ctrl+Q quit.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    _add_options_of_the_app(parser)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    commands_ask.add_ask_command(subparsers)
    commands_training.add_training_commands(subparsers)
    commands_models.add_models_command(subparsers)
    commands_conversations.add_conversations_command(subparsers)
    commands_personas.add_personas_command(subparsers)
    commands_config.add_config_commands(subparsers)
    commands_evaluate.add_evaluate_command(subparsers)
    return parser


def _options_of_the_app(arguments: Sequence[str] | None) -> argparse.Namespace | None:
    """What the app is to open with; None when a command is named, help is asked for or something is wrong.

    So the app opens without the commands, whose parsers are 30 ms of its start.
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    _add_options_of_the_app(parser)
    try:
        options, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError:
        return None
    return None if unknown else options


def _add_options_of_the_app(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-m", "--model", metavar="REF", help="model of the first pane, as in `tui-chat models`"
    )
    parser.add_argument("--persona", metavar="NAME", help="begin a chat with one of `tui-chat personas`")
    parser.add_argument("--theme", help="colours of this session, such as textual-light")
    parser.add_argument("--ascii", action="store_true", help="draw without boxes, dots and arrows")
    parser.set_defaults(run=open_app, run_name=None)


class _Version(argparse.Action):
    """`--version`; looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib import metadata  # here: 20 ms that no other option needs

        print(f"tui-chat {metadata.version('tui-chat')}")
        parser.exit()


def open_app(options: argparse.Namespace) -> int:
    """Open the app; on a run's monitor when `options.run_name` is given."""
    from tui_chat.start import start_app  # here: Textual is 0.2 s that no other command needs

    characters = "ascii" if options.ascii else None
    flags = {"chat.model": options.model, "ui.theme": options.theme, "ui.characters": characters}
    return start_app(flags, run_name=options.run_name, persona=options.persona)


if __name__ == "__main__":
    main()
