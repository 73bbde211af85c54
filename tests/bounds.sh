#!/usr/bin/env bash
# Runs tests with the oldest or the newest releases that pyproject.toml allows.
# Usage: tests/bounds.sh RESOLUTION PYTHON UV, where RESOLUTION is lowest-direct or highest.
set -euo pipefail
resolution=$1 python=$2 uv=$(realpath -s "$3")
cd "$(dirname "$0")/.."
venv=.venv-$resolution
"$python" -m venv --clear "$venv"
"$uv" pip compile --quiet --resolution "$resolution" --no-header --no-annotate --no-emit-index-url \
  --python "$venv/bin/python" --group tf-agents --extra agents --extra fitting --extra gymnasium \
  pyproject.toml --output-file "$venv/requirements.txt"
"$venv/bin/python" -m pip install --quiet --no-deps --requirement "$venv/requirements.txt" --editable .
"$venv/bin/python" -m pip install --quiet pytest pytest-xdist hypothesis
"$venv/bin/python" -m pip install --quiet --no-deps jaxtyping wadler-lindig beartype
grep -E "^(numpy|pandas|pyarrow|scipy|tensorflow)==" "$venv/requirements.txt" | tr '\n' ' '
# Old releases of pandas and TensorFlow warn of new ones of what they use.
"$venv/bin/python" -m pytest --numprocesses=2 --dist=loadfile -m "not slow" \
  -W "ignore::RuntimeWarning" -W "ignore::DeprecationWarning" \
  tests/core/test_simulator.py tests/core/distributions tests/logs tests/ope tests/fitting/test_fit.py \
  tests/adapters/test_gymnasium.py
