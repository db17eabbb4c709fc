"""The evaluating process: `python -m trainers.evaluation_process`; see `trainers.evaluation` for its lines.

The one rule: descriptor 1 belongs to those lines alone; what libraries print goes to the log (descriptor 2).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import BinaryIO

from engine.errors import UserError
from engine.records import Record
from trainers.evaluation import EvaluationFailed, EvaluationProgress, EvaluationRequest, encode

_NICENESS = 5  # the app, a chat and a run stay quick
_OUT_OF_MEMORY = (
    "There is not enough memory for this evaluation. Close other programs, lower --context-length, or choose a "
    "smaller model."
)


class _Outbox:
    """The lines back to the asker; progress ten times a second at most."""

    def __init__(self, stdout: BinaryIO) -> None:
        self._stdout = stdout
        self._stage, self._told_at = "", 0.0

    def send(self, record: Record) -> None:
        """One line, at once."""
        self._stdout.write(encode(record))
        self._stdout.flush()

    def tell(self, progress: EvaluationProgress) -> None:
        """Progress, unless there was some just now."""
        now = time.monotonic()
        if progress.stage != self._stage or now - self._told_at >= 0.1:
            self._stage, self._told_at = progress.stage, now
            self.send(progress)


def main() -> int:
    """Answer one request."""
    outbox = _Outbox(_take_stdout())
    try:
        request = EvaluationRequest.from_json(sys.stdin.buffer.readline(), "the request")
        threading.Thread(target=_end_with_asker, name="asker", daemon=True).start()
        outbox.send(EvaluationProgress(stage="starting torch"))
        # Here, so that the asker hears from us before torch is imported.
        from trainers.methods.model_evaluation import evaluate_models

        outbox.send(evaluate_models(request, outbox.tell, outbox.send))
    except UserError as error:
        outbox.send(EvaluationFailed(message=str(error)))
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        outbox.send(EvaluationFailed(message=_OUT_OF_MEMORY))
    else:
        return 0
    return 1


def _end_with_asker() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(1)  # nobody waits for the result; the main thread may be deep inside a matrix product


def _is_out_of_memory(error: Exception) -> bool:
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "can't allocate memory" in str(error)


def _take_stdout() -> BinaryIO:
    """Keep descriptor 1 for our lines and point it at the log, so that stray prints cannot corrupt one."""
    descriptor = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(descriptor, "wb")


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    code = main()
    sys.stderr.flush()
    os._exit(code)  # not by returning: the interpreter would wait for the thread that waits for the asker
