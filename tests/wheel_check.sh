#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds a wheel, installs it in an empty environment outside the checkout as README says, and trains there from a packaged config.
# Usage: tests/wheel_check.sh PYTHON, where PYTHON has the package `build`.
set -euo pipefail
python=$(realpath -s "$1")
checkout=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "wheel: $1" >&2; exit 1; }
"$python" -m build --wheel --outdir "$work/dist" "$checkout" > "$work/build" 2>&1 || { cat "$work/build" >&2; exit 1; }
if grep -i warning "$work/build" | grep -v byte-compiling; then fail "the build warns"; fi
"$python" -m venv "$work/env"
wheel=$(ls "$work"/dist/*.whl)
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel[agents]" > "$work/install" 2>&1
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps tf-agents==0.19.0 >> "$work/install" 2>&1
if [ -s "$work/install" ]; then cat "$work/install"; fail "the installation is not quiet"; fi
cd "$work"
"$work/env/bin/recsim-tf" train --root_dir="$work/run" --gin_file=quickstart.gin \
  --gin_bindings='experiment.num_users = 64' --gin_bindings='Iteration.batch_size = 64' \
  --gin_bindings='train.num_iterations = 20' --gin_bindings='train.eval_users = 50' --gin_bindings='Evaluation.num_users = 200'
test -s "$work/run/results.json"
if "$work/env/bin/python" -c 'import agents' 2> /dev/null; then fail "installs a top-level package agents"; fi
echo "wheel: installed in an empty environment of $("$python" -V) and trained"
