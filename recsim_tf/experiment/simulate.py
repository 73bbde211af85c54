"""Simulation under a fixed policy."""

import functools
import json
import time
from typing import Any

import gin

from recsim_tf.adapters import episodes
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.experiment.evaluation import report, sessions
from recsim_tf.experiment.evaluation.evaluation import Evaluation, as_rollout
from recsim_tf.experiment.runs.folder import RunDirectory, write_text
from recsim_tf.policies import baseline_policy

# A log is simulated and written in pieces, so that memory does not grow with the number of users.
_USERS_AT_ONCE = 500


@gin.configurable(module="recsim_tf", denylist=["run_dir", "episode_log"])
def simulate(
    run_dir: RunDirectory,
    simulator: Simulator = gin.REQUIRED,
    policy: str = "random",
    episode_log: str | None = None,
    log_steps: int = 500,
) -> dict[str, Any]:
    """Simulates one session of each user of the configured `Evaluation` and writes results.json and
    sessions.csv into a folder.

    With `Evaluation.values` or `Evaluation.seeds` the policy has a result for each value and seed,
    all of which are simulated at once. Where one numeric parameter is compared, values.png is
    drawn.

    Args:
      run_dir: the folder.
      simulator: the environment; to compare values it has to be configured, `simulate.simulator =
        @interest_evolution()`, not passed.
      policy: a baseline, of `recsim_tf.policies.BASELINES`.
      episode_log: None, or a new file for as many sessions of other users under the same policy;
        see `recsim_tf.adapters.episodes`.
      log_steps: sessions of the log still running then are cut off.

    Raises:
      ValueError: if `log_steps` is out of range, if there are values or seeds to compare and an
        `episode_log`, or if the environment cannot take the values.
      FileExistsError: if there is an `episode_log` already; nothing is simulated or written then.
    """
    if log_steps < 1:
        raise ValueError(f"log_steps must be at least 1, got {log_steps}")
    if episode_log is not None:
        episodes.refuse_existing(episode_log)
    evaluation = Evaluation()
    sweep = evaluation.sweep
    if sweep is not None and episode_log is not None:
        raise ValueError(
            "episode_log holds sessions of one environment and seed: leave out Evaluation.values"
            " and Evaluation.seeds"
        )
    if sweep is not None:
        simulator = sweep.simulator(lambda: gin.get_bindings(simulate).get("simulator", simulator))
    baseline = baseline_policy(policy, simulator)
    evaluator = evaluation.sweep_evaluator(policy, simulator, baseline)
    started = time.perf_counter()
    results = evaluator()
    seconds = time.perf_counter() - started
    content = {
        "policies": [result.as_json() for result in results],
        "simulate": {
            "seconds": round(seconds, 3),
            "user_steps": sum(result.mean_length * result.episodes for result in results),
        },
    }
    with run_dir.claim():
        if episode_log is not None:
            _write_log(episode_log, simulator, baseline, evaluation, log_steps)
        write_text(run_dir.path / "operative_config.gin", gin.operative_config_str())
        sessions.write_sessions(run_dir.path / "sessions.csv", results)
        write_text(run_dir.path / "results.json", json.dumps(content, indent=2) + "\n")
        if sweep is not None:
            report.plot_values(run_dir.path / "values.png", results)
    print(report.results_table(results))
    return content


def _write_log(
    path: str, simulator: Simulator, policy, evaluation: Evaluation, num_steps: int
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
    with episodes.Writer(path, simulator) as writer:
        for size, seed in zip(sizes, random.split_seed(log_seed, len(sizes)), strict=True):
            writer.add(rollouts[size](seed))
