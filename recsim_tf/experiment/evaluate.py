"""Evaluation of the agent of a run, and of its baselines."""

from recsim_tf.experiment.evaluation import outputs
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.evaluation.measures import PolicyResult
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.training.parts import Experiment
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import new_folder, require_writable, whole_folder, write_json


def evaluate_run(
    folder: RunDirectory, parts: Experiment, evaluation: Evaluation
) -> list[PolicyResult]:
    """Evaluates the agent of a run and its baselines from the newest checkpoint; prints the table.

    The sessions go into evaluations/sessions-<iteration>.csv. Where values or seeds are compared,
    results.json, sessions.csv and, for one numeric parameter, values.png go into a new folder
    evaluations/comparison-<iteration> or evaluations/comparison-<iteration>-<number> instead. The
    agent was trained without the values; the baselines are made for each of them.

    Args:
      folder: of the run.
      parts: of its configuration; the agent is restored.
      evaluation: of each policy.

    Raises:
      UsageError: if there is no checkpoint, or if the environment cannot take the values.
    """
    if not folder.restore_latest(parts.agent_checkpoint, whole=False):
        raise UsageError(f"root_dir {folder.path} has no checkpoint to evaluate")
    require_writable(folder.path / "evaluations")
    with evaluation.scope():
        results = evaluation.results(parts.simulator, parts.policies)
    _write(folder, parts.iteration, results)
    print(outputs.results_table(results))
    return results


def _write(folder: RunDirectory, iteration: int, results: list[PolicyResult]) -> None:
    written = folder.path / "evaluations"
    if results[0].setting is None:
        outputs.write_sessions(written / f"sessions-{iteration}.csv", results)
        return
    policies = [result.as_json() for result in results]
    with whole_folder(new_folder(written, f"comparison-{iteration}")) as compared:
        write_json(compared / "results.json", {"policies": policies})
        outputs.write_sessions(compared / "sessions.csv", results)
        outputs.plot_values(compared / "values.png", results)
