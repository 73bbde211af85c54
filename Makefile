# `make train` and `make test` each work alone on a fresh clone.

# The newest Python that can make virtual environments; `make PYTHON=python3.11 test` takes another.
CANDIDATES := python3.13 python3.12 python3.11 python3
SUITS := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in $(CANDIDATES); do \
	if $$python -c "$(SUITS)" 2> /dev/null; then echo $$python; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# JAX with XLA's compilers for TPUs and GPUs, for benchmarks/accelerator.py.
ACCELERATORS := .venv-accelerators
# Checkers, learners and test files of other projects, for benchmarks/judges.py. Old packages among
# them have wheels for Python 3.11 alone.
JUDGES := .venv-judges
JUDGES_PYTHON ?= $(shell command -v python3.11 || echo $(PYTHON))
# The lock files hold every requirement for Python 3.11 to 3.13, so pip has nothing to look for. They
# have hashes, which an editable installation cannot have: it is a command of its own.
LOCKED := install --quiet --no-deps --require-hashes --requirement
ITSELF := install --quiet --no-deps --no-build-isolation --editable .
# The releases of a lock file alone, as constraints for what is not in it.
PINS := sed -n 's/^\([^ \#].*\) \\$$/\1/p'
INSTALL_ALONE := python -m pip --disable-pip-version-check install --quiet --no-deps
RUN_DIR ?= runs/quickstart
# Tests that trace much, which processes keep: they are a run of their own, for memory.
HEAVY := tests/fitting tests/ope
# Two processes, since the tests of one module share what they train.
PYTEST := $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder \
	--durations=15

.PHONY: help train test blocks smoke long nightly accelerators judges lint tables site notebooks wheel dist release data lock bounds clean

help:
	@echo "make train   create $(VENV), install, train the quickstart config into $(RUN_DIR)"
	@echo "make test    create $(VENV), install, lint and run all tests but those of smoke"
	@echo "make blocks  run the code of README and docs"
	@echo "make smoke   the benchmarks' tests, and those that take two to twenty seconds"
	@echo "make long    tests that take longer, before a release"
	@echo "make nightly what a change need not wait for: all tests, compilers, judges, the site"
	@echo "make accelerators   create $(ACCELERATORS), with which make smoke compiles for TPU and GPU"
	@echo "make judges  create $(JUDGES), ask the checkers, learners and tests of other projects"
	@echo "make lint    formatter, linter and type checker only"
	@echo "make tables  write the figures of benchmarks/results into the tables of README and docs"
	@echo "make site    build a site of all pages, with a gallery and the reference, into site/"
	@echo "make notebooks   run three of the examples as notebooks"
	@echo "make data    bring two public data sets into data/, print their terms"
	@echo "make lock    bring requirements.lock and requirements-test.lock up to date"
	@echo "make dist    build what is published from the last commit, print its sums"
	@echo "make release   make dist, install it in empty environments, ask for what is missing"
	@echo "make bounds  tests with the oldest and newest releases that are allowed, and TensorFlow's pre-release"
	@echo "make wheel   build a wheel and train from it in an empty environment"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11, 3.12 or 3.13 with venv on the PATH" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.agents: $(BIN)/python pyproject.toml setup.py requirements.lock
	$(PIP) $(LOCKED) requirements.lock
	$(PIP) $(ITSELF)
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml setup.py requirements-test.lock
	$(PIP) $(LOCKED) requirements-test.lock
	$(PIP) $(ITSELF)
	@touch $@ $(VENV)/.agents

# Brings the lock files up to date with pyproject.toml.
COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url --generate-hashes pyproject.toml --group tf-agents
lock: $(BIN)/python
	$(PIP) install --quiet uv
	$(BIN)/$(COMPILE) --extra agents --output-file requirements.lock
	$(BIN)/$(COMPILE) --extra test --output-file requirements-test.lock

train: $(VENV)/.agents
	$(BIN)/recsim-tf train --root_dir=$(RUN_DIR) --gin_file=quickstart.gin

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(PYTEST) --ignore=tests/benchmarks -m "not slow"

smoke: $(VENV)/.test
	$(PYTEST) tests/benchmarks -m "not long"
	$(PYTEST) tests/properties --hypothesis-profile=smoke
	$(PYTEST) $(HEAVY) -m "slow and not long"
	$(PYTEST) $(addprefix --ignore=,tests/benchmarks tests/properties tests/test_docs.py $(HEAVY)) \
		-m "slow and not long"

blocks: $(VENV)/.test
	$(PYTEST) --dist=load tests/test_docs.py -m slow

nightly: accelerators test blocks smoke long site bounds judges wheel

long: $(VENV)/.test
	$(PYTEST) -m long

accelerators: $(ACCELERATORS)/.installed

$(ACCELERATORS)/.installed: benchmarks/accelerators/requirements.txt
	$(PYTHON) -m venv $(ACCELERATORS)
	$(ACCELERATORS)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps \
		--requirement $<
	@touch $@

judges: $(JUDGES)/.judges
	$(JUDGES)/bin/python benchmarks/judges.py $(JUDGES_FLAGS)

# A judge that cannot be installed is missing in the table, and the table says so.
$(JUDGES)/.judges: benchmarks/judging/requirements.txt pyproject.toml requirements-test.lock
	$(JUDGES_PYTHON) -m venv $(JUDGES)
	$(JUDGES)/bin/python -m pip --disable-pip-version-check $(LOCKED) requirements-test.lock
	$(JUDGES)/bin/python -m pip --disable-pip-version-check $(ITSELF)
	$(PINS) requirements-test.lock > $(JUDGES)/pins.txt
	-$(JUDGES)/bin/python -m pip --disable-pip-version-check install --quiet torch \
		--constraint $(JUDGES)/pins.txt
	-grep -v "^#" $< | xargs -n 1 $(JUDGES)/bin/$(INSTALL_ALONE) --ignore-requires-python
	@touch $@

# The standard library alone: nothing of recsim_tf needs to be installed.
tables: $(BIN)/python
	$(BIN)/python docs/write_tables.py

site: $(VENV)/.test
	rm -rf site
	$(BIN)/python docs/website.py site
	$(BIN)/python docs/gallery.py site/gallery

notebooks: $(VENV)/.test
	$(PINS) requirements-test.lock > $(VENV)/pins.txt
	$(PIP) install --quiet --editable ".[notebooks]" --constraint $(VENV)/pins.txt
	$(BIN)/python docs/notebooks.py

# pip alone: nothing of recsim_tf needs to be installed.
data: $(BIN)/python
	$(BIN)/python benchmarks/get_data.py --data_dir=data

OLDEST := python3.11
NEWEST := python3.13
bounds: $(BIN)/python
	$(PIP) install --quiet uv
	tests/bounds.sh oldest $(OLDEST) $(BIN)/uv
	tests/bounds.sh newest $(NEWEST) $(BIN)/uv
	tests/bounds.sh prerelease $(NEWEST) $(BIN)/uv

# From the last commit, so that everybody who builds it gets the same bytes.
dist: $(VENV)/.test
	$(PIP) install --quiet twine
	$(BIN)/python -m tests.release.build dist
	$(BIN)/python -m twine check --strict dist/*

release: dist
	tests/release/bare.sh dist/*.whl $(OLDEST) $(NEWEST)
	$(BIN)/python tests/release_check.py

clean:
	rm -rf $(VENV) $(ACCELERATORS) $(JUDGES) .venv-oldest .venv-newest .venv-prerelease build dist site *.egg-info

wheel: $(VENV)/.test
	tests/wheel_check.sh $(BIN)/python
