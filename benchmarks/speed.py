"""How fast recsim_tf is: beside its peers, and beside the time that its random numbers take.

    python benchmarks/speed.py --json=PATH [--section=peers ...]
        [--recsim-python=PATH] [--recsim-ng-python=PATH] [--jax-python=PATH]

All figures of a run are from that run: CPU seconds over all threads of processes of their own,
pinned to one core where nothing else is said, after a first call, which compiles. Programs that are
compared take turns, and ratios are of medians. A peer without an interpreter is skipped.
docs/reports/speed.md says how to make interpreters, and what the figures mean.
"""

import os
import platform
from typing import Any

import commands
import sections
import tensorflow as tf
from absl import flags
from speeds.common import Settings

from recsim_tf.support.tables import text_table

_FLAGS = flags.FLAGS
# Each is a module of `speeds`.
_SECTIONS = (
    "peers",
    "draws",
    "training",
    "learning",
    "slates",
    "memory",
    "first_call",
    "cores",
    "gymnasium",
)
# Figures that the project holds itself to, and the least, or with a minus the most, that is asked
# of them.
_BARS = {
    "two_cores": 1.8,
    "two_cores_evaluate": 1.7,
    "two_cores_fit": 1.7,
    "large_vs_best": 0.9,
    "iev_vs_recsim": 1500,
    "iev32_vs_recsim": 600,
    "iev_vs_jax": 10,
    "iev_vs_jax_tuned": 3,
    "iev_vs_recsim_ng": 3,
    "InterestExploration-v1_vs_recsim": 300,
    "LongTermSatisfaction-v1_vs_recsim": 300,
    "step_vs_draws": -2.8,
    "first_call_s": -2,
    "first_call_graph_s": -0.7,
    "slateq_vs_recsim": 60,
    "seconds_to_270": -30,
    "exact_vs_topk": -7,
    "bytes_per_user": -4096,
    "gymnasium_steps": 1000,
}

commands.define_flags("A smoke run at the smallest sizes; its figures mean nothing.")
flags.DEFINE_multi_enum(
    "section", list(_SECTIONS), list(_SECTIONS), "Part of the report; may be repeated."
)
flags.DEFINE_integer(
    "rounds", 3, "In how many rounds those that are compared take turns.", lower_bound=1
)
flags.DEFINE_string("recsim_python", None, "A Python interpreter that has RecSim 0.2.4.")
flags.DEFINE_string("recsim_ng_python", None, "A Python interpreter that has RecSim NG 0.1.2.")
flags.DEFINE_string("jax_python", None, "A Python interpreter that has JAX.")
for _name in ("recsim_python", "recsim_ng_python", "jax_python"):
    flags.DEFINE_alias(_name.replace("_", "-"), _name)


def _bar_lines(figures: dict[str, float]) -> list[str]:
    rows = [("figure", "measured", "asked", "reached")]
    for name, bar in _BARS.items():
        if name in figures:
            reached = figures[name] >= bar if bar > 0 else figures[name] <= -bar
            asked = f"{'>=' if bar > 0 else '<='} {abs(bar):,}"
            rows.append((name, f"{figures[name]:,.2f}", asked, "yes" if reached else "no"))
    return text_table(rows).splitlines()


def _machine(load_before: float) -> dict[str, Any]:
    """The machine of this run, and its load average before and after."""
    return {
        "device": "CPU",
        "cores": (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "load_average": [load_before, os.getloadavg()[0]],
        "processor_name": _processor_name(),
    }


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor()


def main() -> None:
    rounds = 1 if _FLAGS.quick else _FLAGS.rounds
    settings = Settings(
        _FLAGS.quick, rounds, _FLAGS.recsim_python, _FLAGS.recsim_ng_python, _FLAGS.jax_python
    )
    names = list(dict.fromkeys(_FLAGS.section))
    functions = {name: sections.function(f"speeds.{name}.measure") for name in names}
    load_before = os.getloadavg()[0]
    result = {"benchmark": "speed", "quick": _FLAGS.quick}
    result |= sections.measure(names, functions, settings)
    machine = result["machine"] = _machine(load_before)
    lines = [
        f"{machine['device']}, {machine['cores']} cores ({machine['processor']}), TensorFlow"
        f" {machine['tensorflow']}",
        *_bar_lines(result["figures"]),
        "",
        f"Load average {load_before:.1f} before, {machine['load_average'][1]:.1f} after; this run"
        " makes at least 1. CPU seconds count all threads.",
        "Other work on the machine lowers the wall rates, above all those on all cores, and where"
        " cores share caches the CPU rates.",
    ]
    lines += ["A smoke run: these figures mean nothing."] * _FLAGS.quick
    command = ["python benchmarks/speed.py", "--json=PATH"]
    command += [f"--section={name}" for name in names] if len(names) < len(_SECTIONS) else []
    command += [f"--rounds={rounds}"] if _FLAGS["rounds"].present else []
    command += [
        f"--{name.replace('_', '-')}=PYTHON"
        for name in ("recsim_python", "recsim_ng_python", "jax_python")
        if _FLAGS[name].value
    ]
    command += ["--quick"] if _FLAGS.quick else []
    commands.finish(command, result, "\n".join(lines))


if __name__ == "__main__":
    commands.run(main)
