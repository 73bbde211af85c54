"""What more devices, more processes and more values at once are worth on this machine.

    python benchmarks/scaling.py --json=PATH [--section=replicas ...]

Sections: "replicas", training by `tf.distribute` on one core and two; "comparison", values of a
parameter side by side on the user axis against as many runs; and, only if it is asked for since it
takes some minutes, "quickstart", what is learned on several replicas. Figures are of wall time, so
nothing else should run; docs/scaling.md tells what they mean.
"""

import os

import commands
import processes
from absl import flags
from scales import comparison, quickstart, replicas
from sections import Settings, measure

_FLAGS = flags.FLAGS
_SECTIONS = {
    "replicas": replicas.measure,
    "comparison": comparison.measure,
    "quickstart": quickstart.measure,
}

commands.define_flags("A smoke run at the smallest sizes; its figures mean nothing.")
flags.DEFINE_multi_enum(
    "section", ["replicas", "comparison"], list(_SECTIONS), "Part of the report; may be repeated."
)
flags.DEFINE_integer(
    "rounds", 2, "In how many rounds those that are compared take turns.", lower_bound=1
)


def main() -> None:
    settings = Settings(_FLAGS.quick, rounds=1 if _FLAGS.quick else _FLAGS.rounds)
    sections = list(dict.fromkeys(_FLAGS.section))
    load_before = os.getloadavg()[0]
    result = {
        "benchmark": "scaling",
        "quick": settings.quick,
        **measure(sections, _SECTIONS, settings),
    }
    result["machine"] = processes.machine(
        {"device": "CPU", "tensorflow": processes.version("tensorflow")}, load_before
    )
    lines = [processes.machine_line(result["machine"])]
    lines += processes.load_lines(result["machine"], settings.quick)
    command = [
        "python benchmarks/scaling.py",
        "--json=PATH",
        f"--rounds={settings.rounds}",
        *(f"--section={name}" for name in sections),
    ]
    commands.finish(command + ["--quick"] * settings.quick, result, "\n".join(lines))


if __name__ == "__main__":
    commands.run(main)
