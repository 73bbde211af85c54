# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf compare`: finished runs side by side."""

from collections.abc import Sequence
from pathlib import Path

from recsim_tf.experiment.comparing.comparison_report import (
    comparison_json,
    comparison_page,
    comparison_text,
    plot_comparison,
)
from recsim_tf.experiment.comparing.finished import read_run, run_names
from recsim_tf.experiment.comparing.gains import Comparison, compare
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import require_writable
from recsim_tf.support.outputs import write_folder


def run_comparison(
    runs: Sequence[str], baseline: str | None = None, output: str | None = None
) -> Comparison:
    """Compares the policies of finished runs; prints the table and a sentence.

    Args:
      runs: folders of trainings or simulations, and folders evaluations/comparison-N of runs.
      baseline: the policy over which the others gain, by its name in the table; by default the
        agent of the first run, or its first policy if it trained none.
      output: None, or a new folder for report.html, compare.png and compare.json.

    Raises:
      UsageError: for a run that is none, is not finished or is given twice, for a single policy,
        for an unknown baseline, and for an output that exists.
      ValueError: for a run whose files are damaged.
    """
    if output is not None and Path(output).exists():
        raise UsageError(f"--output {output} exists, name a new folder")
    paths = [Path(run).resolve() for run in runs]
    for number, (run, path) in enumerate(zip(runs, paths, strict=True)):
        if path in paths[:number]:
            raise UsageError(f"RUN {run} must be given once, is given twice")
    folders = dict(zip(run_names(paths), map(Path, runs), strict=True))
    comparison = compare([read_run(path, name) for name, path in folders.items()], baseline)
    print(comparison_text(comparison))
    if output is not None:
        path = Path(output).absolute()
        require_writable(path.parent)
        files = {
            "compare.json": comparison_json(comparison, folders),
            "compare.png": plot_comparison(comparison),
            "report.html": comparison_page(comparison, folders),
        }
        print(f"\nPage, plot and figures in {write_folder(path, files)}")
    return comparison
