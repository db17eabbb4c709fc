"""The prompt with what stands around it: the list of commands, and the files that go out with the message.

    PromptInput.Submitted -> a command is given here; a message goes on to the pane, with its files

The one rule: text leaves the box when its command or its message was taken, and comes back when that went wrong.
"""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import OptionList, TextArea
from textual.widgets.text_area import Document, Selection

from engine.errors import UserError
from tui_chat.key_bindings import key_in_words
from tui_chat.widgets.attached_files import AttachedFiles
from tui_chat.widgets.completion_list import CompletionList
from tui_chat.widgets.prompt_input import PromptInput
from tui_chat.workers import start_worker

if TYPE_CHECKING:
    from tui_chat.prompt_templates import PromptTemplate
    from tui_chat.slash_commands import Given, SlashCommands
    from tui_chat.widgets.chat_pane import ChatPane


def _commands() -> SlashCommands[ChatPane]:
    from tui_chat.pane_commands import pane_commands  # here: when the first slash is typed

    return pane_commands()


class PromptBox(Vertical):
    """Where a pane is talked to."""

    def __init__(self, pane: ChatPane, enter_sends: bool) -> None:
        super().__init__()
        self.prompt = PromptInput(enter_sends)
        self._pane = pane
        self._list = CompletionList(_commands, pane)
        self.attached = AttachedFiles()
        self._blanks: tuple[str, ...] = ()  # of the template in the box, that are still to be filled in
        self._was_told_of_blanks = False
        self._aside = ""  # a draft that makes room for a command, until that is given or taken out again

    def compose(self) -> ComposeResult:
        yield self._list
        yield self.attached
        yield self.prompt

    # ---- keys that are wanted here

    @on(TextArea.Changed)
    def follow_text(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._aside and not self.prompt.text:
            aside, self._aside = self._aside, ""
            self.prompt.put(aside)
            return
        is_command = self.prompt.begins_a_command and not self.prompt.is_in_history
        self._list.suggest(self.prompt.text if is_command else "")
        self._was_told_of_blanks = False
        if not self.prompt.text:
            self._blanks = ()  # they went with the text
        self._ask_for_keys()

    @on(AttachedFiles.Changed)
    @on(CompletionList.Listed)
    def _ask_for_keys(self) -> None:
        self.prompt.sends_nothing = bool(self.attached.files)
        keys = ["up", "down", "tab", "escape"] if self._list.is_open else []
        keys += ["tab"] if self._blanks else []
        keys += ["backspace"] if self.attached.files else []
        self.prompt.take_keys(*keys)

    @on(PromptInput.Offered)
    def take_key(self, event: PromptInput.Offered) -> None:
        event.stop()
        match event.key:
            case "up" | "down":
                self._list.move(-1 if event.key == "up" else 1)
            case "escape":
                self._list.dismiss()
                self._ask_for_keys()
            case "backspace":
                self.attached.take_away(self.attached.files[-1:])
            case "tab" if self.prompt.begins_a_command:
                if text := self._list.chosen(self.prompt.text, or_first=True):
                    self.prompt.put(text)
                else:
                    self._list.await_first(self.prompt.text)
            case "tab":
                self.go_to_blank()

    @on(CompletionList.Completed)
    def take_awaited(self, event: CompletionList.Completed) -> None:
        event.stop()
        if self.prompt.text == event.text:
            self.prompt.put(event.completed)

    @on(OptionList.OptionSelected)
    def take_clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if text := self._list.chosen(self.prompt.text, event.option_index):
            self.prompt.put(text)
            if self._list.is_whole(text):
                self._read(text)
        self.prompt.focus()

    # ---- what was typed

    @on(PromptInput.Submitted)
    def submit(self, event: PromptInput.Submitted) -> None:
        """A command is given; a message goes on, as it is to be sent."""
        typed = event.text
        if self._list.is_open and (text := self._list.chosen(typed)) and self.prompt.text == typed:
            self.prompt.put(text)
            if not self._list.is_whole(text):
                event.stop()
                return
            typed = text
        if self._has_blank(typed):
            event.stop()
            return
        message = self._read(typed)
        if message is None:
            event.stop()
            return
        event.text = self._with_files(message)
        self.prompt.is_sent_as(typed, event.text)

    def _read(self, typed: str) -> str | None:
        """The message that was typed; None when it was a command, or is refused."""
        if not typed.startswith("/"):
            return typed
        try:
            read = _commands().read(typed)
        except UserError as error:
            self.notify(str(error), severity="warning", markup=False)
            return None
        if isinstance(read, str):
            return read
        self.prompt.accept(typed)
        self.give(read, typed)
        return None

    def give(self, given: Given[ChatPane], typed: str = "") -> None:
        """Do what a command says; what was `typed` comes back when that cannot be done."""
        start_worker(self._pane, partial(self._give, given, typed), group="command")

    async def _give(self, given: Given[ChatPane], typed: str) -> None:
        try:
            result: Any = given.command.run(self._pane, given.argument)
            if inspect.isawaitable(result):
                await result
        except UserError as error:
            self.notify(str(error), severity="warning", markup=False)
            if typed and not self.prompt.text:
                self.prompt.put(typed)
                self._list.dismiss()

    def _with_files(self, message: str) -> str:
        if not self.attached.files:
            return message
        from tui_chat.attachments import message_with  # here: when a file is attached

        return message_with(message, self.attached.files)

    @on(PromptInput.Accepted)
    def take_files_away(self, event: PromptInput.Accepted) -> None:
        """The files are in the message, which is safe."""
        event.stop()
        if not any(blank in self.prompt.text for blank in self._blanks):
            self._blanks = ()
        if self.attached.files and event.text.startswith(self._with_files("")):
            self.attached.take_away(self.attached.files)

    # ---- files, templates, the editor, the history

    @on(PromptInput.Wished)
    def fulfil(self, event: PromptInput.Wished) -> None:
        """A key for something that is also a command."""
        event.stop()
        command = _commands().named(event.what)
        assert command is not None
        from tui_chat.slash_commands import Given  # here: when the first of them is wanted

        if command.needs_argument:
            self.begin(f"/{command.name} ")
        else:
            self.give(Given(command, ""))

    def begin(self, command: str) -> None:
        """Put the beginning of a command into the box; a draft that is there comes back afterwards."""
        text = self.prompt.text
        if text.strip() and not self.prompt.begins_a_command:
            self._aside = text
        self.prompt.put(command)

    async def attach(self, path: str) -> None:
        """Let a text file go out with the next message.

        Raises:
            UserError: when it is none, or cannot be read.
        """
        from tui_chat.attachments import problem_of_length, read_attachment

        self.attached.attach(await asyncio.to_thread(read_attachment, path))
        model = self._pane.model.engine.model  # None until it is loaded
        if model and (problem := problem_of_length(self.attached.files, model)):
            self.notify(problem, severity="warning", timeout=10, markup=False)

    @on(PromptInput.TooLong)
    def attach_pasted(self, event: PromptInput.TooLong) -> None:
        """What the box cannot hold goes out as a file, whole."""
        event.stop()
        from tui_chat.attachments import pasted

        self.attached.attach(pasted(event.text, [file.name for file in self.attached.files]))
        key = key_in_words(self.prompt, "prompt.delete")
        words = f"A line of {max(map(len, event.text.splitlines())):,} characters is too long for the box."
        self.notify(f"{words} It goes out as a file; {key} in the empty box takes it away.", markup=False)

    def use_template(self, template: PromptTemplate) -> None:
        """Put a template before what is in the box, and go to its first blank."""
        text = self.prompt.text
        self.prompt.put(f"{template.prompt}\n{text}" if text.strip() else template.prompt)
        self._blanks = template.blanks
        self._ask_for_keys()
        self.go_to_blank(from_start=True)

    def go_to_blank(self, from_start: bool = False) -> bool:
        """Select the next blank of the template; False when there are no more."""
        from tui_chat.prompt_templates import next_blank

        prompt, document = self.prompt, self.prompt.document
        assert isinstance(document, Document)
        after = 0 if from_start else document.get_index_from_location(prompt.cursor_location)
        place = next_blank(prompt.text, self._blanks, after)
        if place is None:
            self._blanks = ()
            self._ask_for_keys()
            return False
        start, end = map(document.get_location_from_index, place)
        prompt.selection = Selection(start, end)
        return True

    def _has_blank(self, typed: str) -> bool:
        """Whether the user may have forgotten a blank: it is shown once, and sent the second time."""
        if not self._blanks or self._was_told_of_blanks or not any(blank in typed for blank in self._blanks):
            return False
        self._was_told_of_blanks = self.go_to_blank(from_start=True)
        prompt = self.prompt
        following = key_in_words(prompt, "prompt.complete")
        send = key_in_words(prompt, "prompt.send" if prompt.enter_sends else "prompt.newline")
        words = f"{following} goes to the next blank; {send} again sends it as it is."
        self.notify(f"Something is still to be filled in. {words}", markup=False)
        return True

    @work(group="editor", exclusive=True)
    async def edit(self) -> None:
        """Take the text to the user's own editor and back."""
        from tui_chat.external_editor import edited

        draft = self.prompt.text
        try:
            text = await edited(self.app, draft)
        except UserError as error:
            self.notify(str(error), severity="warning", markup=False)
        else:
            if text != draft:
                self.prompt.put(text)
        self.prompt.focus()
