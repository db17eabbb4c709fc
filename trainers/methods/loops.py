"""Which loop makes the steps of a run.

The one rule: transformers is imported only for runs that need it.
"""

from __future__ import annotations

from trainers.methods.assembly import Assembly
from trainers.methods.loop import TrainingLoop
from trainers.methods.optimizer import FlatAdamW
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes


def training_loop(parts: Assembly, optimizer: FlatAdamW, writer: RunWriter, wishes: Wishes) -> TrainingLoop:
    """Our own loop, or the one around `transformers.Trainer`.

    Raises:
        UserError: when the backend's libraries are missing, or the model cannot do what is asked.
    """
    if parts.backend != "trainer":
        return TrainingLoop(parts, optimizer, writer, wishes)
    from trainers.methods.trainer_backend import TrainerLoop  # here: it imports transformers

    return TrainerLoop(parts, optimizer, writer, wishes)
