"""Opening the app quickly: what is put off until it can be seen is done then."""

import gc
import subprocess
import sys

import pytest

from tests.tui_chat.fake_engine import fake_app
from tui_chat.cli import main


async def test_garbage_is_collected_again_once_the_app_can_be_seen() -> None:
    gc.disable()
    try:
        async with fake_app().run_test() as pilot:
            await pilot.pause()
            assert gc.isenabled()
            assert gc.get_freeze_count()
    finally:
        gc.enable()
        gc.unfreeze()


def test_the_app_opens_without_the_commands_of_the_command_line() -> None:
    script = (
        "import sys, tui_chat.cli as cli\n"
        "cli.open_app = lambda options: print(options.theme, options.persona, options.ascii) or 0\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('tui_chat.commands')])"
    )
    arguments = ["--theme", "nord", "--persona=ask", "--ascii"]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["nord ask True", "[]"], done.stderr


@pytest.mark.parametrize(
    "arguments", [["--theme"], ["--thema", "nord"], ["askk", "hi"], ["-m", "builtin", "askk"]]
)
def test_what_cannot_be_read_is_told_with_the_whole_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("tui-chat ")
