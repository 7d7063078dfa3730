# Every target works on a machine with Python 3.11 or newer and nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: quickstart test test-all faults lint docs bench clean help

help:
	@echo "make quickstart   install, train RNN, LSTM and GRU, and build the report"
	@echo "make test         install, lint, type-check, and run the tests: minutes"
	@echo "make test-all     the same with the long ones too: simulations, compilation of many cells, every page's commands"
	@echo "make docs         install, and build the documentation site in build/site, without network"
	@echo "make faults       install, and kill, stop, fill and damage sweeps: what is lost, doubled or mixed"
	@echo "make bench        install, and time whole training steps and passes"
	@echo "make clean        remove the virtual environment"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rnnbench needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet -c constraints.txt --editable '.[dev,data,docs]'
	touch $@

quickstart: .venv/installed
	$(BIN)/rnnbench experiment=quickstart
	$(BIN)/rnnbench-report experiment=quickstart

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/dead_code.py

test: lint
	$(BIN)/pytest -n 2

test-all: lint
	$(BIN)/pytest -n 2 -m "not faults"

docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html: open it in a browser"

faults: .venv/installed-dev
	$(BIN)/pytest tests/faults tests/wandb_logging -m "faults or not faults" -s -v --durations=10

bench: .venv/installed-dev
	$(BIN)/python -m rnnbench.timing --compile

clean:
	rm -rf .venv
