# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf simulate`: sessions under policies that do not learn."""

import dataclasses
import functools
import time
from pathlib import Path
from typing import Any

import gin
import tensorflow as tf

from recsim_tf import logs
from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.types import Trajectory
from recsim_tf.core.checks import check
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation import outputs
from recsim_tf.evaluation.baselines import (
    AnyPolicy,
    Baselines,
    as_rollout,
    baseline_policies,
    named_baselines,
    unchecked,
)
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.policy_results import Results
from recsim_tf.experiment.comparing import environments
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.logs import episodes
from recsim_tf.policies import StochasticPolicy
from recsim_tf.support.files import require_writable

# An episode file is simulated and written in pieces, for memory that does not grow.
_USERS_AT_ONCE = 500


@configurable("simulate", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Simulation:
    """An environment, and the policies that are simulated in it; in gin files `simulate`.

    Args:
      simulator: the environment; where nothing is bound to it, `recsim-tf simulate` takes that of
        `experiment.simulator`.
      policies: names of `recsim_tf.policies.BASELINES`, and functions or classes that make a policy
        from the simulator; or those by the names that tables show.
      log_steps: sessions of the episode file that are still running then are cut off.

    Raises:
      ValueError: for an argument out of range, or a simulator that `recsim_tf.check` refuses.
    """

    simulator: Simulator = gin.REQUIRED
    policies: Baselines = ("random",)
    log_steps: Count = 500

    def __post_init__(self) -> None:
        if not self.policies:
            raise ValueError(
                f"simulate.policies must hold at least one policy, got {self.policies!r}"
            )
        named_baselines("simulate.policies", self.policies)
        check(self.simulator)

    def policies_for(self, simulator: Simulator) -> dict[str, AnyPolicy]:
        """The policies for an environment, by the names that tables show. Raises a ValueError for
        an unknown policy, or one that is not for this environment.
        """
        return baseline_policies(named_baselines("simulate.policies", self.policies), simulator)


def run_simulation(
    folder: RunDirectory,
    simulation: Simulation,
    evaluation: Evaluation,
    episode_file: str | None = None,
) -> dict[str, Any]:
    """Simulates one session of each user of an evaluation under each of some policies, and writes
    results.json, sessions.csv and, of several policies, returns.png into a folder.

    Where the evaluation compares values or seeds, each policy has a result for each of them, and
    all are simulated at once. For one numeric parameter, values.png is drawn instead.

    Args:
      folder, simulation, evaluation: the run.
      episode_file: None, or a new file for as many sessions of other users under the same policy;
        see `recsim_tf.logs.episodes`.

    Returns:
      The content of results.json.

    Raises:
      ValueError: if an `episode_file` is asked for of several policies, values or seeds, or if the
        environment cannot take the values or the policies.
      FileExistsError: if the `episode_file` exists; nothing is simulated or written then.
    """
    if episode_file is not None:
        episodes.refuse_existing(episode_file)
        if evaluation.comparison is not None or len(simulation.policies) > 1:
            raise ValueError(
                "episode_file holds sessions of one policy, environment and seed: leave out"
                " Evaluation.compare and Evaluation.seeds, and name one of simulate.policies"
            )
        if "://" not in episode_file:
            require_writable(Path(episode_file).absolute().parent)
    with folder.claim():
        started = time.perf_counter()
        with evaluation.scope():
            results = evaluation.results(simulation.simulator, simulation.policies_for)
        seconds = time.perf_counter() - started
        if episode_file is None:
            content = _write(folder, simulation.simulator, evaluation, results, seconds)
        else:
            # The file appears last: as long as it is not there, the command can be repeated.
            with episodes.Writer(episode_file, simulation.simulator) as writer:
                _write_episodes(writer, simulation, evaluation)
                content = _write(folder, simulation.simulator, evaluation, results, seconds)
    print(results)
    return content


def _write(
    folder: RunDirectory,
    simulator: Simulator,
    evaluation: Evaluation,
    results: Results,
    seconds: float,
) -> dict[str, Any]:
    """Writes the files of the run, and returns the content of results.json."""
    content = {
        **results.as_json(),
        "simulate": {
            "seconds": round(seconds, 3),
            "user_steps": sum(result["steps"].value * result.episodes for result in results),
        },
    }
    compared = results[0].setting is not None
    several = len(results) > 1 and not compared
    folder.write(
        {
            "operative_config.gin": gin.operative_config_str(),
            environments.FILE: environments.content_of(simulator, evaluation, str(folder.path)),
            "sessions.csv": outputs.sessions_table(results),
            "values.png": outputs.plot_values(results) if compared else None,
            "returns.png": outputs.plot_returns(results) if several else None,
            "results.json": content,
        }
    )
    return content


def _write_episodes(
    writer: episodes.Writer, simulation: Simulation, evaluation: Evaluation
) -> None:
    simulator = simulation.simulator
    (policy,) = simulation.policies_for(simulator).values()
    # Users of one world are simulated together.
    shares_a_corpus = simulator.documents.shared and not simulator.users_per_world
    world = evaluation.num_users if shares_a_corpus else simulator.fewest_users
    at_once = -(-_USERS_AT_ONCE // world) * world
    sizes = [
        min(at_once, evaluation.num_users - start)
        for start in range(0, evaluation.num_users, at_once)
    ]
    # The evaluation splits its seed in three.
    log_seed = random.split_seed(evaluation.seed, 4)[3]

    def simulate_piece(seed: tf.Tensor, size: int) -> Any:
        function, policy_state = as_rollout(policy, size)
        return simulator.rollout(
            function, size, simulation.log_steps, seed, policy_state=policy_state
        )

    rollouts = {size: compiled(functools.partial(simulate_piece, size=size)) for size in set(sizes)}
    for size, seed in zip(sizes, random.split_seed(log_seed, len(sizes)), strict=True):
        trajectory = rollouts[size](seed)
        writer.add(trajectory, _log_probs(simulator, unchecked(policy), trajectory))


def _log_probs(simulator: Simulator, policy: AnyPolicy, trajectory: Trajectory) -> Any:
    """Log-probabilities float64 [T, B, K] of slates up to a position; () if the policy has none."""
    if not isinstance(policy, StochasticPolicy) or simulator.documents.shared:
        return ()
    if tf.nest.flatten(simulator.query_spec):
        return ()
    prefix = logs.from_trajectory(trajectory, simulator, logging=policy).propensity.prefix
    return prefix if isinstance(prefix, tuple) else prefix.swapaxes(0, 1)
