"""Simulation under policies that do not learn."""

import contextlib
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gin

from recsim_tf import replicas
from recsim_tf.adapters import episodes
from recsim_tf.core import random, validation
from recsim_tf.core.checks import check
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Policy
from recsim_tf.experiment.evaluation import plots, sessions, tables
from recsim_tf.experiment.evaluation.baselines import (
    Baseline,
    baseline_policies,
    named_baselines,
)
from recsim_tf.experiment.evaluation.evaluation import Evaluation, as_rollout
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.support.files import require_writable

# An episode file is simulated and written in pieces, so that memory does not grow with the number
# of users.
_USERS_AT_ONCE = 500


@gin.configurable("simulate", module="recsim_tf", denylist=["folder", "evaluation", "episode_file"])
def simulate_policies(
    folder: RunDirectory,
    evaluation: Evaluation,
    episode_file: str | None = None,
    simulator: Simulator = gin.REQUIRED,
    policies: Sequence[Baseline] = ("random",),
    log_steps: int = 500,
) -> dict[str, Any]:
    """Simulates one session of each user of an evaluation under each of some policies, and writes
    results.json, sessions.csv and, of several policies, returns.png into a folder; in gin files
    `simulate`.

    Where the evaluation compares values or seeds, each policy has a result for each of them, and
    all are simulated at once. For one numeric parameter, values.png is drawn instead.

    Args:
      folder: receives the files.
      evaluation: the number of users and steps, the seed, and what is compared.
      episode_file: None, or a new file for as many sessions of other users under the same policy;
        see `recsim_tf.adapters.episodes`.
      simulator: the environment; where nothing is bound to it, `recsim-tf simulate` takes that of
        `experiment.simulator`.
      policies: names of `recsim_tf.policies.BASELINES`, and functions or classes that make a policy
        from the simulator.
      log_steps: sessions of the episode file that are still running then are cut off.

    Returns:
      The content of results.json.

    Raises:
      ValueError: if an argument is out of range, if an `episode_file` is asked for of several
        policies, values or seeds, or if the environment cannot take the values.
      FileExistsError: if the `episode_file` exists; nothing is simulated or written then.
    """
    validation.check_at_least(1, log_steps=log_steps)
    if not policies:
        raise ValueError(f"simulate.policies must hold at least one policy, got {policies!r}")
    named = named_baselines("simulate.policies", policies)
    if episode_file is not None:
        episodes.refuse_existing(episode_file)
        if evaluation.comparison is not None or len(named) > 1:
            raise ValueError(
                "episode_file holds sessions of one policy, environment and seed: leave out"
                " Evaluation.compare and Evaluation.seeds, and name one of simulate.policies"
            )
    check(simulator)
    of_simulator = functools.partial(baseline_policies, named)
    policies_of_simulator = of_simulator(simulator)
    if episode_file is not None and "://" not in episode_file:
        require_writable(Path(episode_file).absolute().parent)
    with folder.claim():
        started = time.perf_counter()
        with replicas.of_this_machine(evaluation.division.num_replicas).scope():
            results = (
                evaluation.evaluate(simulator, policies_of_simulator)
                if evaluation.comparison is None
                else evaluation.compare(simulator, of_simulator)
            )
        seconds = time.perf_counter() - started
        content = {
            "policies": [result.as_json() for result in results],
            "simulate": {
                "seconds": round(seconds, 3),
                "user_steps": sum(result.mean_length * result.episodes for result in results),
            },
        }
        with contextlib.ExitStack() as stack:
            if episode_file is not None:
                (policy,) = policies_of_simulator.values()
                # The file appears last: as long as it is not there, the command can be repeated.
                writer = stack.enter_context(episodes.Writer(episode_file, simulator))
                _write_episodes(writer, simulator, policy, evaluation, log_steps)
            folder.write_operative_config()
            sessions.write_sessions(folder.path / "sessions.csv", results)
            if evaluation.comparison is not None:
                plots.plot_values(folder.path / "values.png", results)
            elif len(results) > 1:
                plots.plot_returns(folder.path / "returns.png", results)
            # After the others, since it says that a simulation is finished.
            folder.write_results(content)
    print(tables.results_table(results))
    return content


def _write_episodes(
    writer: episodes.Writer,
    simulator: Simulator,
    policy: Policy,
    evaluation: Evaluation,
    num_steps: int,
) -> None:
    sizes = [
        min(_USERS_AT_ONCE, evaluation.num_users - start)
        for start in range(0, evaluation.num_users, _USERS_AT_ONCE)
    ]
    # The evaluation splits its seed in two.
    log_seed = random.split_seed(evaluation.seed, 3)[2]

    def simulate_piece(seed, size):
        function, policy_state = as_rollout(policy, size)
        return simulator.rollout(function, size, num_steps, seed, policy_state=policy_state)

    rollouts = {size: compiled(functools.partial(simulate_piece, size=size)) for size in set(sizes)}
    for size, seed in zip(sizes, random.split_seed(log_seed, len(sizes)), strict=True):
        writer.add(rollouts[size](seed))
