"""Put a trained chat model in the place of the built-in one.

    python -m trainers.builtin_corpus.publish run:builtin-chat-muon@best

Weights go to bfloat16 (two bytes each); notices and licences beside them stay as they are.
The one rule: the old model is replaced only once the new one is complete.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.model_library import absolute_reference
from engine.process import child_environment, child_folder

BUILTIN_PATH = Path(__file__).parents[2] / "engine" / "builtin"
_FACTS = {
    "name": "Chip",
    "description": "The built-in model: small talk, jokes, rhymes, capitals, in short English sentences; "
    "its sums are often wrong.",
    "license": "MIT; sources in ATTRIBUTION.md",
    "trained-on": "31M characters of open stories, dialogues and facts, and 50,000 dialogues written for tui-chat",
    "trained-from": "the run builtin-chat",
    "run": "builtin-chat-muon",
}


def publish(reference: str, target: Path = BUILTIN_PATH) -> int:
    """Export the model that `reference` means into `target`; the exit code of the export."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".builtin-") as folder:
        draft = Path(folder) / "model"
        command = [sys.executable, "-m", "engine.models.exporting", absolute_reference(reference), str(draft)]
        command += ["--precision", "bfloat16", *(part for k, v in _FACTS.items() for part in (f"--{k}", v))]
        code = subprocess.run(command, cwd=child_folder(), env=child_environment(), check=False).returncode
        if code:
            return code
        target.mkdir(exist_ok=True)
        for file in sorted(
            draft.iterdir(), key=lambda file: file.name == "config.json"
        ):  # a model only when whole
            shutil.move(file, target / file.name)
    print(f"{reference} is the built-in model now: {target}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a trained model the built-in one.")
    parser.add_argument("model")
    sys.exit(publish(parser.parse_args().model))
