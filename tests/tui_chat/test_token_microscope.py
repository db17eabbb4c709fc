"""The token microscope: a reply is opened, walked through, explained, and forked without losing anything."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationEvent, GenerationSettings, TextChunk, Token
from engine.inspection import Candidate, InspectedToken, Inspection, InspectionDone
from engine.wire import Inspect
from tests.tui_chat.fake_engine import FakeEngine, FakeEngines, fake_app, until
from tests.tui_chat.test_chat_screen import said, screen_text, send, settled
from tests.tui_chat.test_checkpoint_steps import add_checkpoint
from tui_chat.app import TuiChatApp
from tui_chat.chat_session import ChatSession
from tui_chat.chat_settings import ChatSettings
from tui_chat.commands import go_to
from tui_chat.conversation_tree import Place
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.engines import Engines
from tui_chat.reply_tokens import ReplyTokens
from tui_chat.screens.token_microscope import TokenMicroscope
from tui_chat.token_look import Look, look_at, weights_of
from tui_chat.token_table import TokenLook
from tui_chat.widgets.token_choices import TokenChoices
from tui_chat.widgets.token_flow import TokenFlow
from tui_chat.widgets.token_strip import TokenStrip

WORDS = ["The", " sea", " is", "\n", "\x1b[31m", " blue", "<|end|>"]
SPECIAL = 6
PROMPT = ["<|user|>", "hi", "<|assistant|>"]
OTHER = 100  # id of the token that could have been said instead
SIZES = [(80, 24), (120, 40), (200, 60)]


class TokenFakeEngine(FakeEngine):
    """Says WORDS, a token each; with a prefix these tokens, and then "!"."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: list[Inspect] = []
        self.prefixes: list[Sequence[int]] = []
        self.inspect_error: UserError | None = None

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        settings: GenerationSettings,
        reference: str = "",
        prefix: Sequence[int] = (),
    ) -> AsyncIterator[GenerationEvent]:
        self.asked.append(tuple(messages))
        self.settings.append(settings)
        self.prefixes.append(tuple(prefix))
        await self.load()
        ids = [*prefix, 101] if prefix else list(range(SPECIAL))
        for token_id in ids:
            text = WORDS[token_id] if token_id < OTHER else {OTHER: " lake", 101: "!"}[token_id]
            yield TextChunk(text=text, tokens=(Token(token_id=token_id, logprob=-1.0),), seconds=0.002)
        yield GenerationDone(
            finish_reason="end_of_text",
            prompt_tokens=3,
            completion_tokens=len(ids),
            seed=7,
            end_token_id=SPECIAL,
        )

    async def inspect(self, request: Inspect, on_tokens: Callable[[int], None] | None = None) -> Inspection:
        self.looked.append(request)
        if self.inspect_error:
            raise self.inspect_error
        ids = request.reply_ids if request.reply_ids is not None else tuple(range(SPECIAL))
        prompt = [InspectedToken(part="prompt", token_id=50 + n, text=word, spelling=word, is_special=n != 1)
                  for n, word in enumerate(PROMPT)]  # fmt: skip
        reply = [inspected(token_id) for token_id in ids]
        done = InspectionDone(
            vocab_size=1000,
            context_length=64,
            prompt_tokens=3,
            reply_tokens=len(ids),
            dropped_messages=2,
            was_retokenized=request.reply_ids is None,
        )
        if on_tokens is not None:
            on_tokens(3)
        return Inspection(tokens=(*prompt, *reply), done=done)


def inspected(token_id: int) -> InspectedToken:
    word = WORDS[token_id] if token_id < OTHER else " lake"
    probability = 0.04 if token_id == 1 else 0.6
    return InspectedToken(
        part="reply",
        token_id=token_id,
        text="" if token_id == SPECIAL else word,
        spelling=word,
        is_special=token_id == SPECIAL,
        logprob=math.log(probability),
        rank=2 if token_id == 1 else 1,
        entropy=1.25,
        drawn=0.125,
        choices=9,
        candidates=(
            Candidate(token_id=OTHER, text=" lake", logprob=math.log(0.3), drawn=0.4),
            Candidate(token_id=token_id, text=word, logprob=math.log(probability), drawn=0.125),
            Candidate(token_id=102, text="\x1b]52;c;eA==\x07", logprob=math.log(0.01), drawn=0.0),
        ),
    )


async def opened(
    pilot: Pilot[None], app: TuiChatApp, key: str = "f9"
) -> tuple[TokenMicroscope, TokenFakeEngine]:
    engine = app.engines.engine_for("builtin")
    assert isinstance(engine, TokenFakeEngine)
    await send(pilot, "hi")
    await until(pilot, lambda: settled(app.chat.pane, 2))
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, TokenMicroscope))
    await until(pilot, lambda: "bits each" in screen_text(app))
    assert isinstance(app.screen, TokenMicroscope)
    return app.screen, engine


def app_with_tokens(conversations: Conversations | None = None) -> TuiChatApp:
    return fake_app(FakeEngines({"builtin": TokenFakeEngine()}), conversations)


@pytest.mark.parametrize("size", SIZES)
async def test_a_reply_is_shown_token_by_token_with_its_figures(size: tuple[int, int]) -> None:
    app = app_with_tokens()
    async with app.run_test(size=size) as pilot:
        _, engine = await opened(pilot, app)
        await pilot.press("right")
        await until(pilot, lambda: "reply token 2" in screen_text(app))
        text = screen_text(app)
        for words in (
            "The sea is⏎",
            "␛[31m blue<|end|>",
            "7 tokens",
            "4.00 %",
            "12.5 %",
            "1.25 bits",
            "2.0 ms",
        ):
            assert words in text
        for words in ("·lake", "30.0 %", "40.0 %", "cut", "own", "drawn", "≥ 50 %"):
            assert words in text
        assert "\x1b" not in text
        assert engine.looked[0].reply_ids == tuple(range(7))
        assert [message.content for message in engine.looked[0].messages] == ["hi"]


@pytest.mark.parametrize("size", SIZES)
async def test_another_token_forks_the_reply_and_nothing_is_lost(size: tuple[int, int]) -> None:
    conversations = Conversations.in_memory()
    app = app_with_tokens(conversations)
    async with app.run_test(size=size) as pilot:
        _, engine = await opened(pilot, app)
        before = said(app.chat.pane)
        await pilot.press("right", "enter", "enter")
        await until(pilot, lambda: not isinstance(app.screen, TokenMicroscope))
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert engine.prefixes[-1] == (0, OTHER)
        assert engine.settings[-1].seed == 7
        assert said(app.chat.pane)[1] == ("assistant", "The lake!", "complete")
        (talk,) = conversations.newest()
        kept = conversations.messages(talk.id)
        assert [(m.role, m.content, m.status) for m in kept[:2]] == before
        fork = app.chat.pane.session.messages[1]
        assert (fork.id, fork.parent) == (kept[2].id, kept[0].id)
        assert app.chat.pane.session.tree.place_of(fork.id) == Place(2, 2)
        tokens = conversations.tokens_of(fork.id)
        assert tokens is not None and tokens.ids == (0, OTHER, 101, SPECIAL)


async def test_a_fork_goes_on_with_the_model_that_said_the_reply() -> None:
    first, second = TokenFakeEngine(), TokenFakeEngine()
    app = fake_app(FakeEngines({"builtin": first, "other": second}))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("escape")
        pane = app.chat.pane
        await pane.change_settings(pane.settings.with_changes("model", model="other"))
        await pilot.press("f9")
        await until(pilot, lambda: "7 tokens" in screen_text(app))
        await pilot.press("right", "enter", "enter")
        await until(pilot, lambda: settled(pane, 2) and said(pane)[1][1] == "The lake!")
        assert pane.settings.model == pane.session.messages[1].model == "builtin"
        assert first.prefixes[-1] == (0, OTHER) and not second.asked


async def test_a_click_goes_to_an_alternative_and_a_second_one_takes_it() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        screen, engine = await opened(pilot, app)
        choices = screen.query_one(TokenChoices)
        choices.highlighted = 1
        await pilot.click(TokenChoices, offset=(5, 0))
        assert app.screen is screen and choices.highlighted == 0
        await pilot.click(TokenChoices, offset=(5, 0))
        await until(pilot, lambda: app.screen is not screen)
        await until(pilot, lambda: engine.prefixes[-1] == (OTHER,))


async def test_the_palette_leads_away_from_it() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        await go_to(app, "chat")
        assert app.screen is app.chat


def test_a_reply_that_was_cut_can_be_gone_on_with() -> None:
    settings = GenerationSettings(max_new_tokens=2)
    request = Inspect(request=0, settings=settings)
    message = StoredMessage(5, 1, "assistant", "The sea", model="builtin", seed=7)
    look = Look(message, TokenFakeEngine(), request, ReplyTokens((0, 1), (0.1, 0.1)))
    end = InspectedToken(part="next", token_id=-1, text="", spelling="", candidates=inspected(2).candidates)
    done = InspectionDone(vocab_size=1000, context_length=64, prompt_tokens=0, reply_tokens=2)
    inspection = Inspection(tokens=(inspected(0), inspected(1), end), done=done)
    fork = look.fork(inspection, 2, end.candidates[1])
    assert fork.prefix == (0, 1, 2)
    assert fork.generation.max_new_tokens > 2 + 10  # room to go on
    assert look.seconds(inspection) == [0.1, 0.1, None]


async def test_the_token_that_was_said_forks_nothing() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        _, engine = await opened(pilot, app)
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: any("with this token already" in n.message for n in app._notifications))
        assert isinstance(app.screen, TokenMicroscope) and engine.prefixes == [()]


async def test_the_bars_show_every_peak_and_a_click_goes_there() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        screen, _ = await opened(pilot, app)
        strip = screen.query_one(TokenStrip)
        lengths: list[float | None] = [0.0] * 5000
        lengths[4321] = 9.0
        strip.show(3, lengths, [0] * 5000, "surprise")
        await pilot.pause()
        assert str(strip.content).count("█") == 4  # a bar of full height among five thousand tokens
        strip.show(3, [1.0] * 7, [0] * 7, "surprise")
        await pilot.click("#mic-strip", offset=(4, 2))  # bars are three cells wide
        await pilot.pause()
        assert screen.query_one(TokenFlow).cursor == 4


async def test_the_prompt_is_shown_as_the_model_read_it_and_cannot_be_forked() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        assert "<|user|>" not in screen_text(app)
        await pilot.press("p")
        await until(pilot, lambda: "<|user|>hi<|assistant|>" in screen_text(app))
        assert "2 older messages did not fit into 64 tokens: not read" in screen_text(app)
        assert "prompt: 3 tokens" in screen_text(app)
        assert "Nothing stands before this token" in screen_text(app)
        await pilot.press("enter")
        assert isinstance(app.screen, TokenMicroscope)
        await pilot.press("p")
        await until(pilot, lambda: "<|user|>" not in screen_text(app))


async def test_the_cursor_goes_by_lines_by_surprise_and_by_the_mouse() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        screen, _ = await opened(pilot, app)
        flow = screen.query_one("#mic-flow")
        await pilot.press("n")
        assert flow.cursor - 3 == 1  # type: ignore[attr-defined]  # " sea", which it hardly expected
        await pilot.press("down")
        assert flow.cursor - 3 in (4, 5)  # type: ignore[attr-defined]
        await pilot.press("end")
        assert flow.cursor - 3 == SPECIAL  # type: ignore[attr-defined]
        await pilot.click("#mic-flow", offset=(5, 0))
        assert flow.cursor - 3 == 1  # type: ignore[attr-defined]


async def test_colours_change_with_the_figure_and_every_figure_is_explained() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        for name in ("rank", "entropy", "time", "probability"):
            await pilot.press("c")
            await until(pilot, lambda: f"{name}  " in screen_text(app).splitlines()[-2])  # noqa: B023
        await pilot.press("question_mark")
        await until(pilot, lambda: "softmax" in screen_text(app))
        assert "12.5 %" in screen_text(app)


async def test_without_colours_steps_show_by_their_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_with_tokens()
    async with app.run_test(size=(80, 24)) as pilot:
        screen, _ = await opened(pilot, app)
        await pilot.press("right", "right")
        strip = screen.query_one("#mic-flow").render_line(0)  # type: ignore[attr-defined]
        styles = {segment.text: segment.style for segment in strip}
        assert styles[" sea"].underline and not styles["The"].underline
        assert styles[" is"].reverse


async def test_a_message_is_opened_by_key_and_only_replies_are() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        views = app.chat.pane.transcript.views
        views[0].focus()
        await pilot.press("i")
        assert not isinstance(app.screen, TokenMicroscope)
        views[1].focus()
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, TokenMicroscope))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, TokenMicroscope))


async def test_a_reply_of_before_tokens_were_kept_says_so() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("old", "builtin")
    conversations.add(StoredMessage(0, talk.id, "user", "hi"))
    conversations.add(
        StoredMessage(
            0, talk.id, "assistant", "The sea is", model="builtin", model_name="old one", prompt_tokens=9
        )
    )
    app = app_with_tokens(conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.chat.pane.open(talk)
        await pilot.press("f9")
        await until(pilot, lambda: "was cut into tokens anew" in screen_text(app))
        assert "had 9 tokens then and has 3 now" in screen_text(app)


async def test_what_no_model_here_said_is_told_in_a_sentence() -> None:
    engines = FakeEngines()  # whose tokens nobody can ask for
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f9")
        await until(pilot, lambda: any("no reply of a model" in n.message for n in app._notifications))
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("f9")
        await until(pilot, lambda: any("on a server" in notice.message for notice in app._notifications))
        assert not isinstance(app.screen, TokenMicroscope)


async def test_an_engine_that_cannot_look_says_why_and_nothing_breaks() -> None:
    app = app_with_tokens()
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        engine = app.engines.engine_for("builtin")
        assert isinstance(engine, TokenFakeEngine)
        engine.inspect_error = UserError("The reply has tokens that this model does not know.")
        await pilot.press("f9")
        await until(pilot, lambda: "does not know" in screen_text(app))
        await pilot.press("enter", "p", "c", "question_mark", "right", "n", "escape")
        await until(pilot, lambda: not isinstance(app.screen, TokenMicroscope))


async def test_a_thousand_tokens_open_and_move_at_once() -> None:
    class LongEngine(TokenFakeEngine):
        async def inspect(
            self, request: Inspect, on_tokens: Callable[[int], None] | None = None
        ) -> Inspection:
            short = await super().inspect(request)
            return Inspection(tokens=(*short.tokens, *(inspected(1) for _ in range(3000))), done=short.done)

    app = fake_app(FakeEngines({"builtin": LongEngine()}))
    async with app.run_test(size=(120, 40)) as pilot:
        screen, _ = await opened(pilot, app)
        async with asyncio.timeout(20):
            await pilot.press("end", "pageup", "home", "pagedown")
        assert screen.query_one("#mic-flow").virtual_size.height > 100


async def test_the_command_line_prints_the_same_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    engine = TokenFakeEngine()
    look = TokenLook(engine, [ChatMessage(role="user", content="hi")], GenerationSettings())
    async for event in engine.stream([], GenerationSettings()):
        look.take(event)
    told = await look.tell(as_table=True)
    assert [token["token_id"] for token in told] == list(range(7))
    table = capsys.readouterr().out
    assert "·sea" in table and "<|end|>" in table and "\x1b" not in table


def test_a_model_on_a_server_is_not_asked_for_tokens() -> None:
    with pytest.raises(UserError, match="runs on a server"):
        TokenLook(FakeEngine(), "hi", GenerationSettings())


@pytest.mark.parametrize(
    ("step", "reference", "note"),
    [(500, "run:poet@step-500", ""), (123, "", "step 123 were not kept")],
)
def test_the_weights_of_then_are_looked_with_where_they_were_kept(
    home: Path, step: int, reference: str, note: str
) -> None:
    add_checkpoint(500, 2.5)
    message = StoredMessage(1, 1, "assistant", "Hi", model="run:poet@latest", step=step)
    found, words = weights_of(message)
    assert found == reference
    assert note in words


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (StoredMessage(1, 1, "user", "Hi"), "Only replies of a model"),
        (StoredMessage(1, 1, "assistant", "Knock", model_name="tui-chat"), "tui-chat told this by itself"),
        (StoredMessage(1, 1, "assistant", "Hi", model="api:x/y"), "came from a server"),
        (StoredMessage(1, 1, "assistant", "H", model="builtin", status="streaming"), "still being written"),
        (StoredMessage(1, 1, "assistant", "", model="builtin"), "Nothing was said"),
    ],
)
async def test_what_cannot_be_looked_at_is_refused_in_a_sentence(message: StoredMessage, words: str) -> None:
    conversations = Conversations.in_memory()
    engines = Engines(FakeEngines(), lambda reference: None)
    session = ChatSession(conversations, ChatSettings())
    with pytest.raises(UserError, match=words):
        await look_at(session, message, engines, conversations)
