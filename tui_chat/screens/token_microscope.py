"""The token microscope: a reply token by token, with what the model thought before each of them.

    Left, Right    token by token     Enter    to the alternatives; there: go on with this token, in a reply beside it
    c              colour by probability, rank, entropy, time        p    the prompt too, as the model saw it

The one rule: it only looks. A fork is asked for by closing with it; the reply itself is never changed.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import UserError
from engine.inspection import InspectedToken, Inspection
from tui_chat import token_words
from tui_chat.key_bindings import key_in_words
from tui_chat.reply_tokens import Fork
from tui_chat.text import one_line, plain
from tui_chat.token_look import Look, summary
from tui_chat.widgets import token_shades
from tui_chat.widgets.app_header import AppHeader
from tui_chat.widgets.key_hints import KeyHints
from tui_chat.widgets.token_choices import TokenChoices
from tui_chat.widgets.token_flow import TokenFlow
from tui_chat.widgets.token_layout import NOTE
from tui_chat.widgets.token_strip import TokenStrip

_ROOMY = 54  # lines; from there on the sentences about the figures stand beside them


class TokenMicroscope(Screen[Fork | None]):
    """Gives the fork that is wanted, or None."""

    CSS_PATH = "token_microscope.tcss"
    TITLE = "Token microscope"
    BINDING_GROUP_TITLE = "Token microscope"
    HELP = "Every token, with what the model thought before it. A fork is a reply beside this one: nothing is lost."
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (160, "-wide")]  # noqa: RUF012 - typed by its base
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Alternatives", id="microscope.choose"),
        Binding("c", "view(1)", "Colour", id="microscope.view"),
        Binding("C", "view(-1)", "Colour by the one before", id="microscope.previous_view", show=False),
        Binding("p", "prompt", "Prompt", id="microscope.prompt", tooltip="The prompt as the model saw it"),
        Binding("escape,q", "dismiss(None)", "Back", id="microscope.close"),
        Binding("question_mark", "explain", "Explain", id="microscope.explain"),
    ]

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._inspection: Inspection | None = None
        self._seconds: list[float | None] = []
        self._view = token_shades.VIEWS[0]
        self._with_prompt = False
        self._flow = TokenFlow(id="mic-flow")
        self._strip = TokenStrip(id="mic-strip")
        self._choices = TokenChoices(id="mic-alternatives")

    def compose(self) -> ComposeResult:
        """Words of the whole above, the text, and beside or below it what is known of one token."""
        yield AppHeader("chat")
        yield Static(id="mic-head", markup=False)
        with Container(id="mic-body"):
            with Vertical(id="mic-text"):
                yield self._flow
                yield self._strip
                yield Static(id="mic-legend", markup=False)
            with Container(id="mic-panel"):
                yield Static(id="mic-facts", markup=False)
                with Vertical(id="mic-choices"):
                    yield Static(id="mic-choices-head", markup=False)
                    yield self._choices
                yield Static(_explanations(), id="mic-words", markup=False)
        yield KeyHints()

    def on_mount(self) -> None:
        """Read the reply once more."""
        self._flow.focus()
        is_loaded = self._look.engine.state in ("ready", "answering")
        self._tell("reading the reply once more …" if is_loaded else "loading the model …")
        self._inspect()

    @work(exclusive=True, group="inspect")
    async def _inspect(self) -> None:
        try:
            self._inspection = await self._look.engine.inspect(
                self._look.request, lambda count: self._tell(f"{count:,} tokens read …")
            )
        except UserError as error:
            self._tell(str(error), "$text-error")
            return
        self._seconds = self._look.seconds(self._inspection)
        self._tell(summary(self._look, self._inspection))
        self._show_text()

    def _tell(self, words: str, look: str = "$foreground 70%") -> None:
        name = one_line(self._look.message.model_name, 40) or "Model"
        lines = [Content.assemble((name, "bold $text-accent"), " · ", plain(words).stylize(look))]
        if self._inspection is not None:
            notes = self._look.notes_on(self._inspection)
            lines += [Content.styled(f"! {note}", "$text-warning") for note in notes]
        self.query_one("#mic-head", Static).update(Content("\n").join(lines))

    # ---- the text

    def _show_text(self, cursor: int | None = None) -> None:
        inspection = self._inspection
        if inspection is None:
            return
        before = len(inspection.of("prompt"))
        pieces = self._pieces(inspection, before)
        special = {number for number, token in enumerate(inspection.tokens) if token.is_special}
        self._flow.show(pieces, self._steps(), special, before if cursor is None else cursor)
        self._show_view()
        self._show_token()

    def _pieces(self, inspection: Inspection, before: int) -> list[tuple[int, str]]:
        numbered = [(n, token_words.in_text(token)) for n, token in enumerate(inspection.tokens)]
        if not self._with_prompt:
            return numbered[before:]
        done = inspection.done
        pieces = []
        if dropped := done.dropped_messages:
            words = "1 older message" if dropped == 1 else f"{dropped:,} older messages"
            pieces.append((NOTE, f"{words} did not fit into {done.context_length:,} tokens: not read"))
        if done.dropped_tokens:
            pieces.append((NOTE, f"{done.dropped_tokens:,} tokens did not fit: not read"))
            pieces += numbered[: done.dropped_tokens]
        pieces.append(
            (NOTE, f"prompt: {done.prompt_tokens - done.dropped_tokens:,} tokens, as the model read them")
        )
        pieces += numbered[done.dropped_tokens : before]
        pieces.append((NOTE, f"reply: {done.reply_tokens:,} tokens"))
        return pieces + numbered[before:]

    def _steps(self) -> list[int | None]:
        assert self._inspection is not None
        return token_shades.steps_of(self._view, self._inspection.tokens, self._seconds)

    def _show_view(self) -> None:
        inspection, view, steps = self._inspection, self._view, self._steps()
        assert inspection is not None
        self._flow.shade(steps)
        first = 0 if self._with_prompt else len(inspection.of("prompt"))
        timed = list(zip(inspection.tokens, self._seconds, strict=True))[first:]
        self._strip.show(
            first, [view.length(*each) for each in timed], steps[first:], f"{view.bars} of each token"
        )
        legend = token_shades.legend(self._view, token_shades.palette_of(self.app))
        self.query_one("#mic-legend", Static).update(legend)

    # ---- one token

    @property
    def _token(self) -> InspectedToken | None:
        """The token under the cursor."""
        return self._inspection.tokens[self._flow.cursor] if self._inspection else None

    @on(TokenStrip.Chosen)
    def _go_to(self, event: TokenStrip.Chosen) -> None:
        self._flow.go_to(event.token)

    @on(TokenFlow.Moved)
    def _show_token(self) -> None:
        if (token := self._token) is None:
            return
        self.query_one("#mic-facts", Static).update(self._facts(token))
        self._strip.mark(self._flow.cursor)
        self._choices.highlighted = None
        self._choices.show(token)
        self.call_after_refresh(self._show_heading)

    def on_resize(self) -> None:
        self.set_class(self.size.width >= 160 and self.size.height >= _ROOMY, "-roomy")
        self.call_after_refresh(self._show_token)

    def _show_heading(self) -> None:
        has_any = self._token is not None and bool(self._token.candidates)
        heading = self._choices.heading() if has_any else Content("Nothing stands before this token.")
        self.query_one("#mic-choices-head", Static).update(heading)

    def _facts(self, token: InspectedToken) -> Content:
        assert self._inspection is not None
        place, before = self._flow.cursor, len(self._inspection.of("prompt"))
        number = place + 1 if token.part == "prompt" else place - before + 1
        where = {"prompt": f"prompt token {number:,}", "reply": f"reply token {number:,}"}
        lines = [
            Content.assemble((f" {self._spelled(token)} ", "bold reverse")),
            Content.styled(
                f"{where[token.part]}, id {token.token_id:,}" if token.part in where else self._next_words(),
                "$foreground 60%",
            ),
            *self._remarks(token),
            Content(""),
        ]
        is_narrow = self.has_class("-narrow")
        vocab_size, settings = self._inspection.done.vocab_size, self._look.settings
        for figure in token_words.figures_of(token, vocab_size, settings, self._seconds[place]):
            note = "" if is_narrow else f"  {figure.note}"
            lines.append(
                Content.assemble(
                    (figure.name.ljust(13), "$foreground 60%"),
                    (figure.value.rjust(10), "bold"),
                    (note, "$foreground 50%"),
                )
            )
        return Content("\n").join(lines)

    def _spelled(self, token: InspectedToken) -> str:
        return "what would have come next" if token.part == "next" else token_words.alone(token.spelling)

    def _next_words(self) -> str:
        return "the reply was over here"

    def _remarks(self, token: InspectedToken) -> list[Content]:
        if token.is_special:
            return [Content.styled("a special token: no text can write it", "$foreground 60%")]
        if token.text and token.text != token.spelling and token.part != "next":
            return [Content.styled(f"completes {token_words.shown(token.text)}", "$foreground 60%")]
        if not token.text and token.part != "next":
            return [Content.styled("a part of a character", "$foreground 60%")]
        return []

    # ---- actions

    def action_view(self, by: int) -> None:
        """Colour by another figure."""
        views = token_shades.VIEWS
        self._view = views[(views.index(self._view) + by) % len(views)]
        if self._inspection is not None:
            self._show_view()

    def action_prompt(self) -> None:
        """Show the prompt, or leave it away; the cursor stays where it can."""
        if self._inspection is None:
            return
        self._with_prompt = not self._with_prompt
        before = len(self._inspection.of("prompt"))
        unread = self._inspection.done.dropped_tokens
        cursor = self._flow.cursor
        self._show_text(unread if self._with_prompt and before else max(cursor, before))

    def action_choose(self) -> None:
        """To the alternatives of this token."""
        if self._token is not None and self._token.candidates:
            self._choices.focus()
            self._choices.go_to_another()

    @on(TokenChoices.Left)
    def _back_to_text(self) -> None:
        self._choices.highlighted = None
        self._flow.focus()

    @on(TokenChoices.Taken)
    def _fork(self, event: TokenChoices.Taken) -> None:
        """Close with the reply that goes on with another token."""
        assert self._inspection is not None
        try:
            self.dismiss(self._look.fork(self._inspection, self._flow.cursor, event.candidate))
        except UserError as error:
            self.notify(str(error), markup=False)

    def action_explain(self) -> None:
        """Every figure of this token in words."""
        if (token := self._token) is None or self._inspection is None:
            return
        from tui_chat.screens.explain_numbers import ExplainNumbers  # here: only who asks needs it

        seconds = self._seconds[self._flow.cursor]
        figures = token_words.figures_of(
            token, self._inspection.done.vocab_size, self._look.settings, seconds
        )
        values = {"token": f"{self._spelled(token)}, id {token.token_id:,}"}
        values |= {figure.name: f"{figure.value}  {figure.note}" for figure in figures}
        self.app.push_screen(ExplainNumbers(values, None, token_words.EXPLANATIONS))

    @property
    def fork_key(self) -> str:
        """The key that forks, as it is bound now."""
        return key_in_words(self, "choices.take", TokenChoices)


def _explanations() -> Content:
    """One sentence or two about every figure."""
    parts = [
        Content.assemble((f"{name}  ", "bold $text-accent"), (words, "$foreground 60%"))
        for name, words in token_words.EXPLANATIONS.items()
    ]
    return Content("\n").join(parts)
