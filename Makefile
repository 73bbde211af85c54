# `make train` and `make test` each work alone on a fresh clone.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
RUN_DIR ?= runs/quickstart
# Two processes, since the tests of one module share what they train.
PYTEST := $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

.PHONY: help train test smoke lint wheel data clean

help:
	@echo "make train   create $(VENV), install, train the quickstart config into $(RUN_DIR)"
	@echo "make test    create $(VENV), install, lint and run all tests but those of smoke"
	@echo "make smoke   the benchmarks' tests, and those that take a minute or several processes"
	@echo "make lint    formatter, linter and type checker only"
	@echo "make data    bring the two data sets of benchmarks/fitting.py into data/, print their terms"
	@echo "make wheel   build a wheel and train from it in an empty environment"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.agents: $(BIN)/python pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --editable ".[agents]"
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	@touch $@ $(VENV)/.agents

train: $(VENV)/.agents
	$(BIN)/recsim-tf train --root_dir=$(RUN_DIR) --gin_file=quickstart.gin

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(PYTEST) --ignore=tests/benchmarks -m "not slow"

smoke: $(VENV)/.test
	$(PYTEST) tests/benchmarks
	$(PYTEST) --ignore=tests/benchmarks -m slow

# pip alone: nothing of recsim_tf needs to be installed.
data: $(BIN)/python
	$(BIN)/python benchmarks/get_data.py --data_dir=data

clean:
	rm -rf $(VENV) build dist *.egg-info

wheel: $(VENV)/.test
	tests/wheel_check.sh $(BIN)/python
