# Everything a newcomer needs.  `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := node beacon matchmaker schemas tests deploy
.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check lint format bench fuzz lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp files make a second start cost nothing; they change when the lock files do.
$(VENV)/.run: requirements.lock pyproject.toml
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit("varhaven needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.dev  ## make the environment with everything developers need

demo: $(VENV)/.run  ## three hospitals on this machine answer one question (ONCE=1: answer and end)
	@$(BIN)/varhaven demo $(if $(ONCE),--once)

serve: $(VENV)/.run  ## run the node that lives in HOME_DIR=...
	@$(BIN)/varhaven serve --home $(HOME_DIR)

test: setup  ## the whole test suite
	@$(BIN)/python -m pytest -n 2 --dist worksteal tests

check: lint  ## format, lint, types, import contracts and unit tests, in under a minute
	@$(BIN)/python -m pytest -n 2 tests/unit

lint: setup  ## format, lint, types and import contracts
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/lint-imports
	@$(BIN)/mypy

format: setup  ## put the code into the house's format
	@$(BIN)/ruff check --fix-only $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

fuzz: setup  ## send more than 10,000 requests that the API description allows, or rules out, to a node
	@VARHAVEN_FUZZ=60 $(BIN)/python -m pytest -n 2 --timeout=3600 tests/contract/test_api_fuzz.py

bench: setup  ## speed, as ratios to a floor measured in the same run (ONLY=ingest,lookup,... for parts of it)
	@$(BIN)/python -c 'import msprime' 2>/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check msprime==1.4.4
	@$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY))

lock:  ## resolve the dependencies anew into the lock files (needs uv)
	uv pip compile -q --universal --generate-hashes --no-annotate --no-header --extra build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-annotate --no-header --extra build --extra dev pyproject.toml -o requirements-dev.lock

clean:  ## remove the environment and every cache
	rm -rf $(VENV) .bench .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
