"""Taking little of a processor that a run needs."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from engine.priority import Pace, rest_after


def test_rests_make_work_a_share_of_the_whole() -> None:
    assert rest_after(0.01, 0.2) == pytest.approx(0.04)
    assert rest_after(0.01, 1.0) == 0
    assert rest_after(60, 0.2) == 1.0  # whoever waits sees something every second


def test_a_rest_follows_the_work_since_the_last_one_and_ends_when_nobody_waits() -> None:
    pace = Pace(0.1)
    began, worked = time.monotonic(), time.process_time()
    while time.process_time() - worked < 0.02:
        pass
    pace.rest()
    assert time.monotonic() - began >= 0.2
    while time.process_time() - worked < 0.06:
        pass
    began = time.monotonic()
    pace.rest(lambda: True)
    assert time.monotonic() - began < 0.2


@pytest.mark.skipif(not hasattr(os, "nice"), reason="needs niceness")
def test_a_process_of_its_own_session_steps_aside() -> None:
    script = (
        "import os; from pathlib import Path; from engine.priority import step_aside; step_aside(5); "
        "group = Path('/proc/self/autogroup'); print(os.nice(0), group.read_text() if group.exists() else 'none')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, start_new_session=True, check=True
    )
    niceness, group = done.stdout.split(maxsplit=1)
    assert int(niceness) == os.nice(0) + 5
    assert group.strip() == "none" or "nice" in group
