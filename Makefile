# Every habit is one command. The first use makes a virtual environment in .venv; nothing else is needed than Python.
PYTHON ?= $(shell command -v python3.12 || command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
PYTEST_ARGS ?=

.PHONY: demo test lint reformat types docs bench messages clean

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else "coname needs Python 3.11 or 3.12: make PYTHON=/path/to/python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --prefer-binary --editable '.[test,lint,docs,messages]'
	@touch $@

demo: $(STAMP)  ## start a keyserver here, register an address, look it up, stay up until Ctrl-C
	$(BIN)/coname demo

test: $(STAMP)  ## all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

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

clean:
	rm -rf $(VENV) docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
