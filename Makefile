# `make help` lists the targets. Each builds .venv from requirements.lock, if missing or stale.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEER_VENV ?= .venv-peer
PEER_STAMP := $(PEER_VENV)/.installed
PYTHON310 ?= $(shell for each in python3.10 $(HOME)/.pyenv/versions/3.10.*/bin/python3.10; do \
	$$each -c '' 2>/dev/null && command -v $$each && break; done)
PYTHON312 ?= $(shell for each in python3.12 $(HOME)/.pyenv/versions/3.12.*/bin/python3.12; do \
	$$each -c '' 2>/dev/null && command -v $$each && break; done)
VENV312 ?= .venv-312
STAMP312 := $(VENV312)/.installed
VENV_PLAIN ?= .venv-plain
STAMP_PLAIN := $(VENV_PLAIN)/.installed
NUMPY_VENV ?= .venv-concrete-numpy
NUMPY_STAMP := $(NUMPY_VENV)/.installed
OPENAPI_VENV ?= .venv-openapi
OPENAPI_STAMP := $(OPENAPI_VENV)/.installed
RESULTS ?= build/benchmarks
ROWS := benchmarks/results
SAMPLES ?= 1
SECONDS ?= 3600
comma := ,

.PHONY: help demo test test-plain test-312 test-slow web test-web test-concrete-numpy test-openapi soak load lint format docs supported-ops bench-quick bench-compare bench-growth figures lock lock-plain clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "%-19s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## predict on encrypted data, from grid search to the table of figures
	$(BIN)/python examples/demo.py

test: $(STAMP)  ## the tests, without the slow ones
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal  # one thread for each process

test-plain: $(STAMP_PLAIN)  ## linear models and trees without torch, with NumPy 2, and Python 3.12 where there is one
	OMP_NUM_THREADS=1 $(VENV_PLAIN)/bin/pytest -n 2 --dist worksteal tests/convert/test_raw_scores.py tests/fhe/seal \
		tests/forest tests/test_linear_models.py tests/test_tree_models.py tests/test_wrapping.py

test-312: $(STAMP312)  ## the tests with Python 3.12, in an environment of its own (2 GB; 6 with torch for CUDA)
	OMP_NUM_THREADS=1 $(VENV312)/bin/pytest -n 2 --dist worksteal

test-slow: $(STAMP)  ## the slow tests only
	$(BIN)/pytest -m slow -o faulthandler_timeout=3600

test-concrete-numpy: $(STAMP) $(NUMPY_STAMP)  ## models on concrete-numpy, with Python 3.10
	rm -rf build/modules && mkdir -p build/modules
	$(BIN)/python -W ignore -m tests.fhe.concrete_numpy.models build/modules
	MODULES=build/modules PYTHONDONTWRITEBYTECODE=1 $(NUMPY_VENV)/bin/python -m pytest --noconftest \
		-c tests/fhe/concrete_numpy/pytest.ini --rootdir . tests/fhe/concrete_numpy

web:  ## what the page of `serve --web` needs from npm
	cd web && npm ci --omit=dev --omit=optional && npm run vendor

test-web: $(STAMP)  ## the client in JavaScript, and the page in Chromium where there is one
	cd web && npm ci && npm run vendor && PYTHON='$(abspath $(BIN))/python' npm test

soak: $(STAMP)  ## random models, clear against simulated and encrypted, for SECONDS
	mkdir -p $(RESULTS)
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.soak --seconds $(SECONDS) --output $(RESULTS)/soak.json

test-openapi: $(STAMP) $(OPENAPI_STAMP)  ## a service against its OpenAPI page, by schemathesis (100 MB)
	$(BIN)/python -W ignore -m tests.openapi $(OPENAPI_VENV)/bin/schemathesis

load: $(STAMP)  ## eight clients at once on a service of many models, for SECONDS
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.load --seconds $(SECONDS)

lint: $(STAMP)  ## style, format, types, and whether tables and stubs are up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m docs.supported_ops --check
	$(BIN)/python -m docs.estimators --check
	$(BIN)/python -m docs.stubs --check
	$(BIN)/mypy --cache-dir=.mypy_cache/stubs --follow-imports=silent tests/typed/*.py cml_sklearn/*.pyi

format: $(STAMP)  ## put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

supported-ops: $(STAMP)  ## write the tables of docs/ and the stubs from the registries and classes
	$(BIN)/python -m docs.supported_ops
	$(BIN)/python -m docs.estimators
	$(BIN)/python -m docs.stubs

docs: $(STAMP)  ## the site in build/docs, with the gallery; warnings are errors
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -b html -q -W --keep-going docs build/docs  # the gallery has threads: no forks

bench-quick: $(STAMP)  ## scores and seconds of one model of every kind, encrypted
	$(BIN)/python -m benchmarks classification --datasets breast_cancer --models LR,DT,XGB --samples 3
	$(BIN)/python -m benchmarks regression --datasets diabetes --models Ridge,DT --samples 3
	$(BIN)/python -m benchmarks neural --datasets breast_cancer --models MLP --samples 3

bench-compare: $(STAMP) $(PEER_STAMP)  ## the same work here and on Concrete-ML, in turn; takes an hour
	rm -f $(ROWS)/ours.jsonl $(ROWS)/peer.jsonl
	@for work in \
		'classification --models LR --n-bits 5,8 --samples 96' \
		'regression --models Linear,Ridge --n-bits 5,8 --samples 96' \
		'classification --models DT --n-bits 4,6 --samples 16' \
		'regression --models DT --n-bits 4,6 --samples 16' \
		'classification --datasets breast_cancer,wine --models RF,XGB --samples $(SAMPLES)' \
		'classification --datasets digits --models RF --samples $(SAMPLES)' \
		'regression --models RF,XGB --samples $(SAMPLES)' 'neural --samples 4'; do \
		$(BIN)/python -m benchmarks $$work --output $(ROWS)/ours.jsonl; \
		$(PEER_VENV)/bin/python -m benchmarks.peer $$work --output $(ROWS)/peer.jsonl; \
	done
	$(BIN)/python -m benchmarks compare $(ROWS)/ours.jsonl $(ROWS)/peer.jsonl \
		--output docs/benchmarks/compare_table.md --plots docs/images

bench-growth: $(STAMP)  ## how the cost grows with trees, depth, features, samples and widths
	rm -f $(ROWS)/growth.jsonl
	$(BIN)/python -m benchmarks growth --repeat 1 --output $(ROWS)/growth.jsonl \
		--table docs/benchmarks/growth_table.md --plot docs/images/growth.png

figures: $(STAMP)  ## write the tables and pictures of docs/ anew; takes half an hour
	$(BIN)/python -m benchmarks figures

# of the environment $(1), into the file $(2), which is for $(3)
define write_lock
	@{ echo '# Exact versions of all that $(3).'; \
	echo '# Written by `make $@` from the environment in $(1); do not edit by hand.'; \
	$(1)/bin/python -m pip freeze --all --exclude-editable --exclude pip \
	| sed -e '/^[-#]/d' -e 's/+[A-Za-z0-9.]*$$//' | LC_ALL=C sort -f; } > $(2).new
	@mv $(2).new $(2)
endef

lock:  ## write the versions installed in .venv to requirements.lock
	$(call write_lock,$(VENV),requirements.lock,running$(comma) developing and testing need$(comma) for Python 3.11)

lock-plain:  ## write the versions installed in .venv-plain to requirements-plain.lock
	$(call write_lock,$(VENV_PLAIN),requirements-plain.lock,`make test-plain` needs$(comma) for Python 3.11 and 3.12)

clean:  ## remove the environment and all that tools have left
	rm -rf web/node_modules cml_sklearn/deployment/web/vendor
	rm -rf docs/api docs/gallery docs/sg_execution_times.rst
	rm -rf $(VENV) $(VENV_PLAIN) $(VENV312) $(PEER_VENV) $(NUMPY_VENV) $(OPENAPI_VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find benchmarks cml_sklearn tests docs examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	|| { echo 'The lock is for Python 3.11: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMP312): requirements.lock pyproject.toml
	@test -n '$(PYTHON312)' || { echo 'There is no Python 3.12: make PYTHON312=/path/to/python3.12' >&2; exit 1; }
	$(PYTHON312) -m venv $(VENV312)
	echo '*' > $(VENV312)/.gitignore
	$(VENV312)/bin/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	@touch $@

$(STAMP_PLAIN): requirements-plain.lock pyproject.toml
	$(or $(PYTHON312),$(PYTHON)) -m venv $(VENV_PLAIN)
	echo '*' > $(VENV_PLAIN)/.gitignore
	$(VENV_PLAIN)/bin/pip install --quiet --disable-pip-version-check --requirement requirements-plain.lock
	$(VENV_PLAIN)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(PEER_STAMP): benchmarks/peer/requirements.txt
	$(PYTHON) -m venv $(PEER_VENV)
	echo '*' > $(PEER_VENV)/.gitignore
	$(PEER_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(OPENAPI_STAMP): Makefile
	$(PYTHON) -m venv $(OPENAPI_VENV)
	echo '*' > $(OPENAPI_VENV)/.gitignore
	$(OPENAPI_VENV)/bin/pip install --quiet --disable-pip-version-check 'schemathesis>=4,<5'
	@touch $@

# its compiler asks for torch and more, of which it runs nothing here
$(NUMPY_STAMP): tests/fhe/concrete_numpy/requirements.txt
	@test -n '$(PYTHON310)' \
	|| { echo 'concrete-numpy needs Python 3.10: make PYTHON310=/path/to/python3.10' >&2; exit 1; }
	$(PYTHON310) -m venv $(NUMPY_VENV)
	echo '*' > $(NUMPY_VENV)/.gitignore
	$(NUMPY_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@
