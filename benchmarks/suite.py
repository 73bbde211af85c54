# SPDX-License-Identifier: Apache-2.0
"""The scores of all policies in all environments, as a result file.

    python benchmarks/suite.py --root_dir=DIR --json=PATH

Runs `recsim-tf suite` in the folder, or goes on with it, and counts the figures of README and docs
that no result file holds. With --quick the suite is one environment with one agent.
"""

import json
import sys
import tempfile
from pathlib import Path

import commands
from absl import flags

from recsim_tf.experiment.suite import run_suite

_ROOT = Path(__file__).parent.parent
sys.path.append(str(_ROOT / "docs"))

import figures  # noqa: E402
import write_tables  # noqa: E402

_FLAGS = flags.FLAGS
_QUICK = """
include 'sweeps/suite.gin'
suite.rules = ("suite/feed.gin",)
listed.trials = ({"gin_file": ("suite/_reinforce_myopic.gin", "suite/feed.gin")},)
sweep.seeds = (0,)
sweep.gin_bindings = (
    "Evaluation.num_users=8",
    "experiment.num_users=8",
    "train.eval_users=8",
    "train.num_iterations=1",
    "train.log_interval=1",
    "train.eval_interval=1",
)
"""


def _unheld() -> int:
    """The number of figures of README and docs that no result file holds."""
    results = write_tables.read_results()
    texts = [page.read_text(encoding="utf-8") for page in write_tables.pages()]
    return sum(len(figures.unheld(text, results)) for text in texts)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep_file = "sweeps/suite.gin"
        if _FLAGS.quick:
            sweep_file = f"{folder}/quick.gin"
            Path(sweep_file).write_text(_QUICK)
        root_dir = _FLAGS.root_dir or f"{folder}/suite"
        run_suite(root_dir, sweep_file)
        content = json.loads((Path(root_dir) / "suite.json").read_text())
        machine = next(Path(root_dir).glob("rules/*/machine.json")).read_text()
    content["figures"]["figures.unmatched"] = _unheld()
    result = {"benchmark": "suite", "quick": _FLAGS.quick, **content}
    counts = [f"{name}: {figure:g}" for name, figure in content["figures"].items()]
    command = ["python", "benchmarks/suite.py", "--root_dir=DIR", "--json=PATH"]
    commands.finish(command, {**result, "machine": json.loads(machine)}, "\n".join(counts))


if __name__ == "__main__":
    flags.DEFINE_string("root_dir", None, "Folder of the runs; by default one that is removed.")
    commands.define_flags()
    commands.run(main)
