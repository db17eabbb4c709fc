"""The last question at every checkpoint of a run."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence

import pytest
from textual.pilot import Pilot

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationEvent, GenerationSettings
from engine.manifest import write_manifest
from engine.paths import runs_path
from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngine, FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.chat_session import ChatSession
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversation_tree import Place
from tui_chat.conversations import Conversations
from tui_chat.screens.checkpoint_steps import CheckpointSteps, kept_checkpoints, question_of

RUN = "run:poet@latest"
LOSSES = {250: 3.3, 500: 2.5, 750: 1.9}


class PoetEngine(FakeEngine):
    """Says which checkpoint it was asked to be."""

    hold: asyncio.Event | None = None

    async def stream(
        self, messages: Sequence[ChatMessage], settings: GenerationSettings, reference: str = ""
    ) -> AsyncIterator[GenerationEvent]:
        self.script = [f"I am {reference or 'the newest'}", *([self.hold] if self.hold else []), "."]
        async for event in super().stream(messages, settings, reference):
            yield event


def add_checkpoint(step: int, loss: float) -> None:
    folder = runs_path() / "poet" / "checkpoints" / f"step_{step:06d}"
    folder.mkdir(parents=True)
    (folder / "model_card.json").write_text(json.dumps({"name": "poet", "step": step, "val_loss": loss}))
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    write_manifest(folder)


@pytest.fixture
def engine() -> PoetEngine:
    for step, loss in LOSSES.items():
        add_checkpoint(step, loss)
    engine = PoetEngine(RUN)
    engine.step, engine.val_loss = 500, 2.5
    return engine


def app_with(engine: PoetEngine) -> TuiChatApp:
    return fake_app(FakeEngines({RUN: engine}), settings=f"TUI_CHAT_CHAT__MODEL={RUN}")


async def ask_and_step(app: TuiChatApp, pilot: Pilot[None]) -> CheckpointSteps:
    await send(pilot, "who are you")
    await until(pilot, lambda: settled(app.chat.pane, 2))
    await pilot.press("f5")
    await until(pilot, lambda: isinstance(app.screen, CheckpointSteps))
    assert isinstance(app.screen, CheckpointSteps)
    return app.screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_same_question_is_asked_at_the_checkpoints_before_and_after(
    engine: PoetEngine, size: tuple[int, int]
) -> None:
    app = app_with(engine)
    async with app.run_test(size=size) as pilot:
        await ask_and_step(app, pilot)
        await until(pilot, lambda: "step 500, validation loss 2.500   (2 of 3)" in screen_text(app))
        await until(pilot, lambda: "I am run:poet@step-500." in screen_text(app))
        await pilot.press("left")
        await until(pilot, lambda: "step 250, validation loss 3.300   (1 of 3)" in screen_text(app))
        await until(pilot, lambda: "I am run:poet@step-250." in screen_text(app))
        await pilot.press("left", "right", "right")
        await until(pilot, lambda: "I am run:poet@step-750." in screen_text(app))
        assert "keep_every" in screen_text(app)
        await pilot.press("escape")
        assert len(set(engine.asked)) == 1  # the same question
        assert {settings.seed for settings in engine.settings[1:]} == {1}  # the seed of the reply
        assert said(app.chat.pane)[1][1] == "I am the newest."


async def test_what_was_said_is_not_asked_twice_and_nothing_of_it_is_kept(engine: PoetEngine) -> None:
    app = app_with(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await ask_and_step(app, pilot)
        for key, step in (("left", 250), ("right", 500), ("end", 750), ("home", 250), ("end", 750)):
            await pilot.press(key)
            await until(pilot, lambda: f"I am run:poet@step-{step}." in screen_text(app))  # noqa: B023
            await pilot.pause()
        assert engine.references == ["", *(f"run:poet@step-{step}" for step in (500, 250, 750))]
        await pilot.press("escape")
        conversation = app.chat.pane.session.conversation
        assert conversation is not None
        assert len(app.conversations.messages(conversation.id)) == 2


async def test_a_reply_is_taken_beside_the_one_that_was_there(engine: PoetEngine) -> None:
    app = app_with(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await ask_and_step(app, pilot)
        await pilot.press("left")
        await until(pilot, lambda: "I am run:poet@step-250." in screen_text(app))
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: said(app.chat.pane)[-1][1] == "I am run:poet@step-250.")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        conversation = app.chat.pane.session.conversation
        assert conversation is not None
        reply = app.conversations.messages(conversation.id)[-1]
        assert (reply.model, reply.step, reply.val_loss) == ("run:poet@step-250", 250, 3.3)
        assert len(app.chat.pane.transcript.views) == 2
        assert app.chat.pane.session.tree.place_of(reply.id) == Place(2, 2)


async def test_leaving_a_reply_stops_it_and_coming_back_asks_again(engine: PoetEngine) -> None:
    app = app_with(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "who are you")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        engine.hold = asyncio.Event()
        await pilot.press("f5")
        await until(pilot, lambda: "I am run:poet@step-500" in screen_text(app))
        await pilot.press("enter")
        assert isinstance(app.screen, CheckpointSteps)  # not complete, so it cannot be taken
        await pilot.press("left")
        await until(pilot, lambda: "I am run:poet@step-250" in screen_text(app))
        assert engine.cancelled == 1
        engine.hold.set()
        await pilot.press("right")
        await until(pilot, lambda: "I am run:poet@step-500." in screen_text(app))
        assert engine.references.count("run:poet@step-500") == 2
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, CheckpointSteps))


async def test_checkpoints_that_come_and_go_meanwhile_are_met(engine: PoetEngine) -> None:
    app = app_with(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await ask_and_step(app, pilot)
        await until(pilot, lambda: "I am run:poet@step-500." in screen_text(app))
        shutil.rmtree(runs_path() / "poet" / "checkpoints" / "step_000250")
        add_checkpoint(1000, 1.5)
        await pilot.press("end")
        await until(pilot, lambda: "step 1,000, validation loss 1.500   (3 of 3)" in screen_text(app))
        await pilot.press("home")
        await until(pilot, lambda: "I am run:poet@step-500." in screen_text(app))


async def test_an_error_of_the_engine_is_shown_in_place_of_the_reply(engine: PoetEngine) -> None:
    app = app_with(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "who are you")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        engine.load_error = UserError("The run has no checkpoint.")
        await pilot.press("f5")
        await until(pilot, lambda: "The run has no checkpoint." in screen_text(app))


async def test_the_key_is_only_there_for_a_run_and_says_what_is_missing(engine: PoetEngine) -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        assert not app.chat.check_action("step_checkpoints", ())
        app.chat.action_step_checkpoints()
        await until(pilot, lambda: any("chat with a run" in notice.message for notice in app._notifications))
        assert app.chat is app.screen


async def test_without_a_question_or_a_checkpoint_it_is_said() -> None:
    session = ChatSession(Conversations.in_memory(), ChatSettings(model="run:poet"))
    with pytest.raises(UserError, match="Nothing was asked yet"):
        question_of(session)
    with pytest.raises(UserError, match="no checkpoint yet"):
        kept_checkpoints("poet")
    session.settings = ChatSettings()
    with pytest.raises(UserError, match="does not chat with a run"):
        question_of(session)
