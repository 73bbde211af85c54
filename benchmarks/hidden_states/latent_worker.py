"""CPU seconds of an iteration of Monte Carlo EM, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

import numpy as np

from recsim_tf.core import random
from recsim_tf.environments.intents import intents
from recsim_tf.fitting import Parameter, simulated_log
from recsim_tf.fitting.estimate.chains import ChainLikelihood
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator


class Task(NamedTuple):
    """What one process measures."""

    num_users: int
    num_steps: int
    num_chains: int
    num_moves: int
    by_user: bool  # whether each user has a sensitivity of their own
    iterations: int
    xla: bool


def measure(task: Task) -> dict[str, float]:
    simulator = intents()
    log = simulated_log(simulator, task.num_users, task.num_steps, 0, latent=("initial",))
    start = np.linspace(0, 1, task.num_users) if task.by_user else 0.5
    fitted = FittedSimulator(simulator, {"users.sensitivity": Parameter(start)})
    begun = time.process_time()
    likelihood = ChainLikelihood(fitted, log, task.num_chains, task.xla, 0)
    likelihood.move(1e-5, task.num_moves, 0)
    first = time.process_time() - begun
    begun = time.process_time()
    for step in range(task.iterations):
        likelihood.move(1e-5, task.num_moves, random.as_seed(step))
    seconds = (time.process_time() - begun) / task.iterations
    return {"seconds": seconds, "first_seconds": first}
