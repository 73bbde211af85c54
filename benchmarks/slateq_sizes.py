# SPDX-License-Identifier: Apache-2.0
"""SlateQ beside the oracle at several sizes of interest evolution, by one configuration.

    python benchmarks/slateq_sizes.py [--size=3_of_50 ...] --json=PATH [--root_dir=DIR]

Trains `quickstart.gin` at each size with three seeds, those of learning and of the users of the
evaluation; nothing but the size changes. The oracle knows the topics' qualities, and its price of
the budget is tuned for each size: it is the best of several for other users. Prints the part of the
oracle's mean return that SlateQ gets, with its standard error over the seeds. A second oracle shows
what one price for all users leaves: it takes for each user the reward over the budget that the
user's slates have earned and cost so far. Runs are kept in `--root_dir`: what is finished is not
run again.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import commands
import numpy as np
import tensorflow as tf
from absl import app, flags

import recsim_tf
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.policies import OraclePolicy, random_policy
from recsim_tf.policies.choice_scores import AffinityScores
from recsim_tf.policies.slates import exact_slate
from recsim_tf.support.tables import text_table

_FLAGS = flags.FLAGS
SIZES = ("2_of_10", "3_of_10", "3_of_20", "5_of_20", "3_of_50", "10_of_200")
# Rewards that a unit of the budget may be worth.
_PRICES = (0.8, 1.0, 1.3, 1.7, 2.2, 2.9, 3.8, 5.0, 7.0, 10.0)
_ASKED = 0.95
# Of evaluations: users, and the steps after which they are cut off.
_USERS, _STEPS = {False: 5000, True: 4}, {False: 10_000, True: 3}
_TUNING_USERS = {False: 1000, True: 4}
_TUNING_SEED = 1
_QUICK = (
    *("experiment.num_users=8", "Iteration.replay_length=5", "train.num_iterations=1"),
    *("Evaluation.num_users=4", "Evaluation.max_steps=3", "SlateQTargets.num_steps=3"),
)


class OwnPrices:
    """An oracle whose price of the budget is each user's own: the reward over the budget that the
    choice model expects of the slates that the user was shown, this one included.
    """

    # Budget that a user has spent at the first price when a session begins.
    _PRIOR = (1.0, 10.0)
    # The price of a slate depends on the slate, which is found again so often.
    _ROUNDS = 3

    def __init__(self, simulator: Simulator):
        users, videos = simulator.users, simulator.documents
        self._slate_size = simulator.slate_size
        self._scores = AffinityScores(users.choice_model)
        self._penalty = users.step_penalty
        self._length = videos.video_length
        gain = users.user_update_alpha * users.document_quality_factor
        self._costs = videos.video_length * (1 - gain * videos.mean_quality())

    def initial_state(self, num_users: int):
        price, budget = self._PRIOR
        return tf.fill([num_users], price * budget), tf.fill([num_users], budget)

    def __call__(self, observation, policy_state, seed):
        del seed
        weights, no_click = self._scores(observation)
        costs = tf.linalg.matvec(observation.documents, self._costs)
        earned, spent = policy_state
        for _ in range(self._ROUNDS):
            price = (earned / spent)[:, tf.newaxis]
            values = self._length - price * (costs - self._penalty)
            slate = exact_slate(weights, no_click, values, self._slate_size)
            shown, cost = (tf.gather(each, slate, batch_dims=1) for each in (weights, costs))
            total = tf.reduce_sum(shown, axis=1) + no_click
            clicks = tf.reduce_sum(shown, axis=1) / total
            paid = (tf.reduce_sum(shown * cost, axis=1) + no_click * self._penalty) / total
            earned, spent = policy_state[0] + self._length * clicks, policy_state[1] + paid
        return slate, (earned, spent)


def benchmark(sizes: Sequence[str], seeds: int, root: Path) -> dict[str, Any]:
    """Runs everything; returns the result that goes into the JSON file."""
    started = time.perf_counter()
    peers = {size: _peers(size) for size in sizes}
    tasks = [(size, seed) for seed in range(seeds) for size in sizes]
    with concurrent.futures.ThreadPoolExecutor(_FLAGS.processes) as pool:
        futures = [pool.submit(_trained, root, *task) for task in tasks]
        for future in concurrent.futures.as_completed(futures):
            if future.exception() is not None:
                pool.shutdown(cancel_futures=True)
                future.result()
    mean_returns = {task: future.result() for task, future in zip(tasks, futures, strict=True)}
    figures, all_returns = {}, {}
    for size in sizes:
        returns = all_returns[size] = [mean_returns[size, seed] for seed in range(seeds)]
        mean, error = float(np.mean(returns)), float(np.std(returns, ddof=1)) / seeds**0.5
        oracle = peers[size]["oracle"]
        figures[size] = mean / oracle
        figures |= {f"{size}/se": error / oracle, f"{size}/return": mean}
        figures |= {f"{size}/{name}": value for name, value in peers[size].items()}
    return {
        "benchmark": "slateq_sizes",
        "quick": _FLAGS.quick,
        "seeds": seeds,
        "sizes": list(sizes),
        "returns": all_returns,
        "figures": figures,
        "seconds": round(time.perf_counter() - started),
    }


def _trained(root: Path, size: str, seed: int) -> float:
    """The mean return of SlateQ, trained in a process unless its folder has a result already. A run
    that was interrupted goes on.

    Raises:
      RuntimeError: if the run fails, with the end of what it printed.
    """
    folder = root / size / f"seed_{seed}"
    if not (folder / "results.json").exists():
        slate_size, num_candidates = _numbers(size)
        bindings = [
            f"interest_evolution.slate_size={slate_size}",
            f"interest_evolution.num_candidates={num_candidates}",
            f"Evaluation.max_steps={_STEPS[False]}",
            f"experiment.seed={seed}",
            # The users of the evaluation.
            f"Evaluation.seed={1000 + seed}",
            "experiment.baselines=()",
            *(_QUICK if _FLAGS.quick else ()),
        ]
        command = [sys.executable, "-m", "recsim_tf.command_line.cli", "train"]
        command += [f"--root_dir={folder}", "--gin_file=quickstart.gin"]
        command += [f"--gin_bindings={binding}" for binding in bindings]
        process = subprocess.run(command, capture_output=True, text=True)
        if process.returncode:
            raise RuntimeError(f"{size}, seed {seed}:\n{process.stderr[-2000:]}")
    return json.loads((folder / "results.json").read_text())["policies"][-1]["mean_return"]


def report(result: dict[str, Any]) -> str:
    """The result for a person."""
    figures = result["figures"]
    heads = ("SlateQ", "oracle", "at a price of", "own prices", "Random", "part of the oracle", "±")
    rows = [("size", *heads)]
    for size in result["sizes"]:
        rows.append(
            (
                size.replace("_", " "),
                f"{figures[f'{size}/return']:.1f}",
                f"{figures[f'{size}/oracle']:.1f}",
                f"{figures[f'{size}/price']:g}",
                f"{figures[f'{size}/own_prices']:.1f}",
                f"{figures[f'{size}/random']:.1f}",
                f"{figures[size]:.3f}",
                f"{figures[f'{size}/se']:.3f}",
            )
        )
    missed = [size for size in result["sizes"] if figures[size] < _ASKED]
    lines = ["Interest evolution, mean returns of a session", text_table(rows)]
    lines.append(f"Asked: {_ASKED} at each size. Standard errors are over {result['seeds']} seeds.")
    if result["quick"]:
        lines.append("A smoke run: these figures mean nothing.")
    elif missed:
        lines.append(f"Not reached at {', '.join(each.replace('_', ' ') for each in missed)}.")
    return "\n".join(lines)


def _peers(size: str) -> dict[str, float]:
    """The mean returns of Random, of the oracle at the price that is best for other users, and of
    the one with prices of its own for each user.
    """
    slate_size, num_candidates = _numbers(size)
    simulator = recsim_tf.make(
        "InterestEvolution-v1", slate_size=slate_size, num_candidates=num_candidates
    )

    def evaluate(evaluation, policy):
        return evaluation.evaluator("peer", simulator, policy)()["return"].value

    steps = _STEPS[_FLAGS.quick]
    tuning = Evaluation(
        _TUNING_USERS[_FLAGS.quick],
        steps,
        _TUNING_SEED,
        compare={"policy.reward_per_budget": _PRICES},
    )
    tried = tuning.results(simulator, lambda simulator: {"oracle": OraclePolicy(simulator)})
    price = _PRICES[int(np.argmax([result["return"].value for result in tried]))]
    evaluation = Evaluation(_USERS[_FLAGS.quick], steps, _TUNING_SEED + 1)
    return {
        "price": price,
        "oracle": evaluate(evaluation, OraclePolicy(simulator, price)),
        "own_prices": evaluate(evaluation, OwnPrices(simulator)),
        "random": evaluate(evaluation, random_policy(simulator)),
    }


def _numbers(size: str) -> tuple[int, int]:
    """Slate size and number of candidates."""
    slate_size, num_candidates = re.fullmatch(r"(\d+)_of_(\d+)", size).groups()
    return int(slate_size), int(num_candidates)


def main() -> None:
    sizes = list(dict.fromkeys(_FLAGS.size))
    seeds = 2 if _FLAGS.quick and not _FLAGS["seeds"].present else _FLAGS.seeds
    if seeds < 2:
        raise app.UsageError(f"--seeds must be at least 2, for a standard error, got {seeds}")
    with tempfile.TemporaryDirectory() as scratch:
        result = benchmark(sizes, seeds, Path(_FLAGS.root_dir or scratch))
    which = [f"--size={size}" for size in sizes] if len(sizes) < len(SIZES) else []
    command = ["python benchmarks/slateq_sizes.py", *which, "--json=PATH"]
    command += ["--quick"] * _FLAGS.quick
    commands.finish(command, result, report(result))


if __name__ == "__main__":
    flags.DEFINE_multi_enum("size", list(SIZES), list(SIZES), "A size; may be repeated.")
    flags.DEFINE_string(
        "root_dir",
        None,
        "Folder of the runs; what it holds is not run again. By default a temporary one.",
    )
    flags.DEFINE_integer("seeds", 3, "Number of seeds; of a smoke run 2 by default.")
    flags.DEFINE_integer("processes", os.cpu_count(), "Runs at a time.")
    commands.define_flags()
    commands.run(main)
