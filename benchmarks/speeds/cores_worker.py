"""Users in shards, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

import numpy as np
from speeds.common import NUM_CANDIDATES, SLATE_SIZES
from speeds.simulation_worker import sharded, simulation

import recsim_tf
from recsim_tf.core import random
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.fitting import Parameter, simulated_log
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.policies import random_policy

_ENVIRONMENT = "InterestEvolution-v1"
_NUM_STEPS = {False: 100, True: 3}
_NUM_CALLS = {False: 5, True: 1}
_MAX_STEPS = {False: 2000, True: 3}


class Task(NamedTuple):
    """What one process measures."""

    num_users: int  # of a shard; of an evaluation and of a log, all
    num_shards: int
    kind: str  # of `_KINDS`
    quick: bool


def measure(task: Task) -> dict[str, float]:
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
    return lambda seed: evaluate(), float(np.sum(evaluate().sessions.steps))


def _likelihood(simulator, task: Task):
    log = simulated_log(simulator, task.num_users, _NUM_STEPS[task.quick] // 2)
    fitted = FittedSimulator(
        simulator,
        {
            "users.choice_model.no_click_mass": Parameter(1.0),
            "users.user_update_alpha": Parameter(0.5),
        },
    )
    likelihood = LogLikelihood(fitted, log, batch_size=1000)
    return lambda seed: likelihood.total(), float(log.num_steps)


_KINDS = {"simulation": _simulation, "evaluation": _evaluation, "likelihood": _likelihood}
