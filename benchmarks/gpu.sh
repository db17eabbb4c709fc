#!/usr/bin/env bash
# Everything that wants a GPU, in one go: CUDA tests, benchmarks, and a training. Results land in $OUT.
#
#   OUT=results ./benchmarks/gpu.sh [PATH/TO/tinyshakespeare/input.txt]
#
# Uses the Python of .venv when there is one, else `python3` (which then needs torch, transformers and pytest).
set -uo pipefail
cd "$(dirname "$0")/.."
OUT="${OUT:-benchmarks/results}"
mkdir -p "$OUT"
PYTHON=.venv/bin/python
[ -x "$PYTHON" ] || PYTHON=python3
export PYTHONPATH="$PWD" TUI_CHAT_HOME="${TUI_CHAT_HOME:-$(mktemp -d)}"
run() { echo "== $*"; timeout 300 "$@" 2>&1 | tee -a "$OUT/gpu.log"; }

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$OUT/gpu.txt"
run "$PYTHON" -m pytest -q -m cuda tests
run "$PYTHON" -m benchmarks.generation_speed --device cuda --json "$OUT/generation_cuda.json"
run "$PYTHON" -m benchmarks.training_speed --device cuda --json "$OUT/training_cuda.json"
if [ -n "${1:-}" ]; then
  run "$PYTHON" -m tui_chat train shakespeare-char-cpu --set "dataset=$1" --set device=cuda --name gpu --foreground
  cp "$TUI_CHAT_HOME/data/runs/gpu/metrics.jsonl" "$OUT/shakespeare_cuda.jsonl"
fi
