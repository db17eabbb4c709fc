"""What the README says is true: its commands parse, its files are there, its make targets exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from trainers.config import recipe_names
from tui_chat.cli import build_parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (?:.*\| )?(tui-chat\b[^#\n]*)", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_is_one(command: str) -> None:
    options = build_parser().parse_args(shlex.split(command)[1:])
    assert callable(options.run)
    if getattr(options, "what", None) == "shakespeare-char-cpu":
        assert "shakespeare-char-cpu" in recipe_names()


def test_the_readme_has_commands_to_check() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z-]+)", README))))
def test_every_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"[`(]((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|svg|toml))[`)]", README)))
)
def test_every_file_of_the_readme_is_there(path: str) -> None:
    if path in ("config.toml", "jokes.toml", "poems.toml"):  # the user's, not ours
        return
    assert (ROOT / path).exists()


def test_every_line_of_the_tree_is_there() -> None:
    tree = re.search(r"```\nengine/.*?```", README, re.DOTALL)
    assert tree is not None
    for line in tree[0].splitlines()[1:-1]:
        folder, words = line.split(maxsplit=1)
        assert (ROOT / folder).is_dir()
        for inside in re.findall(r"\b([\w.]+/)", words):
            assert (ROOT / folder / inside).is_dir(), f"{folder}{inside}"
        for file in re.findall(r"\b(\w+\.py)\b", words):
            assert (ROOT / folder / file).is_file(), f"{folder}{file}"
