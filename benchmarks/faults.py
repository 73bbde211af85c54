"""What becomes of runs that are killed, of full disks, broken files, impossible numbers and
strangers' models.

    python benchmarks/faults.py [kills|disk|files|numbers|trust|soak ...] [--json=PATH] [--quick]
        [--jobs=2]

kills: `recsim-tf` is killed at each of its file operations, see `campaign/kills.py`.
disk: a full disk, and an error at each file operation, see `campaign/disk.py`.
files: damaged and impossible files and bindings, see `campaign/files.py`.
numbers: impossible parameters of all environments, see `campaign/numbers.py`.
trust: models and run folders that want to run code, and ports, see `campaign/trust.py`.
soak: 10^9 steps of users, see `campaign/soak.py`.

Without a section, all of them. docs/reliability.md tells what is promised. The exit status is 1
where a promise is broken.
"""

import importlib
import os
import shlex
from collections.abc import Sequence

# TensorFlow is imported before recsim_tf, which would settle it.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import commands
from absl import app, flags
from campaign.common import Settings
from sections import measure

_FLAGS = flags.FLAGS
# Each is a module of `campaign`, with `measure(settings)`, and the figures that must be 0; resident
# memory must grow by less than 1 %.
_MOST_GROWTH = 0.01
_SECTIONS = {
    "kills": ("not_resumed", "different", "left_over", "signals_untold"),
    "disk": ("tracebacks", "unclear", "lost", "left_over"),
    "files": ("tracebacks", "silent", "hangs"),
    "numbers": ("tracebacks", "silent", "hangs"),
    "trust": ("ran", "untold", "large", "open_sockets"),
    "soak": ("not_finite",),
}


def main(argv: Sequence[str]) -> int:
    names = list(dict.fromkeys(argv[1:])) or list(_SECTIONS)
    unknown = [name for name in names if name not in _SECTIONS]
    if unknown:
        raise app.UsageError(f"name some of {', '.join(_SECTIONS)}, got {unknown[0]}")
    sections = {name: importlib.import_module(f"campaign.{name}").measure for name in names}
    result = measure(names, sections, Settings(_FLAGS.quick, _FLAGS.jobs))
    figures = result["figures"]
    broken = [
        f"{section}.{name} = {figures[f'{section}.{name}']}"
        for section in names
        for name in _SECTIONS[section]
        if figures[f"{section}.{name}"]
    ]
    if figures.get("soak.memory_growth", 0) >= _MOST_GROWTH and not _FLAGS.quick:
        broken.append(f"soak.memory_growth = {figures['soak.memory_growth']:.4f}")
    table = f"Not as promised: {', '.join(broken)}" if broken else "All that must be 0 is 0."
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
