# Every habit is one command. The first use makes a virtual environment in .venv; nothing else is needed than Python.
# The first Python of a right version that really runs; a version manager's shim may be there for one that does not.
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
PYTHON ?= $(shell for each in python3.12 python3.11 python3; do \
	$$each -c '$(FITS)' 2>/dev/null && echo $$each && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
PYTEST_ARGS ?=
SEEDS ?= 2000
FIRST ?= 0

.PHONY: demo test simulate lint reformat types docs bench messages page clean

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(FITS)' || \
		{ echo 'coname needs Python 3.11 or 3.12 with its venv module: make PYTHON=/path/to/python3.12' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --prefer-binary --editable '.[test,lint,docs,messages]'
	@touch $@

demo: $(STAMP)  ## start a keyserver here, register an address, look it up, stay up until Ctrl-C
	$(BIN)/coname demo

test: $(STAMP)  ## all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

simulate: $(STAMP)  ## whole realms under faults, from SEEDS seeds beginning with FIRST; a failing one says how to see it again
	$(BIN)/python -m tests.simulation $(SEEDS) --first $(FIRST)

lint: $(STAMP)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

reformat: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## the documentation as HTML, in docs/_build/html
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

bench: $(STAMP)  ## how fast it is here; BENCH_ARGS=--quick takes a minute
	$(BIN)/python -m bench $(BENCH_ARGS)

messages: $(STAMP)  ## compile the .proto files again
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. coname/messages/*.proto

page: page/node_modules  ## build the page into the package again; needs Node.js
	cd page && npx --no-install tsc && node build.js

page/node_modules: page/package-lock.json
	npm ci --no-audit --no-fund --prefix page
	@touch $@

clean:
	rm -rf $(VENV) docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
