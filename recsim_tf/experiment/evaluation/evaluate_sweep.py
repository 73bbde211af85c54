"""Evaluation of a run with other values of its environment's parameters, and other seeds."""

import inspect
import json
from pathlib import Path

import gin

from recsim_tf.experiment.evaluation import report, sessions
from recsim_tf.experiment.evaluation.comparison import UserSweep
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.evaluation.measures import PolicyResult
from recsim_tf.experiment.runs.folder import RunDirectory, write_text
from recsim_tf.experiment.training.train import Experiment, experiment
from recsim_tf.policies import BASELINE_NAMES, baseline_policy


def evaluate_sweep(
    run_dir: RunDirectory, parts: Experiment, evaluation: Evaluation, sweep: UserSweep
) -> list[PolicyResult]:
    """Evaluates the agent of a run and its baselines with every value and seed of a sweep on the
    user axis.

    The agent is the one of the run: it knows nothing of the values, also where it is a baseline.
    The baselines beside it are made for each value.

    The files results.json, sessions.csv and, of one numeric parameter, values.png go into a folder
    of their own: evaluations/sweep-<iteration>, or the first evaluations/sweep-<iteration>-<number>
    that is not there.

    Args:
      run_dir: the folder of the run.
      parts: of its configuration, restored from a checkpoint.
      evaluation: of each policy.
      sweep: its `sweep`.

    Raises:
      UsageError: if the environment cannot take the values.
    """
    simulator = sweep.simulator(lambda: gin.get_bindings(experiment)["simulator"])
    policies = {
        BASELINE_NAMES.get(name, name): baseline_policy(name, simulator)
        for name in _configured_baselines()
    }
    # The agent comes last, as in other evaluations, and in place of a baseline of its name.
    policies.pop(parts.agent.name, None)
    policies[parts.agent.name] = parts.policy
    results = [
        result
        for name, policy in policies.items()
        for result in evaluation.sweep_evaluator(name, simulator, policy)()
    ]
    folder = _new_folder(run_dir.path / "evaluations", f"sweep-{int(parts.progress.iteration)}")
    write_text(
        folder / "results.json",
        json.dumps({"policies": [result.as_json() for result in results]}, indent=2) + "\n",
    )
    sessions.write_sessions(folder / "sessions.csv", results)
    report.plot_values(folder / "values.png", results)
    return results


def _configured_baselines():
    return gin.get_bindings(experiment).get(
        "baselines", inspect.signature(experiment).parameters["baselines"].default
    )


def _new_folder(parent: Path, name: str) -> Path:
    """Creates the folder of that name, or where it is there the one with the next number."""
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    path.mkdir(parents=True)
    return path
