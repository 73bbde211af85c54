"""Faults: commands that are killed, and commands whose disk is full or fails.

    python benchmarks/faults.py [kills|disk ...] [--json=PATH] [--quick] [--jobs=2]

kills: `recsim-tf` is killed at each of its file operations, see `campaign/kills.py`.
disk: a full disk, and an error at each file operation, see `campaign/disk.py`.

Without a section, all of them. docs/faults.md says what is promised. The exit status is 1
where a promise is broken.
"""

import shlex
from collections.abc import Sequence

import commands
from absl import app, flags
from campaign.runner import unavailable
from sections import Settings, chosen, function, measure

_FLAGS = flags.FLAGS
# Each is a module of `campaign`, with `measure(settings)`. All of its figures must be 0, but the
# number of runs.
_SECTIONS = ("kills", "disk")


def main(argv: Sequence[str]) -> int:
    names = chosen(argv, _SECTIONS)
    if reason := unavailable():
        raise SystemExit(reason)
    sections = {name: function(f"campaign.{name}.measure") for name in names}
    result = measure(names, sections, Settings(_FLAGS.quick, jobs=_FLAGS.jobs))
    broken = [
        f"{name} = {number}"
        for name, number in result["figures"].items()
        if number > 0 and not name.endswith(".runs")
    ]
    table = f"Not as promised: {', '.join(broken)}" if broken else "All is as promised."
    command = shlex.join(["python", "benchmarks/faults.py", *names, "--json=PATH"])
    if _FLAGS.quick:
        command += " --quick"
        table += "\nA smoke run: a sample of the cases."
    content = {"benchmark": "faults", "quick": _FLAGS.quick, **result}
    commands.finish([command], content, table)
    return int(bool(broken))


if __name__ == "__main__":
    commands.define_flags(quick="A sample of the cases.")
    flags.DEFINE_integer("jobs", 2, "Processes at a time.", lower_bound=1)
    app.run(main)
