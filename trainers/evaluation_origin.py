"""What a figure is worth: whether the model has learnt from the very text it is measured on. Torch-free.

The one rule: a figure that flatters is still given, and said to be one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.errors import UserError
from engine.paths import runs_path
from trainers.config import TrainingConfig
from trainers.data_files import ready_splits
from trainers.evaluation import EvaluationRequest, ModelFigures
from trainers.evaluation_data import Shares
from trainers.run_directory import find_run

_SHARE = 0.1


def shares_of(request: EvaluationRequest) -> Shares:
    """What is held out: as asked, else as the run did that made the model, else a tenth each."""
    config = next((config for name in request.references if (config := _trainer_of(name, request))), None)
    validation = request.validation_share or (config.validation_share if config else 0) or _SHARE
    test = _test_share(config) if config else validation
    return Shares(validation, validation if request.split == "test" and not test else test)


def warnings_about(request: EvaluationRequest, figures: Iterable[ModelFigures]) -> Iterator[str]:
    """What a person should know before believing the figures."""
    for found in figures:
        if _has_learnt_from(found.model, request):
            yield f"{found.model} has learnt from text it is measured on here; unseen text is in --split validation."
        if found.unknown_characters:
            yield (
                f"{found.unknown_characters:,} characters are not in the vocabulary of {found.model}; its figures "
                "do not tell how well it knows them."
            )
        if "answer" in found.loss and found.chat_format == "completion":
            yield f"{found.model} was not trained to chat; the turns stand in one text without marks."


def _has_learnt_from(reference: str, request: EvaluationRequest) -> bool:
    config = _trainer_of(reference, request)
    if config is None or request.split == "all":
        return config is not None
    if ready_splits(Path(request.data)) is not None:
        return request.split == "train"
    shares = shares_of(request)
    holds_out_validation = not config.validation_dataset and config.validation_share == shares.validation
    holds_out_test = _test_share(config) == shares.test
    return {"train": True, "validation": not holds_out_validation, "test": not holds_out_test}[request.split]


def _test_share(config: TrainingConfig) -> float:
    """Runs of programs that knew no test rows have none."""
    return float(config.to_dict().get("test_share", 0.0))


def _trainer_of(reference: str, request: EvaluationRequest) -> TrainingConfig | None:
    """The configuration of the run that made a model from this very data set."""
    config = _run_config(reference)
    return config if config is not None and _is_same(config.dataset, request.data) else None


def _run_config(reference: str) -> TrainingConfig | None:
    """What made the model, when it is a run's."""
    if not reference.startswith("run:"):
        return None
    try:
        return find_run(runs_path(), reference.removeprefix("run:").partition("@")[0]).config()
    except UserError:  # an older program's run; only a warning hangs on it
        return None


def _is_same(one: str, other: str) -> bool:
    return bool(one) and Path(one).absolute() == Path(other).absolute()
