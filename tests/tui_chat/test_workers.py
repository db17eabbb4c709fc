"""Work beside the screen: it is given as a function."""

import gc
import warnings

from textual.app import App

from tui_chat.workers import start_worker


async def test_a_worker_that_was_cancelled_before_it_began_leaves_nothing_unawaited() -> None:
    begun = []

    async def work() -> None:
        begun.append(True)

    app: App[None] = App()
    async with app.run_test() as pilot:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            start_worker(app, work).cancel()
            await pilot.pause()
            gc.collect()
    assert not begun
    assert [str(warning.message) for warning in caught] == []


async def test_an_exclusive_worker_takes_the_place_of_the_one_before() -> None:
    done = []

    async def work() -> None:
        done.append(True)

    app: App[None] = App()
    async with app.run_test() as pilot:
        first = start_worker(app, work, group="reply", exclusive=True)
        second = start_worker(app, work, group="reply", exclusive=True)
        await second.wait()
        await pilot.pause()
    assert first.is_cancelled
    assert done == [True]
