#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs tests with the oldest or the newest releases that pyproject.toml allows, or with the newest ones and the newest TensorFlow, pre-releases among them.
# Usage: tests/bounds.sh RELEASES PYTHON UV, where RELEASES is oldest, newest or prerelease.
set -euo pipefail
releases=$1 python=$2 uv=$(realpath -s "$3")
cd "$(dirname "$0")/.."
venv=.venv-$releases
"$python" -m venv --clear "$venv"
resolution=(--resolution highest)
case $releases in
  oldest) resolution=(--resolution lowest-direct) ;;
  prerelease)
    # An override, since the newest tf-keras forbids a TensorFlow that is newer than itself.
    "$venv/bin/python" -m pip index versions --pre tensorflow 2> /dev/null |
      sed -n 's/^tensorflow (\(.*\))$/tensorflow==\1/p' > "$venv/overrides.txt"
    resolution+=(--override "$venv/overrides.txt") ;;
esac
"$uv" pip compile --quiet "${resolution[@]}" --no-header --no-annotate --no-emit-index-url \
  --python "$venv/bin/python" --group tf-agents --extra agents --extra fitting --extra gymnasium \
  pyproject.toml --output-file "$venv/requirements.txt"
"$venv/bin/python" -m pip install --quiet --no-deps --requirement "$venv/requirements.txt" --editable .
"$venv/bin/python" -m pip install --quiet pytest pytest-xdist hypothesis
"$venv/bin/python" -m pip install --quiet --no-deps jaxtyping wadler-lindig beartype
grep -E "^(numpy|pandas|pyarrow|scipy|tensorflow|tf-keras)==" "$venv/requirements.txt" | tr '\n' ' '
# Old releases of pandas and TensorFlow warn of new ones of what they use.
"$venv/bin/python" -m pytest --numprocesses=2 --dist=loadfile -m "not slow" \
  -W "ignore::RuntimeWarning" -W "ignore::DeprecationWarning" \
  tests/core/test_simulator.py tests/core/distributions tests/logs tests/ope tests/fitting/test_fit.py \
  tests/adapters/test_gymnasium.py
