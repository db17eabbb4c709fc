"""Every setting with what it means, what it is now and where that comes from; a change is saved at once.

The form is made from the schema (`all_settings`), so a new setting appears here by itself.
The one rule: what cannot be saved is said beside its field, and what was typed stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Input, Static

from engine.errors import UserError
from tui_chat import key_checks
from tui_chat.config import (
    LoadedConfig,
    Setting,
    all_settings,
    save_setting,
    section_title,
    set_aside,
    settings_of_providers,
    value_of,
    variable_of,
)
from tui_chat.key_bindings import places_of, remappable
from tui_chat.key_sets import KEY_SETS, keys_in_force
from tui_chat.text import one_line, plain
from tui_chat.widgets.key_hints import KeyHints
from tui_chat.widgets.setting_row import SettingRow
from tui_chat.workers import start_worker


class SettingsScreen(Screen[None]):
    """The form. Tells the app of each change by `Changed`; the theme it applies itself."""

    CSS_PATH = "settings.tcss"
    HELP = "Every setting, saved as soon as it is changed. Type above to find one."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", id="settings.close"),
        Binding("ctrl+f", "search", "Search", id="settings.search", priority=True),
        Binding("ctrl+r", "reset", "Back to default", id="settings.reset", priority=True),
    ]

    @dataclass
    class Changed(Message):
        """`key` was saved (or its default came back); `loaded` is what holds now."""

        loaded: LoadedConfig
        key: str

    def __init__(self, loaded: LoadedConfig, key_settings: list[Setting] | None = None) -> None:
        super().__init__()
        self.loaded = loaded
        self._key_settings = key_settings

    def compose(self) -> ComposeResult:
        with Horizontal(id="settings-head"):
            yield Static("Settings", id="settings-title")
            yield Static(plain(_short(self.loaded.path)), id="settings-path")
            yield Input(placeholder="Search", compact=True, id="settings-search")
        with Vertical(id="settings-problem"):
            yield Static(id="settings-problem-text")
            yield Button("Set the file aside and start a new one", id="set-aside", compact=True)
        with VerticalScroll(id="settings-form", can_focus=False):
            yield self._section(*next(iter(self._sections().items())))
            yield Static("No setting matches. Clear the search to see them all.", id="settings-none")
        yield KeyHints()

    def on_mount(self) -> None:
        self._show_problem()
        self._filter("")
        self.query(SettingRow).first().field.focus()
        self.call_after_refresh(lambda: start_worker(self, self._mount_the_rest))

    async def _mount_the_rest(self) -> None:
        """The other sections follow the first, so that the form is there at once."""
        form = self.query_one("#settings-form")
        for section, settings in list(self._sections().items())[1:]:
            await form.mount(self._section(section, settings), before="#settings-none")
            if not self.query("#settings-search"):  # closed before it was complete
                return
            self._filter(self.query_one("#settings-search", Input).value)

    def _section(self, section: str, settings: list[Setting]) -> Vertical:
        title = Static(plain(f"{section_title(section)}  [{section}]"), classes="section-title")
        config = self.loaded.config
        rows = [
            SettingRow(setting, value_of(config, setting.key), self._note(setting)) for setting in settings
        ]
        return Vertical(title, *rows, classes="section", id=f"section-{section}")

    def _sections(self) -> dict[str, list[Setting]]:
        sections: dict[str, list[Setting]] = {}
        if self._key_settings is None:
            self._key_settings = self._keys_of_the_app()
        servers = settings_of_providers(self.loaded.config)
        for setting in [*all_settings(), *servers, *self._key_settings]:
            sections.setdefault(setting.section, []).append(setting)
        return sections

    def _keys_of_the_app(self) -> list[Setting]:
        config = self.loaded.config
        keys = keys_in_force(config.ui.key_set, config.keys)
        screens: list[Screen[Any]] = [*self.app.screen_stack, self]
        here = remappable(place for screen in dict.fromkeys(screens) for place in places_of(screen, keys))
        elsewhere = sorted(config.keys.keys() - {setting.name for setting in here})
        here = [replace(one, default=KEY_SETS[config.ui.key_set].get(one.name, one.default)) for one in here]
        return here + [Setting("keys", id, "text", "", "A key of another screen.") for id in elsewhere]

    @on(Input.Changed, "#settings-search")
    def _search_changed(self, event: Input.Changed) -> None:
        self._filter(event.value)

    @on(Input.Submitted, "#settings-search")
    def _search_done(self) -> None:
        if rows := [row for row in self.query(SettingRow) if row.display]:
            rows[0].field.focus()

    def _filter(self, search: str) -> None:
        for row in self.query(SettingRow):
            row.display = row.matches(search)
        for section in self.query(".section"):
            section.display = any(row.display for row in section.query(SettingRow))
        self.query_one("#settings-none").display = not any(row.display for row in self.query(SettingRow))

    @on(SettingRow.Changed)
    def _save(self, event: SettingRow.Changed) -> None:
        event.stop()
        self._change(event.row, event.value)

    def _change(self, row: SettingRow, value: Any) -> None:
        key = row.setting.key
        if key == "ui.theme":  # seen at once, saved or not
            self.app.theme = value or row.setting.default
        try:
            if row.setting.section == "keys" and value:
                key_checks.check_key_names(key, value)
            save_setting(self.loaded.path, key, value)
        except UserError as error:
            row.refuse(str(error))
            return
        self._take(self.loaded.reloaded(), key)
        self._warn_of_clashes(row.setting)
        if key == "ui.key_set":
            self._show_keys_of_set()
        row.show(value_of(self.loaded.config, key), f"saved ✓ {self._note(row.setting)}")

    def _show_keys_of_set(self) -> None:
        """Another set of keys was chosen: what each key of the form is by default has changed."""
        now = {setting.name: setting for setting in self._keys_of_the_app()}
        for row in self.query(SettingRow):
            if row.setting.section == "keys" and row.setting.name in now:
                row.setting = now[row.setting.name]
                row.show(value_of(self.loaded.config, row.setting.key), self._note(row.setting))

    def _warn_of_clashes(self, setting: Setting) -> None:
        if setting.section == "keys" and setting.name in self.loaded.config.keys:
            config = self.loaded.config
            for warning in key_checks.clashes(setting.name, keys_in_force(config.ui.key_set, config.keys)):
                self.notify(f"Saved, but {warning}", severity="warning", markup=False)

    def _take(self, loaded: LoadedConfig, key: str) -> None:
        self.loaded = loaded
        self._show_problem()
        self.post_message(self.Changed(loaded, key))

    def _note(self, setting: Setting) -> str:
        """Where the value comes from, and what the default would be."""
        origin = self.loaded.origin_of(setting.key)
        if origin == "default":
            return "default"
        shown = {True: "on", False: "off", None: "none", "": "empty", (): "empty"}
        default = shown.get(setting.default, setting.default)
        source: Mapping[str, str] = {
            "file": "from the file",
            "environment": f"from {variable_of(setting.key)}, which beats the file",
            "flag": "from the command line, which beats the file",
        }
        return f"{source[origin]}; default: {default}"

    def _show_problem(self) -> None:
        problems = self.loaded.problems
        banner = self.query_one("#settings-problem")
        banner.display = bool(problems)
        problems = tuple(
            problem.replace(str(self.loaded.path), self.loaded.path.name) for problem in problems
        )
        lines = [one_line(problem) for problem in problems[:3]] + (
            [f"... and {len(problems) - 3} more"] if len(problems) > 3 else []
        )
        if self.loaded.file_is_broken:
            lines.insert(
                0, "The settings file is broken, so defaults hold. It is left as it is until you mend it:"
            )
        self.query_one("#settings-problem-text", Static).update(plain("\n".join(lines)))
        self.query_one("#set-aside").display = self.loaded.file_is_broken

    @on(Button.Pressed, "#set-aside")
    def _set_aside(self) -> None:
        try:
            kept = set_aside(self.loaded.path)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._take(self.loaded.reloaded(), "")
        self.notify(f"The old file is kept as {kept.name}.", markup=False)

    def action_search(self) -> None:
        """To the search box."""
        self.query_one("#settings-search", Input).focus()

    def action_reset(self) -> None:
        """Bring back the default of the setting in focus."""
        row = next((node for node in self._focused_path() if isinstance(node, SettingRow)), None)
        if row is None:
            self.notify("Go to a setting first; then this brings back its default.")
            return
        row.field.call_later(self._change, row, None)  # the key overtakes letters typed before it

    def _focused_path(self) -> list[Any]:
        return list(self.focused.ancestors_with_self) if self.focused else []

    def action_close(self) -> None:
        """Save what was typed and go back."""
        for row in self.query(SettingRow):
            if problem := row.unsaved_problem:
                self.notify(f"Not saved: {problem}", severity="warning", markup=False)
            elif row.has_unsaved_text:
                self._change(row, row.typed_value)
        self.dismiss()


def _short(path: Path) -> str:
    """The home directory as people write it."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
