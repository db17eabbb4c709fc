"""`tui-chat personas`: who a model can be; listed, shown, made, changed, shared.

    tui-chat personas                               tui-chat personas show patient-tutor
    tui-chat personas new "Sea captain" --system "You are ..." --temperature 0.9
    tui-chat personas edit sea-captain              in your editor; with flags, just what they say
    tui-chat personas export sea-captain captain.toml        tui-chat personas import captain.toml

The one rule: a file with a mistake is refused with the line, and what is there stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from tui_chat.command_flags import (
    SAMPLING,
    Run,
    add_action,
    add_listing,
    add_sampling_flags,
    sampling_wishes,
)

if TYPE_CHECKING:
    from tui_chat.config import AppConfig
    from tui_chat.personas.library import PersonaEntry
    from tui_chat.personas.persona import Persona

_TEXT_FLAGS = {
    "description": "description",
    "system": "system_prompt",
    "greeting": "greeting",
    "model": "model",
}


def add_personas_command(subparsers: Any) -> None:
    """Add `personas` to the command line."""
    about = "who a model can be: list, show, new, edit, share"
    _, actions = add_listing(subparsers, "personas", list_all, about)
    add_action(actions, "list", list_all, "every persona, a line each", json="one JSON object per line")
    _add_for_one(actions, "show", show, "a persona as its file has it", json="one JSON object")
    _add_fields(_add_for_one(actions, "new", new, "make one"))
    edit_parser = _add_for_one(actions, "edit", edit, "change one, by flags or else in your editor")
    edit_parser.add_argument("--name", dest="new_name", metavar="TEXT", help="call it otherwise")
    edit_parser.add_argument(
        "--unset",
        action="append",
        choices=SAMPLING,
        default=[],
        help="leave this to the settings (repeatable)",
    )
    _add_fields(edit_parser)
    importing = add_action(actions, "import", take_in, "take in a TOML file from elsewhere")
    importing.add_argument("file", metavar="FILE")
    importing.add_argument("--replace", action="store_true", help="also in the place of another one")
    exporting = _add_for_one(actions, "export", give_away, "write one as a TOML file for others")
    exporting.add_argument("target", metavar="FILE", nargs="?", default=".", help="a file or a folder")
    exporting.add_argument("-o", dest="output", metavar="FILE", help="the same, as other exports have it")
    exporting.add_argument("--replace", action="store_true", help="also over a file that is there")
    _add_for_one(actions, "delete", delete, "delete one of your own")


def _add_for_one(
    actions: Any, name: str, run: Run, about: str, json: str | None = None
) -> argparse.ArgumentParser:
    parser = add_action(actions, name, run, about, json)
    parser.add_argument("name", metavar="NAME")
    return parser


def _add_fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--description", metavar="TEXT", help="a line about it, for people")
    parser.add_argument("--system", metavar="TEXT", help="what the model is told first")
    parser.add_argument("--greeting", metavar="TEXT", help="what a new chat begins with")
    parser.add_argument(
        "-m", "--model", metavar="REF", help="the model it needs; without, whichever is there"
    )
    add_sampling_flags(parser)


def list_all(options: argparse.Namespace) -> int:
    """Print every persona, a line each."""
    from tui_chat.personas import library
    from tui_chat.text import one_line

    entries = library.list_personas()
    if options.json:
        for entry in entries:
            print(json.dumps(_as_dict(entry), ensure_ascii=False))
        return 0
    width = max(len(one_line(entry.key)) for entry in entries)
    for entry in entries:
        about = one_line(entry.problem, 300) or one_line(entry.persona.description)
        mine = "yours" if entry.is_own else ""
        print(f"{one_line(entry.key):<{width}}  {mine:<5}  {about}".rstrip())
    return 0


def show(options: argparse.Namespace) -> int:
    """Print one as a file that says it all."""
    from tui_chat.personas import library
    from tui_chat.personas.persona import persona_text
    from tui_chat.text import visible

    entry = library.find_persona(options.name)
    if options.json:
        print(json.dumps(_as_dict(entry), ensure_ascii=False))
    else:
        text = persona_text(entry.persona)
        print(visible(text) if sys.stdout.isatty() else text, end="")
    return 0


def _as_dict(entry: PersonaEntry) -> dict[str, Any]:
    return {"key": entry.key, "own": entry.is_own, "problem": entry.problem, **entry.persona.to_dict()}


def new(options: argparse.Namespace) -> int:
    """Make one."""
    from tui_chat.personas import library
    from tui_chat.personas.persona import Persona

    key = library.save_persona(_with_flags(Persona(name=options.name.strip()), options))
    print(f"Made {key}. Chat with it: tui-chat --persona {key}")
    return 0


def edit(options: argparse.Namespace) -> int:
    """Change one by flags; without any, in the editor."""
    from tui_chat.personas import library

    entry = library.find_persona(options.name, with_mistakes=True)
    has_flags = any(getattr(options, name) is not None for name in (*_TEXT_FLAGS, *SAMPLING, "new_name"))
    if has_flags or options.unset:
        if entry.problem:
            raise UserError(f"{entry.problem} Without flags, your editor opens it.")
        library.save_persona(_with_flags(entry.persona, options), entry.key)
    else:
        _edit_by_hand(entry)
    print(f"Saved {entry.key}.")
    return 0


def _with_flags(persona: Persona, options: argparse.Namespace) -> Persona:
    from msgspec.structs import replace

    texts = {field: getattr(options, flag) for flag, field in _TEXT_FLAGS.items()}
    texts["name"] = getattr(options, "new_name", None)
    unset = getattr(options, "unset", [])
    generation = {name: value for name, value in persona.generation.items() if name not in unset}
    return replace(
        persona,
        generation=generation | sampling_wishes(options),
        **{field: text for field, text in texts.items() if text is not None},
    )


def _edit_by_hand(entry: PersonaEntry) -> None:
    """Open a copy in the editor; it takes the place of the file once it is right."""
    from tui_chat.external_editor import editor_command
    from tui_chat.personas import library

    command = editor_command(os.environ)
    draft = Path(tempfile.mkdtemp(prefix="tui-chat-")) / f"{entry.key}{library.SUFFIX}"
    draft.write_text(library.text_of(entry), encoding="utf-8")
    try:
        code = subprocess.call([*command, str(draft)])
    except OSError as error:
        raise UserError(f"The editor {command[0]} cannot be started ({error.strerror}).") from None
    if code:
        raise UserError(f"The editor ended with code {code}; nothing was changed. Your text is in {draft}.")
    try:
        library.replace_text(entry.key, draft)
    except UserError as error:
        raise UserError(f"{error} Nothing was changed; your text is kept there.") from None
    draft.unlink()
    draft.parent.rmdir()


def take_in(options: argparse.Namespace) -> int:
    """Import one."""
    from engine.paths import typed_path
    from tui_chat.personas import library

    entry = library.import_persona(typed_path(options.file), options.replace)
    print(f"Imported {entry.key}. Chat with it: tui-chat --persona {entry.key}")
    return 0


def give_away(options: argparse.Namespace) -> int:
    """Export one."""
    from tui_chat.personas import library

    entry = library.find_persona(options.name)
    print(library.export_persona(entry, options.output or options.target, options.replace))
    if entry.persona.model.startswith(("run:", "/", "~", ".")):
        print(
            f"tui-chat: it names the model {entry.persona.model}, which others do not have.", file=sys.stderr
        )
    return 0


def delete(options: argparse.Namespace) -> int:
    """Delete one of the user's own."""
    from tui_chat.personas import library

    print(library.delete_persona(library.find_persona(options.name, with_mistakes=True).key))
    return 0


def config_with(name: str, config: AppConfig) -> AppConfig:
    """The settings with a persona's in place of the usual ones; says when its model is not there.

    Raises:
        UserError: when there is no such persona.
    """
    from msgspec.structs import replace

    from tui_chat.chat_settings import default_settings
    from tui_chat.personas.choosing import settings_with
    from tui_chat.personas.library import find_persona

    usual = default_settings(config)
    settings, notice = settings_with(find_persona(name).persona, usual, usual, config.providers)
    if notice:
        print(f"tui-chat: {notice}", file=sys.stderr)
    section = replace(config.chat, model=settings.model, system_prompt=settings.system_prompt)
    return replace(config, chat=section, generation=settings.generation)
