# One way in: every target sets up what it needs, on a fresh machine with Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test test-slow torture lint format wheel builtin clean help

help:              ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

run: $(READY)      ## open the app
	@$(BIN)/tui-chat

test: $(READY)     ## the test suite
	@$(BIN)/python -m compileall -q engine trainers tui_chat  # once, not in each of hundreds of processes
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

test-slow: $(READY)  ## tests that take longer than a person waits
	$(BIN)/python -m pytest -q -m slow

KILLS ?= 500
torture: $(READY)  ## kill training at random moments and compare: make torture KILLS=500 (some minutes)
	@folder=$$(mktemp -d) && PYTHONPATH=. $(BIN)/python -m tests.trainers.torture --kills $(KILLS) --folder $$folder \
	  && rm -r $$folder

lint: $(READY)     ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)   ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

BUILTIN_DATA ?= $(HOME)/.cache/tui-chat-builtin
builtin: $(READY)  ## train the built-in model anew: make builtin CORPUS=DIR (some hours)
	@test -n "$(CORPUS)" || { echo "Name the folder with the open corpus: make builtin CORPUS=DIR"; exit 1; }
	$(BIN)/python -m trainers.builtin_corpus --corpus $(CORPUS) --out $(BUILTIN_DATA)
	$(BIN)/tui-chat train builtin-pretraining --name builtin-pretraining --foreground \
	  --set dataset=$(BUILTIN_DATA)/pretraining.jsonl --set validation_dataset=$(BUILTIN_DATA)/pretraining_validation.jsonl
	$(BIN)/tui-chat train builtin-chat --name builtin-chat --foreground \
	  --set dataset=$(BUILTIN_DATA)/chat.jsonl --set validation_dataset=$(BUILTIN_DATA)/chat_validation.jsonl
	$(BIN)/tui-chat train builtin-chat-muon --name builtin-chat-muon --foreground \
	  --set dataset=$(BUILTIN_DATA)/chat.jsonl --set validation_dataset=$(BUILTIN_DATA)/chat_validation.jsonl
	$(BIN)/python -m trainers.builtin_corpus.examine run:builtin-chat-muon@best
	$(BIN)/python -m trainers.builtin_corpus.publish run:builtin-chat-muon@best

wheel: $(READY)    ## build the wheel into dist/
	$(BIN)/python -m build --wheel

clean:             ## remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
