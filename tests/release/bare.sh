#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs a wheel in an empty environment of each Python, prints the sizes, and runs the first Python block of README.
# Usage: tests/release/bare.sh WHEEL PYTHON...
set -euo pipefail
wheel=$(realpath "$1")
shift
checkout=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
awk '/^```python$/ { inside = 1; next } inside && /^```$/ { exit } inside' "$checkout/README.md" > first.py
cat > simulate.py << 'END'
from recsim_tf import make, policies
simulator = make("InterestEvolution-v1", slate_size=3, num_candidates=10)
simulator.rollout(policies.random_policy(simulator), num_users=100, num_steps=10, seed=0)
END
sizes() {
  echo "$1 with $2: $(du -sm "$packages" | cut -f 1) MB, of which"
  du -sm "$packages"/* | sort -rn | awk 'NR <= 5 { n = split($2, part, "/"); print "  " $1 " MB " part[n] }'
}
for python in "$@"; do
  "$python" -m venv --clear env
  packages=$(env/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  pip() { env/bin/python -m pip --disable-pip-version-check install --quiet "$@"; }
  pip "$wheel"
  sizes "the simulator alone" "$("$python" -V)"
  env/bin/python simulate.py
  pip "$wheel[agents]"
  pip --no-deps tf-agents==0.19.0
  sizes "with agents" "$("$python" -V)"
  env/bin/python first.py
done
