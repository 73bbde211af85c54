"""What more devices, more processes and more values at once are worth on this machine.

    python benchmarks/scaling.py --json=PATH [--section=replicas ...]

Sections: "replicas", training by `tf.distribute` on one core and two; "comparison", values of a
parameter side by side on the user axis against as many runs; and, only if it is asked for since it
takes some minutes, "quickstart", what is learned on several replicas. Figures are of wall time, so
nothing else should run; docs/reports/scaling.md tells what they mean.
"""

import commands
import processes
from absl import flags
from sections import Settings, function, measure_here

_FLAGS = flags.FLAGS
# Each is a module of `scales`.
_SECTIONS = ("replicas", "comparison", "quickstart")

commands.define_flags("A smoke run at the smallest sizes; its figures mean nothing.")
flags.DEFINE_multi_enum(
    "section", ["replicas", "comparison"], _SECTIONS, "Part of the report; may be repeated."
)
flags.DEFINE_integer(
    "rounds", 2, "In how many rounds those that are compared take turns.", lower_bound=1
)


def main() -> None:
    settings = Settings(_FLAGS.quick, rounds=1 if _FLAGS.quick else _FLAGS.rounds)
    sections = {name: function(f"scales.{name}.measure") for name in _FLAGS.section}
    result = measure_here("scaling", sections, settings)
    lines = [
        processes.machine_line(result["machine"]),
        *processes.load_lines(result["machine"], settings.quick),
    ]
    command = ["python benchmarks/scaling.py", "--json=PATH", f"--rounds={settings.rounds}"]
    command += [f"--section={name}" for name in sections]
    commands.finish(command + ["--quick"] * settings.quick, result, "\n".join(lines))


if __name__ == "__main__":
    commands.run(main)
