# SPDX-License-Identifier: Apache-2.0
"""Faults: commands that are killed, and commands whose disk is full or fails.

    python benchmarks/faults.py [kills|disk ...] [--json=PATH] [--quick] [--jobs=2]

kills: `recsim-tf` is killed at each of its file operations, see `campaign/kills.py`.
disk: a full disk, and an error at each file operation, see `campaign/disk.py`.

Without a section, all of them. docs/faults.md says what is promised. The exit status is 1
where a promise is broken.
"""

from collections.abc import Sequence

import commands
import sections
from absl import app, flags
from campaign.runner import unavailable

_FLAGS = flags.FLAGS
# All of the figures must be 0, but the numbers of runs.
_SECTIONS = {name: f"campaign.{name}.measure" for name in ("kills", "disk")}


def main(argv: Sequence[str]) -> int:
    names = sections.chosen(argv, tuple(_SECTIONS))
    if reason := unavailable():
        raise SystemExit(reason)
    settings = sections.Settings(_FLAGS.quick, jobs=_FLAGS.jobs)
    figures = sections.figures_of(sections.report("faults", names, _SECTIONS, settings))
    broken = [name for name in figures if figures[name] > 0 and not name.endswith(".runs")]
    print(f"Not as promised: {', '.join(broken)}" if broken else "All is as promised.")
    return int(bool(broken))


if __name__ == "__main__":
    commands.define_flags(quick="A sample of the cases.")
    flags.DEFINE_integer("jobs", 2, "Processes at a time.", lower_bound=1)
    app.run(main)
