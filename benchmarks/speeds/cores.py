# SPDX-License-Identifier: Apache-2.0
"""Two cores against one: users in shards, which are simulated side by side.

On one core TensorFlow has one thread. Rates are by wall time, so they mean something on a machine
that does nothing else.
"""

import math
import statistics
import time
from typing import NamedTuple

import numpy as np
import processes
from sections import Section, Settings, section
from speeds.common import NUM_CANDIDATES, SLATE_SIZES, sharded, simulation

import recsim_tf
from recsim_tf.core import random
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.fitting import LBFGS, Parameter
from recsim_tf.fitting.methods.exact import Exact
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import simulated_log
from recsim_tf.policies import random_policy

# Users of a shard, and shards: 131,072 users together.
_SHARDS = {False: (2048, 64), True: (4, 2)}
_MANY_SHARDS = {False: 512, True: 3}  # 1,048,576 users
_LARGE_SHARD = {False: 16384, True: 8}
_EVALUATION = {False: (5000, 10), True: (20, 2)}
_SESSIONS = {False: 12_000, True: 20}
_ENVIRONMENT = "InterestEvolution-v1"
_NUM_STEPS = {False: 100, True: 3}
_NUM_CALLS = {False: 5, True: 1}
_MAX_STEPS = {False: 2000, True: 3}


def measure(settings: Settings) -> Section:
    """Ratios of medians over rounds, in which one core and two take turns."""
    quick = settings.quick
    share, num_shards = _SHARDS[quick]
    users, parts = _EVALUATION[quick]
    sessions = _SESSIONS[quick]
    tasks = {
        "two_cores": {"num_users": share, "num_shards": num_shards, "kind": "simulation"},
        "two_cores_evaluate": {"num_users": users, "num_shards": parts, "kind": "evaluation"},
        "two_cores_fit": {"num_users": sessions, "num_shards": 1, "kind": "likelihood"},
        "two_cores_eager": {"num_users": share * num_shards, "num_shards": 1, "kind": "rollout"},
    }
    more = {
        "large": {"num_users": share, "num_shards": _MANY_SHARDS[quick], "kind": "simulation"},
        "best": {"num_users": _LARGE_SHARD[quick], "num_shards": 1, "kind": "simulation"},
        "one shard": {"num_users": share * num_shards, "num_shards": 1, "kind": "simulation"},
    }
    measured: dict[tuple[str, bool], list[float]] = {}
    for _ in range(settings.rounds):
        for name, task in {**tasks, **more}.items():
            for one_core in (True, False) if name in tasks else (True,):
                run = processes.run_worker(__name__, {**task, "quick": quick}, one_core)
                measured.setdefault((name, one_core), []).append(run["user_steps_per_second"])
    rates = {key: statistics.median(each) for key, each in measured.items()}
    figures = {name: rates[name, False] / rates[name, True] for name in tasks}
    figures["large_vs_best"] = rates["large", True] / rates["best", True]
    figures["shards_vs_one"] = rates["two_cores", False] / rates["one shard", True]
    figures |= {
        f"cores/{name}/{'one' if one_core else 'two'}/user_steps_per_second": rate
        for (name, one_core), rate in rates.items()
    }
    descriptions = {
        "two_cores": f"{share * num_shards:,} users in {num_shards} shards, XLA",
        "two_cores_evaluate": f"an evaluation of {users:,} users in {parts} parts, graph mode",
        "two_cores_fit": (
            f"likelihood and gradient of {sessions:,} sessions, by 1,000, graph mode"
        ),
        "two_cores_eager": f"an eager rollout of {share * num_shards:,} users, every draw kept",
        "large": f"{share * _MANY_SHARDS[quick]:,} users in {_MANY_SHARDS[quick]} shards, XLA",
        "best": f"{_LARGE_SHARD[quick]:,} users in one shard, XLA",
        "one shard": f"{share * num_shards:,} users in one shard, XLA",
    }
    rows = [("interest evolution", "one core", "two cores", "ratio")]
    for name, description in descriptions.items():
        on_one = rates[name, True]
        on_two = rates.get((name, False))
        cells = ("", "")
        if on_two is not None:
            cells = (f"{on_two / 1e6:.2f}", f"{on_two / on_one:.2f}")
        rows.append((description, f"{on_one / 1e6:.2f}", *cells))
    title = "Millions of user-steps per second of wall time"
    bars = dict.fromkeys(tasks, (1.7, math.inf)) | {"two_cores": (1.8, math.inf)}
    bars["large_vs_best"] = (0.9, math.inf)
    details = {"rates": {"/".join(map(str, key)): each for key, each in measured.items()}}
    return section(settings, title, rows, figures, bars, details=details)


class Task(NamedTuple):
    """The task of a process that measures."""

    num_users: int  # of a shard; of an evaluation and of a log, all
    num_shards: int
    kind: str  # of `_KINDS`
    quick: bool


def timed(task: Task) -> dict[str, float]:
    """User-steps per second of the fastest call."""
    simulator = recsim_tf.make(
        _ENVIRONMENT, slate_size=SLATE_SIZES[_ENVIRONMENT], num_candidates=NUM_CANDIDATES
    )
    run, user_steps = _KINDS[task.kind](simulator, task)
    run(0)
    seconds = []
    for call in range(_NUM_CALLS[task.quick]):
        begun = time.perf_counter()
        run(call)
        seconds.append(time.perf_counter() - begun)
    return {"user_steps_per_second": user_steps / min(seconds)}


def _simulation(simulator, task: Task):
    num_steps = _NUM_STEPS[task.quick]
    shard = simulation(simulator, task.num_users, num_steps, True)
    run = shard if task.num_shards == 1 else sharded(shard, task.num_shards)
    user_steps = task.num_users * task.num_shards * num_steps
    return lambda seed: run(random.as_seed(seed))[0].numpy(), user_steps


def _evaluation(simulator, task: Task):
    evaluation = Evaluation(task.num_users, _MAX_STEPS[task.quick], num_replicas=task.num_shards)
    evaluate = evaluation.evaluator("Random", simulator, random_policy(simulator))
    return lambda seed: evaluate(), float(np.sum(evaluate().sessions["steps"]))


def _likelihood(simulator, task: Task):
    log = simulated_log(simulator, task.num_users, _NUM_STEPS[task.quick] // 2)
    fitted = FittedSimulator(
        simulator,
        {
            "users.choice_model.no_click_mass": Parameter(1.0),
            "users.user_update_alpha": Parameter(0.5),
        },
    )
    likelihood = Exact(search=LBFGS(batch_size=1000)).objective(fitted, log)
    return lambda seed: likelihood.total(), float(log.num_steps)


def _rollout(simulator, task: Task):
    policy, num_steps = random_policy(simulator), _NUM_STEPS[task.quick]

    def run(seed: int):
        trajectory = simulator.rollout(policy, task.num_users, num_steps, seed)
        return trajectory.transitions.reward.numpy()

    return run, task.num_users * num_steps


_KINDS = {
    "simulation": _simulation,
    "evaluation": _evaluation,
    "likelihood": _likelihood,
    "rollout": _rollout,
}
