# SPDX-License-Identifier: Apache-2.0
"""How fast recsim_tf is: beside its peers, and beside the time that its random numbers take.

    python benchmarks/speed.py [SECTION ...] [--rounds=3] [--json=PATH] [--quick]
        [--section=SECTION ...]
        [--recsim-python=PATH] [--recsim-ng-python=PATH] [--jax-python=PATH]

The sections are the modules of `speeds`; without one, all of them are measured. All figures of a
run are from that run: CPU seconds over all threads of processes of their own, pinned to one core
where nothing else is said, after a first call, which compiles. Programs that are compared take
turns, and ratios are of medians. A peer without an interpreter is skipped. Other work on the
machine lowers the wall rates, above all those on all cores, and where cores share caches the CPU
rates. docs/reports/speed.md says how to make interpreters, and what the figures mean.
"""

import commands
import sections
from absl import flags

_NAMES = (
    *("peers", "draws", "training", "learning", "slates"),
    *("memory", "first_call", "cores", "gymnasium"),
)
_PEERS = {
    "recsim_python": "RecSim 0.2.4",
    "recsim_ng_python": "RecSim NG 0.1.2",
    "jax_python": "JAX",
}

if __name__ == "__main__":
    commands.define_flags("A smoke run at the smallest sizes; its figures mean nothing.")
    flags.DEFINE_integer(
        "rounds", 3, "In how many rounds those that are compared take turns.", lower_bound=1
    )
    flags.DEFINE_multi_string("section", [], "A section, as without the flag.")
    for flag, peer in _PEERS.items():
        flags.DEFINE_string(flag, None, f"A Python interpreter that has {peer}.")
        flags.DEFINE_alias(flag.replace("_", "-"), flag)
    sections.run("speed", {name: f"speeds.{name}.measure" for name in _NAMES})
