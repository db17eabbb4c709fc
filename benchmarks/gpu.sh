#!/usr/bin/env bash
# Everything that wants a GPU: CUDA tests, benchmarks, and trainings. Results land in $OUT.
#
#   OUT=results ./benchmarks/gpu.sh                                    tests and benchmarks, some minutes
#   OUT=results ./benchmarks/gpu.sh RECIPE INPUT.txt                   a training: shakespeare-char, ...
#
# Uses the Python of .venv when there is one, else `python3` (which then needs torch, transformers and pytest).
set -uo pipefail
cd "$(dirname "$0")/.."
OUT="${OUT:-benchmarks/results}"
mkdir -p "$OUT"
PYTHON=.venv/bin/python
[ -x "$PYTHON" ] || PYTHON=python3
export PYTHONPATH="$PWD" TUI_CHAT_HOME="${TUI_CHAT_HOME:-$(mktemp -d)}"
run() { echo "== $*"; timeout "${LIMIT:-300}" "$@" 2>&1 | tee -a "$OUT/gpu.log"; }

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$OUT/gpu.txt"
if [ $# -eq 2 ]; then
  LIMIT=570 run "$PYTHON" -m tui_chat train "$1" --set "dataset=$2" --set device=cuda --name gpu --foreground
  cp "$TUI_CHAT_HOME/data/runs/gpu/metrics.jsonl" "$OUT/$1.jsonl"
  cp "$TUI_CHAT_HOME/data/runs/gpu/status.json" "$OUT/$1.status.json"
  exit
fi
run "$PYTHON" -m pytest -q -m cuda tests
run "$PYTHON" -m benchmarks.generation_speed --device cuda --json "$OUT/generation_cuda.json"
run "$PYTHON" -m benchmarks.training_speed --device cuda --json "$OUT/training_cuda.json"
