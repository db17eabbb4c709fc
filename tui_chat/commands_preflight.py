"""`tui-chat train ... --preflight`: what a run will need, before it is one.

    Parameters  804,096
    Reads       1,536,000 tokens: 1.5 epochs of 1,003,854
    Memory      about 388 MB of 21 GB free
    Time        about 1 min 4 s at 25.1k tokens/s, measured here just now

The one rule: only looked at; a run is neither made nor changed.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.paths import runs_path
from tui_chat.quantities import counted

if TYPE_CHECKING:  # reading the help should not load what looks at data
    from trainers.config import TrainingConfig
    from trainers.preflight import Preflight

_NOT_HERE_YET = "What the run will need is known once the model to start from has been downloaded."


def show_preflight(config: TrainingConfig, as_json: bool) -> int:
    """Print what a run will need, measured with ten steps; exit code 1 when it does not fit.

    Raises:
        UserError: when data, model or machine do not allow a look.
    """
    from trainers.launcher import check_data, with_absolute_paths
    from trainers.outlook import outlook
    from tui_chat import preflight_words

    config = with_absolute_paths(config)
    check_data(config)
    look = outlook(config, runs_path())
    if look is None:
        raise UserError(_NOT_HERE_YET)
    problem = ""
    if look.fits:  # what does not fit is not tried
        print("Measuring ten steps of a throw-away model ...", file=sys.stderr)
        try:
            look = outlook(config, runs_path(), is_measured=True) or look
        except UserError as error:
            problem = str(error)
    if as_json:
        print(json.dumps({**look.to_dict(), "problem": problem}), flush=True)
    else:
        for what, how in preflight_words.facts_of(look):
            print(f"{what:<12}{how}")
        for words in preflight_words.alternatives(look):
            print(f"{'It fits with':<12} {words}")
    if problem:
        raise UserError(f"Not measured: {problem}")
    if not look.fits:
        raise UserError(preflight_words.refusal(look))
    return 0


def refuse_what_cannot_fit(config: TrainingConfig, is_forced: bool) -> None:
    """Say on stderr what a run will need, before it starts.

    Raises:
        UserError: when it does not fit and is not forced; says what does.
    """
    from trainers.outlook import outlook
    from tui_chat import preflight_words

    look = outlook(config, runs_path())
    if look is None:
        print(_NOT_HERE_YET, file=sys.stderr)
        return
    print(_short(look), file=sys.stderr)
    if lost := _lost_lines(config):
        print(f"{counted(lost, 'line')} of it cannot be used: `tui-chat data` says why.", file=sys.stderr)
    if look.fits:
        return
    refusal = preflight_words.refusal(look)
    if not is_forced:
        raise UserError(f"{refusal} (--force starts it all the same.)")
    print(refusal, file=sys.stderr)


def _short(look: Preflight) -> str:
    """One line of it."""
    from tui_chat import preflight_words

    return (
        f"{look.num_parameters:,} parameters; {preflight_words.reading(look)}; "
        f"memory {preflight_words.memory(look)}; {preflight_words.time_words(look)}."
    )


def _lost_lines(config: TrainingConfig) -> int:
    """Lines at the beginning of the data, a million characters or a thousand rows, that cannot be used."""
    from trainers.datasets import inspect
    from trainers.own_datasets import dataset_path

    return inspect(dataset_path(config.dataset), 1 if config.method == "pretraining" else 1000).rejected_count
