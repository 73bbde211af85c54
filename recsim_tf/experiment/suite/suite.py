# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf suite`: a sweep over environments and agents, and the scores of all policies."""

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recsim_tf.core.base.arguments import checked
from recsim_tf.experiment import building, config
from recsim_tf.experiment.gin.bindings import built
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.suite.protocol import PROTOCOL
from recsim_tf.experiment.suite.scores import Entry, Environment, Ruled, read_scores
from recsim_tf.experiment.suite.suite_report import scores_table, suite_page, suite_rows
from recsim_tf.experiment.sweeps.plan import Suite, Sweep
from recsim_tf.experiment.sweeps.results import SweepResult
from recsim_tf.experiment.sweeps.run import run_sweep
from recsim_tf.experiment.sweeps.sweep_folder import Shard
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import read_json
from recsim_tf.support.outputs import write_files
from recsim_tf.support.tables import frame

SWEEP_FILE = "sweeps/suite.gin"
_FILE = "suite.json"


@checked
def run_suite(
    root_dir: str,
    sweep_file: str = SWEEP_FILE,
    gin_bindings: Sequence[str] = (),
    shard: Shard = Shard(),  # noqa: B008
    dry_run: bool = False,
) -> SweepResult | None:
    """Runs the trials of the suite that are not finished, and writes the scores of all policies
    into a folder; prints the table.

    The folder receives what `run_sweep` writes, and suite.html, suite.png, suite.csv with a row for
    each policy of an environment, and suite.json.

    Args:
      root_dir: the folder.
      sweep_file: a path, or the name of a packaged sweep, which also binds `suite.rules`.
      gin_bindings: over the file.
      shard: the part of the trials that is run.
      dry_run: whether to print the trials and do nothing.

    Returns:
      What the sweep found; None for a dry run.

    Raises:
      StoppedError: if SIGINT (Ctrl-C) or SIGTERM came. The same command goes on.
      UsageError: for bad input, or a folder that holds a suite of another protocol.
    """
    folder = Path(root_dir).absolute()
    before = _Record()
    if (folder / _FILE).exists():
        before = read_json(folder / _FILE, _Record, "remove it")
        if before.protocol != PROTOCOL.name:
            raise UsageError(
                f"root_dir {root_dir} holds a suite by the protocol {before.protocol}, this is"
                f" {PROTOCOL.name}: choose another root_dir"
            )
    config.load([str(config.find_config(sweep_file, "sweep_file"))], gin_bindings)
    rules, shared = built(Suite, "suite").rules, built(Sweep, "sweep").gin_bindings
    begun = time.monotonic()
    result = run_sweep(root_dir, sweep_file, gin_bindings, shard=shard, dry_run=dry_run)
    if result is None:
        return None
    ruled = [_simulated(file, shared, folder) for file in rules]
    environments = read_scores(result, ruled, folder)
    minutes = before.minutes + (time.monotonic() - begun) / 60
    departures = PROTOCOL.departures(
        result.trials, [policy for each in ruled for policy in each.policies]
    )
    command = ["recsim-tf", "suite", f"--root_dir={root_dir}"]
    command += [f"--sweep_file={sweep_file}"] * (sweep_file != SWEEP_FILE)
    command += [f"--gin_bindings={binding}" for binding in gin_bindings]
    write_files(
        folder,
        {
            "suite.csv": frame(suite_rows(environments)),
            _FILE: _content(environments, minutes, departures),
            **suite_page(environments, PROTOCOL.words(), departures, shlex.join(command)),
        },
    )
    print(scores_table(environments))
    for sentence in departures:
        print(f"Not by the protocol: {sentence}")
    print(f"Scores in {folder / 'suite.html'}")
    return result


def _simulated(file: str, bindings: Sequence[str], folder: Path) -> Ruled:
    """Simulates the rules of an environment, unless the folder has them."""
    text = config.load([file], bindings)
    run = RunDirectory(folder / "rules" / Path(file).stem, text)
    if not run.results_file.exists():
        building.simulate(run)
    content: dict[str, Any] = read_json(run.results_file, dict, "remove its folder")
    return Ruled(text, run.path, content["policies"])


class _Record:
    """The part of suite.json that a further run reads."""

    def __init__(self, protocol: str = PROTOCOL.name, figures: Any = None, **_: Any):
        self.protocol = protocol
        self.minutes = float(figures["suite.minutes"]) if figures else 0.0


def _content(
    environments: Sequence[Environment], minutes: float, departures: Sequence[str]
) -> dict[str, Any]:
    """The content of suite.json."""
    figures = {
        "suite.environments_with_bound": sum(each.bound is not None for each in environments),
        "suite.environments_solved": sum(each.is_solved for each in environments),
        "suite.minutes": round(minutes, 1),
        "suite.violations": sum(len(each.violations) for each in environments),
    }
    return {
        "protocol": PROTOCOL.name,
        "departures": list(departures),
        "figures": figures,
        "environments": {each.name: _scores_of(each) for each in environments},
    }


def _scores_of(environment: Environment) -> dict[str, Any]:
    """The content of suite.json about an environment."""
    bound = environment.bound
    policies = {
        entry.policy: {**entry._asdict(), "score": entry.score and entry.score._asdict()}
        for entry in environment.entries
    }
    return {
        "random": environment.random,
        "bound": None if bound is None else bound._replace(policy=None)._asdict(),
        "reason": environment.reason,
        "violations": environment.violations,
        "rule": _policy_of(environment.best(is_agent=False), policies),
        "agent": _policy_of(environment.best(is_agent=True), policies),
        "policies": policies,
    }


def _policy_of(entry: Entry | None, policies: Mapping[str, Any]) -> dict[str, Any] | None:
    return None if entry is None else policies[entry.policy]
