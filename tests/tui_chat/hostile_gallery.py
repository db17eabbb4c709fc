"""Every screen with hostile text on it, one after another, on the real terminal this process was given.

    python -m tests.tui_chat.hostile_gallery seen.json       what was on each screen is written into the file

Run by `test_hostile_text`, which reads what came out of the terminal.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from textual.app import App
from textual.theme import Theme
from textual.widgets import Static

from engine.errors import UserError
from engine.paths import data_path, personas_path, runs_path
from tests.tui_chat.chat_pilot import screen_text
from tests.tui_chat.fake_engine import FakeEngine, FakeEngines
from tests.tui_chat.fake_run import FakeRun
from trainers.config import TrainingConfig
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config
from tui_chat.conversations import Conversations
from tui_chat.personas.library import save_persona
from tui_chat.personas.persona import Persona
from tui_chat.screens.ask_text import AskText
from tui_chat.screens.bad_step import BadStepChoice
from tui_chat.screens.choose_one import Choice, ChooseOne
from tui_chat.screens.comparisons import compare_settings
from tui_chat.screens.correct_reply import CorrectReply
from tui_chat.screens.data_lens import DataLensScreen
from tui_chat.screens.edit_tags import EditTags
from tui_chat.screens.evaluate import EvaluateScreen
from tui_chat.screens.export_dialog import ExportDialog
from tui_chat.screens.import_dialog import ImportDialog
from tui_chat.screens.new_run import NewRunScreen
from tui_chat.screens.pane_dialogs import use_persona
from tui_chat.screens.persona_form import PersonaForm
from tui_chat.screens.question import Question
from tui_chat.themes import themes_path
from tui_chat.widgets.settings_drawer import SettingsDrawer
from tui_chat.workers import start_worker

MARK = "Zq"  # stands after every control character, so that it is known from those Textual sends
BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
CONTROLS = [
    chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), *BIDI, 0x2028) if chr(code) not in "\n\t"
]
SEQUENCES = [
    "\x1b]0;Zq\x07",
    "\x1b]52;c;WnE=\x1b\\",
    "\x1b]8;;http://Zq\x1b\\",
    "\x1b[2JZq",
    "\x1b[31mZq",
    "\x1b[?1049lZq",
    "\x1b[999;999HZq",
    "\x1bPZq\x1b\\",
    "\x1b_Zq\x1b\\",
    "\x1b^Zq\x1b\\",
    "\x1bcZq",
    "\x9b2JZq",
    "\x9d52;c;WnE=\x9cZq",
    "\x1b[>4;2mZq",
    "\x1b[6nZq",
]
MARKUP = ["[red]Zq", "[/]", "[@click=app.quit]Zq[/]", "x [/] y", "[true, false]", "a [b + c [/#888888]"]
SHORT = MARK + "\x1b" + MARK + "\x9b\u202e[/] [@click=app.quit]"  # where there is little room
HOSTILE = MARK + "".join(f"{control}{MARK}" for control in CONTROLS) + "".join(SEQUENCES) + " ".join(MARKUP)
MARKDOWN = (
    f"# {SHORT}\n\n{HOSTILE}\n\n- {SHORT}\n\n> {SHORT}\n\n| {SHORT} | b |\n|---|---|\n| {SHORT} | 2 |\n\n"
    + (f"[{SHORT}](http://x/{MARK}) `{SHORT}` &#27;{MARK} &#x202e;{MARK}\n\n```{SHORT}\n{HOSTILE}\n```\n")
)
EVIL = Persona(
    name=f"{MARK} [/] [b",
    description=MARKUP[2],
    greeting=HOSTILE,
    system_prompt=HOSTILE,
)
Step = Callable[[TuiChatApp], Awaitable[None]]


class HostileEngine(FakeEngine):
    async def load(self):  # type: ignore[no-untyped-def]
        model = await super().load()
        self.model = model.with_changes("test", name=SHORT, warnings=(SHORT,), directory=SHORT)
        return self.model


async def chat(app: TuiChatApp) -> None:
    app.chat.pane.ask(HOSTILE)
    await until(lambda: len(app.chat.pane.session.messages) == 2 and not app.chat.pane.is_replying)
    app.chat.pane.prompt.text = ""
    await app.chat.action_new_pane()


async def failing_reply(app: TuiChatApp) -> None:
    engine = app.engines.engine_for(app.chat.pane.settings.model)
    assert isinstance(engine, FakeEngine)
    engine.script = [UserError(HOSTILE)]
    app.chat.pane.ask("again")
    await until(lambda: not app.chat.pane.is_replying and app.chat.pane.session.messages)


async def pasted_prompt(app: TuiChatApp) -> None:
    from textual.events import Paste

    app.chat.pane.prompt.focus()
    app.post_message(Paste(HOSTILE))
    await until(lambda: MARK in app.chat.pane.prompt.text)


async def notices(app: TuiChatApp) -> None:
    app.notify(HOSTILE, title=SHORT, severity="error")


async def settings(app: TuiChatApp) -> None:
    app.action_settings()


async def runs(app: TuiChatApp) -> None:
    run = FakeRun(runs_path(), "hostile", dataset=f"{SHORT}.txt")
    run.train_until(300)
    run.sample(100, HOSTILE, prompt=SHORT)
    run.log(HOSTILE)
    run.status(state="failed", step=300, error=HOSTILE)
    await app.switch_mode("training")


async def lens(app: TuiChatApp) -> None:
    folder = Path(tempfile.mkdtemp())
    file = folder / "rows.jsonl"
    rows = [{"prompt": HOSTILE, "completion": SHORT}, {"prompt": SHORT, "completion": "x"}] * 2
    file.write_text("\n".join(map(json.dumps, rows)) + f"\n[{SHORT}\n", encoding="utf-8")
    await app.push_screen(DataLensScreen(TrainingConfig(method="fine_tuning", dataset=str(file))))


async def models(app: TuiChatApp) -> None:
    folder = data_path() / "models" / f"a\x1b{MARK}[red]"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model_card.json").write_text(json.dumps({"name": SHORT}))
    app.chat.action_choose_model()


async def personas(app: TuiChatApp) -> None:
    save_persona(EVIL)
    (personas_path() / f"{MARK}.toml").write_text(f'name = "{MARK}"\n"{MARK}\\u001b{MARK}[/]" = 1\n')
    app.chat.action_personas()


async def recent_chats(app: TuiChatApp) -> None:
    app.conversations.create(SHORT, SHORT)
    app.chat.action_recent_chats()


async def themes(app: TuiChatApp) -> None:
    themes_path().mkdir(parents=True)
    (themes_path() / f"a\x1b{MARK}[red].toml").write_text("")
    app.register_theme(Theme(SHORT, primary="#ff0000"))
    app.action_change_theme()


async def compared_settings(app: TuiChatApp) -> None:
    await use_persona(app.chat.pane, EVIL)
    start_worker(app, partial(compare_settings, app.chat))
    await until(lambda: app.chat.query(SettingsDrawer))


async def new_run(app: TuiChatApp) -> None:
    folder = Path(tempfile.mkdtemp())
    data = folder / f"{MARK}\x1b{MARK}[red] [x].jsonl"
    data.write_text(
        f"[{SHORT}\n" + json.dumps({"prompt": HOSTILE, "completion": SHORT}) + "\n", encoding="utf-8"
    )
    os.chdir(folder)
    await app.push_screen(NewRunScreen(str(data)))
    await until(lambda: str(app.screen.query_one("#data-report", Static).visual).strip())


def pushed(make: Callable[[], object]) -> Step:
    async def push(app: TuiChatApp) -> None:
        await app.push_screen(make())  # type: ignore[call-overload]

    return push


STEPS: dict[str, Step] = {
    "chat": chat,
    "a reply that fails": failing_reply,
    "pasted text": pasted_prompt,
    "notices": notices,
    "models": models,
    "question": pushed(lambda: Question(SHORT, HOSTILE, yes=SHORT, no=SHORT)),
    "a text to type": pushed(lambda: AskText(SHORT, HOSTILE, SHORT)),
    "one of many": pushed(lambda: ChooseOne(SHORT, [Choice(HOSTILE, SHORT), Choice(SHORT)], nothing=SHORT)),
    "a correction": pushed(lambda: CorrectReply(SHORT, HOSTILE)),
    "tags": pushed(lambda: EditTags(SHORT, [SHORT], [(SHORT, 3)])),
    "a persona": pushed(lambda: PersonaForm(SHORT, EVIL, lambda _: SHORT)),
    "personas": personas,
    "recent chats": recent_chats,
    "themes": themes,
    "settings of a pane, compared": compared_settings,
    "export": pushed(lambda: ExportDialog(SHORT, 1, Path("/tmp"), lambda *_: SHORT)),
    "import": pushed(lambda: ImportDialog(lambda _: SHORT)),
    "a bad step": pushed(lambda: BadStepChoice(SHORT, HOSTILE)),
    "evaluation": pushed(lambda: EvaluateScreen(SHORT)),
    "settings": settings,
    "data lens": lens,
    "runs": runs,
    "a new run": new_run,
}
QUIET = {"import"}  # shows nothing before something was typed


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def shown(app: TuiChatApp, name: str) -> list[str]:
    """The widgets on the screen once the text is there."""
    try:
        await until(lambda: name in QUIET or MARK in screen_text(app))  # type: ignore[arg-type]
    except TimeoutError:
        raise AssertionError(f"{name}: the text is not on the screen:\n{screen_text(app)}") from None
    await asyncio.sleep(0.1)  # drawn by then
    return sorted({type(node).__name__ for node in [app.screen, *app.screen.walk_children()]})


async def gallery(app: TuiChatApp, out: Path) -> None:
    seen: dict[str, list[str]] = {}
    try:
        for name, step in STEPS.items():
            await step(app)
            seen[name] = await shown(app, name)
            while len(app.screen_stack) > 1:
                await app.pop_screen()
            if app.current_mode != "chat":
                await app.switch_mode("chat")
    except BaseException as error:
        seen["error"] = traceback.format_exception(error)
        raise
    finally:
        out.write_text(json.dumps(seen))
        app.exit()


def main() -> None:
    engines = FakeEngines()
    engines["builtin"] = HostileEngine()
    engines["builtin"].script = [MARKDOWN[at : at + 50] for at in range(0, len(MARKDOWN), 50)]
    conversations = Conversations.in_memory()
    conversations.create(SHORT, SHORT)
    app = TuiChatApp(
        load_config(
            Path(sys.argv[1]).with_name("config.toml"), environment={"TUI_CHAT_CHAT__SYSTEM_PROMPT": HOSTILE}
        ),
        engine_factory=engines,
        conversations=conversations,
    )
    App.run(app, auto_pilot=lambda pilot: gallery(app, Path(sys.argv[1])))


if __name__ == "__main__":
    main()
