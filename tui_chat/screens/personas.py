"""All personas, with what each is told: to be used, made, changed, copied, deleted, brought in and given away.

    choice = await app.push_screen_wait(PersonaScreen(settings))     None = none was chosen

The one rule: nothing is deleted or replaced before a person has agreed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from msgspec.structs import replace
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import UserError
from engine.paths import typed_path
from tui_chat.chat_settings import ChatSettings
from tui_chat.personas import library
from tui_chat.personas.library import PersonaEntry
from tui_chat.personas.persona import Persona
from tui_chat.screens.ask_text import AskText
from tui_chat.screens.persona_form import PersonaForm
from tui_chat.screens.question import Question
from tui_chat.text import one_line, plain
from tui_chat.widgets.dialog_keys import DialogKeys

_KEYS = (
    ("personas.use", "here"),
    ("personas.new_chat", "in a new chat"),
    ("personas.new", "new"),
    ("personas.edit", "edit"),
    ("personas.duplicate", "copy"),
    ("personas.delete", "delete"),
    ("personas.import", "import"),
    ("personas.export", "export"),
    ("personas.close", "back"),
)
_NOBODY = Persona(name="No persona", description="The model as the settings have it.")


@dataclass(frozen=True)
class Choice:
    """What was chosen: a persona, or None for nobody; and whether a new chat is to begin with it."""

    persona: Persona | None
    is_new_chat: bool = False


class PersonaScreen(ModalScreen[Choice | None]):
    """A list, and beside it what the persona under the cursor is."""

    CSS = """
    PersonaScreen {
        .dialog { width: 116; height: 85%; max-height: 44; }
        Horizontal { height: 1fr; }
        OptionList {
            width: 27; height: 1fr; border: none; padding: 0; background: $surface; scrollbar-size-vertical: 1;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
        VerticalScroll { width: 1fr; padding-left: 2; scrollbar-size-vertical: 1; scrollbar-background: $surface; }
        .preview { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="personas.close"),
        Binding("enter", "use", "Use here", id="personas.use"),
        Binding("c", "use(True)", "New chat with it", id="personas.new_chat"),
        Binding("n", "new", "New", id="personas.new"),
        Binding("e", "edit", "Edit", id="personas.edit"),
        Binding("d", "duplicate", "Copy", id="personas.duplicate"),
        Binding("delete,x", "delete", "Delete", id="personas.delete"),
        Binding("i", "import", "Import", id="personas.import"),
        Binding("o", "export", "Export", id="personas.export"),
        Binding("pagedown", "read_on(1)", "Read on", show=False, id="personas.down"),
        Binding("pageup", "read_on(-1)", "Read above", show=False, id="personas.up"),
    ]

    def __init__(self, current: ChatSettings) -> None:
        super().__init__()
        self._current = current
        self._entries: list[PersonaEntry] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Personas", classes="dialog-title", markup=False)
            with Horizontal():
                yield OptionList(markup=False, compact=True)
                with VerticalScroll(can_focus=False):
                    yield Static(classes="preview", markup=False)
            yield DialogKeys(*_KEYS)

    async def on_mount(self) -> None:
        await self._list()
        self.query_one(OptionList).focus()

    async def _list(self, key: str = "") -> None:
        """List them anew, with the cursor on `key`, or on the one in use."""
        self._entries = await asyncio.to_thread(library.list_personas)
        key = key or next((entry.key for entry in self._entries if self._is_current(entry)), "")
        listed = self.query_one(OptionList)
        listed.clear_options()
        listed.add_option(Option(_row(_NOBODY.name, not self._current.persona)))
        listed.add_options(
            [Option(_row(e.persona.name, self._is_current(e), bool(e.problem))) for e in self._entries]
        )
        keys = [entry.key for entry in self._entries]
        listed.highlighted = keys.index(key) + 1 if key in keys else 0

    def _is_current(self, entry: PersonaEntry) -> bool:
        return bool(self._current.persona) and entry.persona.name == self._current.persona

    @property
    def _entry(self) -> PersonaEntry | None:
        """The persona under the cursor; None for nobody."""
        place = self.query_one(OptionList).highlighted or 0
        return self._entries[place - 1] if 0 < place <= len(self._entries) else None

    @on(OptionList.OptionHighlighted)
    def _preview(self) -> None:
        entry = self._entry
        self.query_one(".preview", Static).update(_preview(entry) if entry else _preview_of_nobody())
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_read_on(self, by: int) -> None:
        page = self.query_one(VerticalScroll)
        (page.scroll_page_down if by > 0 else page.scroll_page_up)()

    # ---- choosing

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.action_use()

    def action_use(self, is_new_chat: bool = False) -> None:
        entry = self._entry
        if entry is not None and entry.problem:
            self.notify(entry.problem, severity="warning", markup=False)
        else:
            self.dismiss(Choice(entry.persona if entry else None, is_new_chat))

    # ---- making and changing

    @work
    async def action_new(self) -> None:
        """A new one, which begins as this pane is set."""
        usual = self._current.system_prompt if not self._current.persona else ""
        await self._fill_in("New persona", Persona(system_prompt=usual), library.save_persona)

    @work
    async def action_edit(self) -> None:
        if entry := self._usable():
            title = f"Edit {entry.persona.name}"
            await self._fill_in(title, entry.persona, lambda p: library.save_persona(p, entry.key))

    @work
    async def action_duplicate(self) -> None:
        if entry := self._usable():
            title = f"A copy of {entry.persona.name}"
            copy = await asyncio.to_thread(library.copied, entry.persona)
            await self._fill_in(title, copy, library.save_persona)

    async def _fill_in(self, title: str, persona: Persona, save: Callable[[Persona], str]) -> None:
        key = await self.app.push_screen_wait(PersonaForm(title, persona, save))
        if key:
            await self._list(key)

    def _usable(self) -> PersonaEntry | None:
        """The one under the cursor; tells why when it cannot be used."""
        entry = self._entry
        if entry is None:
            self.notify("Go to a persona first.", markup=False)
        elif entry.problem:
            self.notify(
                f"{entry.problem} Mend it in an editor, or delete it.", severity="warning", markup=False
            )
            return None
        return entry

    @work
    async def action_delete(self) -> None:
        entry = self._entry
        if entry is None or not entry.is_own:
            self.notify("Only a persona of your own can be deleted.", markup=False)
            return
        after = (
            "The one that ships with the program comes back."
            if entry.is_changed
            else "This cannot be undone."
        )
        question = Question(f"Delete {one_line(entry.persona.name, 40)}?", after, yes="Delete")
        if not await self.app.push_screen_wait(question):
            return
        try:
            self.notify(await asyncio.to_thread(library.delete_persona, entry.key), markup=False)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        await self._list(entry.key)

    # ---- from elsewhere, and to elsewhere

    @work
    async def action_import(self) -> None:
        text: str | None = ""
        while text := await self.app.push_screen_wait(
            AskText("Import a persona from which file?", text or "", "such as ~/Downloads/guide.toml")
        ):
            try:
                path = typed_path(text.strip())
                persona = await asyncio.to_thread(library.read_persona, path)
                other = await asyncio.to_thread(library.in_the_way_of, persona)
                if other is None or await self._may_replace(other.persona.name):
                    imported = await asyncio.to_thread(library.import_persona, path, is_replacing=True)
                    await self._list(imported.key)
                    self.notify("Imported.", markup=False)
                return
            except UserError as error:
                self.notify(str(error), severity="error", markup=False)

    @work
    async def action_export(self) -> None:
        entry = self._usable()
        text: str | None = f"{entry.key}{library.SUFFIX}" if entry else None
        while entry and (
            text := await self.app.push_screen_wait(AskText("Write it to which file or folder?", text or ""))
        ):
            try:
                path = await asyncio.to_thread(library.export_path, entry, text.strip())
                if not await asyncio.to_thread(path.exists) or await self._may_replace(str(path)):
                    await asyncio.to_thread(library.export_persona, entry, text.strip(), is_replacing=True)
                    self.notify(f"Written to {path}.", markup=False)
                return
            except UserError as error:
                self.notify(str(error), severity="error", markup=False)

    async def _may_replace(self, what: str) -> bool:
        question = Question(f"Replace {one_line(what, 48)}?", "It is there already.", yes="Replace")
        return await self.app.push_screen_wait(question)


def _row(name: str, is_current: bool, is_broken: bool = False) -> Content:
    mark = Content.styled("● " if is_current else "  ", "$accent")
    shown = plain(one_line(name, 40))
    return Content.assemble(mark, shown.stylize("$text-error") if is_broken else shown)


def _preview_of_nobody() -> Content:
    return _preview(PersonaEntry("", replace(_NOBODY), is_own=False), facts="")


def _preview(entry: PersonaEntry, facts: str | None = None) -> Content:
    persona = entry.persona
    if entry.problem:
        return Content("\n\n").join(
            [plain(persona.name).stylize("bold"), plain(entry.problem).stylize("$text-error")]
        )
    owner = "yours, in place of the one that ships" if entry.is_changed else "yours"
    parts = [plain(persona.name).stylize("bold $text-primary")]
    parts += [plain(persona.description)] if persona.description else []
    if facts is None:
        facts = _facts(persona, owner if entry.is_own else "ships with tui-chat")
    parts += [plain(facts).stylize("dim")] if facts else []
    for title, text in (
        ("It is told first", persona.system_prompt),
        ("It says hello with", persona.greeting),
    ):
        if text:
            heading = Content.styled(title, "$text-accent")
            parts.append(Content("\n").join([heading, plain(text.strip("\n"))]))
    return Content("\n\n").join(parts)


def _facts(persona: Persona, owner: str) -> str:
    settings = [f"{name.replace('_', ' ')} {value}" for name, value in persona.generation.items()]
    return "\n".join(
        ["  ·  ".join([owner, persona.model or "any model"]), *filter(None, ["  ·  ".join(settings)])]
    )
