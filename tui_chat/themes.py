"""Colours of one's own: a TOML file each in the folder `themes` beside the settings.

    themes/dusk.toml        primary = "#7aa2f7"
                            background = "#101418"      and what else `ThemeFile` has; `dark = false` for a light one

A file is named as its theme is. Textual's own themes keep their names.
The one rule: a file that cannot be used is named with its reason, and hides none of the others.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from engine.errors import UserError
from engine.paths import config_path
from engine.records import Record, between, word
from tui_chat import toml_text

if TYPE_CHECKING:
    from textual.app import App
    from textual.theme import Theme

BUILT_IN = (
    "textual-dark",
    "textual-light",
    "nord",
    "gruvbox",
    "catppuccin-mocha",
    "catppuccin-macchiato",
    "catppuccin-frappe",
    "catppuccin-latte",
    "dracula",
    "tokyo-night",
    "monokai",
    "flexoki",
    "solarized-dark",
    "solarized-light",
    "rose-pine",
    "rose-pine-moon",
    "rose-pine-dawn",
    "atom-one-dark",
    "atom-one-light",
    "ansi-dark",
    "ansi-light",
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_OTHERWISE = BUILT_IN[0]


class ThemeFile(Record):
    """What stands in a theme's file; a colour is "#rrggbb" or a name such as "crimson"."""

    primary: Annotated[str, word("What stands out: titles, the focus.")]
    secondary: str | None = None
    accent: str | None = None
    foreground: str | None = None
    background: str | None = None
    surface: str | None = None
    panel: str | None = None
    boost: str | None = None
    success: str | None = None
    warning: str | None = None
    error: str | None = None
    dark: bool = True
    luminosity_spread: Annotated[float, between(0, 1, "How far lighter and darker shades are apart.")] = 0.15
    text_alpha: Annotated[float, between(0, 1, "How strong letters are.")] = 0.95


_COLOURS = tuple(
    name for name in ThemeFile.__struct_fields__ if name not in ("dark", "luminosity_spread", "text_alpha")
)


def themes_path() -> Path:
    """The folder of the user's themes."""
    return config_path().parent / "themes"


def theme_names() -> tuple[str, ...]:
    """Every theme there is, Textual's first; nothing but names is read."""
    own = sorted(file.stem for file in _files() if _NAME.fullmatch(file.stem) and file.stem not in BUILT_IN)
    return (*BUILT_IN, *own)


def own_themes() -> tuple[list[Theme], list[str]]:
    """The user's themes, and what is wrong with the files of others, a sentence each."""
    themes: list[Theme] = []
    problems: list[str] = []
    for file in sorted(_files()):
        try:
            themes.append(read_theme(file))
        except UserError as error:
            problems.append(str(error))
    return themes, problems


def read_theme(file: Path) -> Theme:
    """The theme in a file.

    Raises:
        UserError: when its name or anything in it cannot be used.
    """
    from textual.color import Color, ColorParseError  # here: the command line asks for names only
    from textual.theme import Theme

    where = f"Theme file {file.name}"
    if not _NAME.fullmatch(file.stem):
        raise UserError(f"{where}: name it with small letters, digits and dashes, such as dusk.toml.")
    if file.stem in BUILT_IN:
        raise UserError(f"{where}: there is a theme of that name already. Take another name.")
    read = ThemeFile.from_dict(toml_text.parse(toml_text.read_text(file) or "", where), where)
    for name in _COLOURS:
        colour = getattr(read, name)
        try:
            if colour is not None and not Color.parse(colour):
                raise UserError(f"{where}: {name} is empty.")
        except ColorParseError:
            raise UserError(
                f'{where}: {name} must be a colour such as "#7aa2f7", or a name such as "crimson".'
            ) from None
    if read.background is not None and Color.parse(read.background).a < 1:
        raise UserError(
            f"{where}: background must not be see-through. For that of the terminal, take the theme ansi-dark."
        )
    return Theme(name=file.stem, **read.to_dict())


def use_theme(app: App[Any], name: str) -> str:
    """Show the app in a theme, the user's own included; what is wrong with that, else nothing."""
    problem = ""
    if name not in BUILT_IN:
        try:
            app.register_theme(read_theme(_file_of(name)))
        except UserError as error:
            name, problem = _OTHERWISE, f"{error} The colours are those of {_OTHERWISE}."
    app.theme = name
    return problem


def _file_of(name: str) -> Path:
    file = themes_path() / f"{name}.toml"
    if not _NAME.fullmatch(name) or not file.is_file():
        from tui_chat.text import one_line  # here: it needs Textual, and names do not

        close = difflib.get_close_matches(name, theme_names(), n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(f"There is no theme {one_line(name, 40)!r}.{hint}")
    return file


def _files() -> Iterator[Path]:
    folder = themes_path()
    if folder.is_dir():
        yield from (file for file in folder.glob("*.toml") if file.is_file())
