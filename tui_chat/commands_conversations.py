"""`tui-chat conversations`: list and search what was said, tidy it up, and move it between programs.

    tui-chat conversations search "camellia #work"
    tui-chat conversations export 12                          Markdown, to stdout
    tui-chat conversations export --all -o chats.json         everything, to be imported elsewhere
    tui-chat conversations export --tag good -o rows.jsonl    rows to train on
    tui-chat conversations import chats.json notes.md

The one rule: what a command did is said in a sentence, and with --json in one object.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from tui_chat.command_flags import Run, add_action, add_listing

if TYPE_CHECKING:  # reading the help should not load what opens the conversations
    from tui_chat.conversation_shelf import Shelved
    from tui_chat.conversations import Conversations

_LISTED = 50
_FORMATS = ("markdown", "json", "openai", "sharegpt")  # those of `conversation_export`
_DONE = {
    "pin": "Pinned",
    "unpin": "No longer pinned",
    "delete": "Deleted (`tui-chat conversations restore` brings back)",
    "rename": "Renamed",
}


def add_conversations_command(subparsers: Any) -> None:
    """Add `conversations` to the command line."""
    about = "list, search, tag, export and import conversations"
    parser, actions = add_listing(subparsers, "conversations", list_conversations, about)
    parser.set_defaults(query="", limit=_LISTED)
    listing = _action(actions, "list", list_conversations, "the latest, pinned ones first")
    listing.set_defaults(query="")
    search = _action(actions, "search", list_conversations, "those in which all words were said")
    search.add_argument("query", metavar="WORDS", help='words and tags: "camellia #work"')
    for one in (listing, search):
        one.add_argument("--limit", type=int, default=_LISTED, metavar="N", help="0 = all")
    _add_export(actions)
    imports = _action(actions, "import", import_conversations, "Markdown, JSON, OpenAI messages, ShareGPT")
    imports.add_argument("files", metavar="FILE", nargs="+")
    imports.add_argument("--tag", dest="tags", metavar="TAG", action="append", default=[])
    _add_changes(actions)


def _action(actions: Any, name: str, run: Run, about: str) -> argparse.ArgumentParser:
    return add_action(actions, name, run, about, json="JSON instead of sentences")


def _add_export(actions: Any) -> None:
    parser = _action(actions, "export", export_conversations, "to a file, or to stdout")
    parser.add_argument("ids", metavar="ID", nargs="*", type=int, help="numbers, as `list` shows them")
    parser.add_argument("--tag", metavar="TAG", help="all with this tag")
    parser.add_argument("--all", action="store_true", help="all conversations")
    parser.add_argument("--format", choices=_FORMATS, help="default: what the file is called, else markdown")
    parser.add_argument("-o", "--output", metavar="FILE")
    parser.add_argument("--force", action="store_true", help="replace FILE if it is there")


def _add_changes(actions: Any) -> None:
    for name, help in (
        ("pin", "let them stand first"),
        ("unpin", "no longer"),
        ("delete", "for a week they can be brought back"),
        ("restore", "bring back what was deleted"),
    ):
        parser = _action(actions, name, change_conversations, help)
        parser.add_argument("ids", metavar="ID", nargs="+", type=int)
        parser.set_defaults(change=name)
    tag = _action(actions, "tag", change_conversations, "give one these tags, and no others")
    tag.add_argument("ids", metavar="ID", nargs=1, type=int)
    tag.add_argument("tags", metavar="TAG", nargs="*")
    tag.set_defaults(change="tag")
    rename = _action(actions, "rename", change_conversations, "give one another title")
    rename.add_argument("ids", metavar="ID", nargs=1, type=int)
    rename.add_argument("title", metavar="TITLE")
    rename.set_defaults(change="rename")


@contextmanager
def _opened() -> Iterator[Conversations]:
    from engine.paths import conversations_path
    from tui_chat.conversations import Conversations

    conversations = Conversations.open(conversations_path())
    if conversations.notice:
        print(f"tui-chat: {conversations.notice}", file=sys.stderr)
    try:
        yield conversations
    finally:
        conversations.close()


# ---- list and search


def list_conversations(options: argparse.Namespace) -> int:
    """Print what there is, or what a search finds, a line each."""
    from tui_chat.conversation_shelf import Shelf

    with _opened() as conversations:
        shelf = Shelf(conversations.file)
        found, count = shelf.page(options.query, limit=options.limit or -1), shelf.count()
    for talk in found:
        print(json.dumps(_facts(talk), ensure_ascii=False) if options.json else _line(talk, options.query))
    if not options.json and not options.query and (more := count - len(found)) > 0:
        print(f"{more:,} more: --limit 0 shows all, `tui-chat conversations search` finds.", file=sys.stderr)
    if not options.json and options.query and not found:
        print("Nothing found.", file=sys.stderr)
    return 0


def _facts(talk: Shelved) -> dict[str, Any]:
    names = ("id", "title", "created", "updated", "pinned", "tags", "preview")
    return {name: getattr(talk, name) for name in names}


def _line(talk: Shelved, query: str) -> str:
    import time

    from tui_chat.conversation_shelf import found_line
    from tui_chat.text import one_line  # here: it needs Textual, which `--help` should not wait for

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(talk.updated))
    marks = [
        one_line(talk.title, 60),
        *(["pinned"] if talk.pinned else []),
        *(f"#{tag}" for tag in talk.tags),
    ]
    below = f"\n{'':>8}{found_line(talk)}" if query and talk.found_in else ""
    return f"{talk.id:>6}  {when}  {'  '.join(marks)}{below}"


# ---- export and import


def export_conversations(options: argparse.Namespace) -> int:
    """Write conversations to a file, or to stdout."""
    from engine.paths import typed_path
    from tui_chat.conversation_export import FORMATS, format_of, in_words, save
    from tui_chat.conversation_transfer import Transfer

    path = typed_path(options.output) if options.output and options.output != "-" else None
    format = options.format or (format_of(path) if path else "markdown")
    with _opened() as conversations:
        records = Transfer(conversations.file).records(_chosen(conversations, options))
    exported = FORMATS[format].write(records)
    if path is None:
        _print(exported.text)
        return 0
    path = save(exported, path, options.force, "replace it with --force.")
    facts = {
        "file": str(path),
        "format": format,
        "conversations": exported.count,
        "left_out": exported.left_out,
    }
    print(json.dumps(facts, ensure_ascii=False) if options.json else in_words(exported, path))
    return 0


def _chosen(conversations: Conversations, options: argparse.Namespace) -> list[int]:
    """The conversations that are meant: by number, by tag, or all."""
    from tui_chat.conversation_shelf import Shelf

    if not (options.ids or options.tag or options.all):
        raise UserError(
            "Which conversations? Give their numbers (`tui-chat conversations list`), --tag or --all."
        )
    shelf = Shelf(conversations.file)
    if options.ids:
        return [_known(conversations, id) for id in options.ids]
    ids = shelf.tagged(options.tag) if options.tag else shelf.ids()
    if not ids:
        tags = ", ".join(f"#{tag}" for tag, _ in shelf.tags()[:10])
        raise UserError(
            f"Nothing has that tag. There are: {tags or 'none'}." if options.tag else "There are none."
        )
    return ids


def _known(conversations: Conversations, id: int) -> int:
    if abs(id) >= 1 << 63 or conversations.get(id) is None:  # larger ones the file cannot even ask for
        raise UserError(f"There is no conversation {id}. `tui-chat conversations list` shows their numbers.")
    return id


def _print(text: str) -> None:
    """As it is for a pipe; on a terminal, what models said must not control it."""
    if sys.stdout.isatty():
        from tui_chat.text import visible

        text = visible(text)
    sys.stdout.write(text)


def import_conversations(options: argparse.Namespace) -> int:
    """Take in what the files hold: all of it, or after an error none."""
    from engine.paths import typed_path
    from tui_chat.conversation_import import read_file
    from tui_chat.conversation_transfer import Transfer

    records = [record for file in options.files for record in read_file(Path(typed_path(file)))]
    with _opened() as conversations:
        taken = Transfer(conversations.file).take_in(records, options.tags)
    facts = {"imported": len(taken.new), "ids": taken.new, "already_here": taken.known, "empty": taken.empty}
    print(json.dumps(facts) if options.json else taken.in_words())
    return 0


# ---- changes


def change_conversations(options: argparse.Namespace) -> int:
    """Pin, tag, rename, delete or bring back."""
    with _opened() as conversations:
        if options.change == "restore":
            options.ids = [id for id in options.ids if abs(id) < 1 << 63]
        else:
            options.ids = [_known(conversations, id) for id in options.ids]
        done = _changed(conversations, options)
    ids = ", ".join(map(str, options.ids))
    print(json.dumps({options.change: options.ids}) if options.json else f"{done}: {ids}")
    return 0


def _changed(conversations: Conversations, options: argparse.Namespace) -> str:
    """Make the change; what was done, in words."""
    from tui_chat.conversation_shelf import Shelf, clean_tags

    shelf, change, ids = Shelf(conversations.file), options.change, options.ids
    for id in ids:
        if change in ("pin", "unpin"):
            shelf.pin(id, change == "pin")
        elif change == "tag":
            shelf.tag(id, options.tags)
        elif change == "rename":
            conversations.rename(id, " ".join(options.title.split()))
        else:
            (conversations.delete if change == "delete" else conversations.restore)(id)
    if change == "tag":
        return " ".join(["Tagged", *(f"#{tag}" for tag in clean_tags(options.tags))])
    if change == "restore":
        return f"Brought back {sum(conversations.get(id) is not None for id in ids)} of"
    return _DONE[change]
