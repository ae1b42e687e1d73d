# `make help` lists the targets. Each builds .venv from requirements.lock, if missing or stale.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test test-slow lint format supported-ops lock clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-10s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## predict on encrypted data, from grid search to the table of figures
	$(BIN)/python examples/demo.py

test: $(STAMP)  ## the tests, without the slow ones
	$(BIN)/pytest -n 2 --dist worksteal

test-slow: $(STAMP)  ## the slow tests only
	$(BIN)/pytest -m slow

lint: $(STAMP)  ## style, format, types, and whether the table of operators is up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python docs/supported_ops.py --check

format: $(STAMP)  ## put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

supported-ops: $(STAMP)  ## write the table of operators in docs/operators.md from the registries
	$(BIN)/python docs/supported_ops.py

lock:  ## write the versions installed in .venv to requirements.lock
	@{ echo '# Exact versions of all that running, developing and testing need, for Python 3.11.'; \
	echo '# Written by `make lock` from the environment in .venv; do not edit by hand.'; \
	$(BIN)/pip freeze --all --exclude-editable --exclude pip \
	| sed -e '/^[-#]/d' -e 's/+[A-Za-z0-9.]*$$//' | LC_ALL=C sort -f; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock

clean:  ## remove the environment and all that tools have left
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find cml_sklearn tests docs examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	|| { echo 'The lock is for Python 3.11: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
