#!/usr/bin/env bash
# Builds a wheel, installs it in an empty environment outside the checkout, and trains there from a packaged config.
# Usage: tests/wheel_check.sh PYTHON, where PYTHON has the package `build`.
set -euo pipefail
python=$(realpath -s "$1")
checkout=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m build --quiet --wheel --outdir "$work/dist" "$checkout" > /dev/null
"$python" -m venv "$work/env"
wheel=$(ls "$work"/dist/*.whl)
"$work/env/bin/python" -m pip install --quiet "$wheel[agents]"
cd "$work"
"$work/env/bin/recsim-tf" train --root_dir="$work/run" --gin_file=quickstart.gin \
  --gin_bindings='experiment.num_users = 64' --gin_bindings='experiment.batch_size = 64' \
  --gin_bindings='train.num_iterations = 20' --gin_bindings='train.eval_users = 50' --gin_bindings='Evaluation.num_users = 200'
test -s "$work/run/results.json"
if "$work/env/bin/python" -c 'import agents' 2> /dev/null; then echo "the wheel installs a top-level package agents" >&2; exit 1; fi
echo "wheel: installed in an empty environment and trained"
