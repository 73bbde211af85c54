"""Users whose intent was not logged: how well their sensitivity is found, and how fast.

RecSim NG 0.1.2's demonstration: five users with a sensitivity each, all 0.8, from five steps, with
starts from 0 to 1. Five logs.
"""

import time
from typing import NamedTuple

import numpy as np
import processes
from sections import Section, Settings, section

from recsim_tf.core import random
from recsim_tf.environments.intents import intents
from recsim_tf.fitting import Chains, MonteCarloEM, Parameter, fit
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import simulated_log

_NAME = "users.sensitivity"
_TRUE = 0.8
# RecSim NG's mean absolute error after 100 iterations, and seconds of one of them.
_NG_ERROR, _NG_SECONDS = 0.091, 12.5


def measure(settings: Settings) -> Section:
    quick = settings.quick
    simulator, xla = intents(), not quick
    iterations, annealing = (3, 1) if quick else (200, 100)
    search = MonteCarloEM(
        iterations, num_moves=1 if quick else 10, annealing=annealing, progress=False
    )
    errors, close, rows = [], 0, [("log", "absolute errors", "mean", "CPU s")]
    evidences = {}
    for log_seed in range(1 if quick else 5):
        seed = 100 * settings.seed + log_seed
        begun = time.process_time()
        result = fit(
            simulator,
            {_NAME: Parameter(np.linspace(0, 1, 5))},
            simulated_log(simulator, 5, 5, seed, latent=("initial",)),
            method=Chains(3 if quick else 50, jit_compile=xla, search=search, uncertainty=None),
        )
        seconds = time.process_time() - begun
        found = result.estimates[_NAME].value
        errors.append(np.abs(found - _TRUE))
        true = simulated_log(simulator, 5, 5, seed).initial
        close += int((np.sqrt(np.mean((result.initial_draws - true) ** 2, axis=1)) <= 0.1).sum())
        shown = " ".join(f"{error:.4f}" for error in errors[-1])
        rows.append((str(seed), shown, f"{errors[-1].mean():.4f}", f"{seconds:.1f}"))
        if errors[-1].max() > 0.02 and not quick:
            evidences[str(seed)] = _evidences(simulator, seed, found)
    task = {"num_chains": 50, "num_moves": 10, "iterations": 50, "xla": xla}
    small = {"num_chains": 2, "num_moves": 1, "iterations": 2}
    own = processes.run_worker(__name__, {**task, **(small if quick else {})}, True)
    figures = {
        "latent.mae": float(np.mean(errors)),
        # The mean of the worst log.
        "latent.worst": float(np.max(np.mean(errors, axis=1))),
        "latent.worst_user": float(np.max(errors)),
        "latent.intents_close": float(close),
        "latent.seconds_per_iteration": own["seconds"],
        "latent.first_call_seconds": own["first_seconds"],
    }
    bars = {
        "latent.mae": (0.0, 0.01),
        "latent.worst": (0.0, 0.02),
        "latent.intents_close": (20.0, 25.0),
        "latent.seconds_per_iteration": (0.0, 0.015),
        "latent.first_call_seconds": (0.0, 15.0),
    }
    title = (
        f"Sensitivities of users with hidden intents (RecSim NG's mean error is {_NG_ERROR}, and"
        f" its iteration takes {_NG_SECONDS} s)"
    )
    notes = [
        f"log {seed}: the log-likelihood of the worst user is {one:.1f} at the estimate and"
        f" {other:.1f} at 0.8"
        for seed, (one, other) in evidences.items()
    ]
    details = {
        "errors": [each.round(5).tolist() for each in errors],
        "log_likelihoods_of_the_worst": evidences,
    }
    return section(settings, title, rows, figures, bars, notes, details)


def _evidences(simulator, seed: int, found: np.ndarray) -> tuple[float, float]:
    """Log-likelihoods of the session with the largest error, at the estimate and at the truth."""
    worst = int(np.argmax(np.abs(found - _TRUE)))
    log = simulated_log(simulator, 5, 5, seed, latent=("initial",)).take([worst])
    one, other = (
        Chains(1000, jit_compile=True)
        .of(FittedSimulator(simulator, {_NAME: Parameter(float(value))}), log, 1)
        .value()
        for value in (found[worst], _TRUE)
    )
    return one, other


class Task(NamedTuple):
    """What one process measures, of an iteration on one core."""

    num_chains: int
    num_moves: int
    iterations: int
    xla: bool


def timed(task: Task) -> dict[str, float]:
    simulator = intents()
    log = simulated_log(simulator, 5, 5, 0, latent=("initial",))
    fitted = FittedSimulator(simulator, {_NAME: Parameter(np.linspace(0, 1, 5))})
    begun = time.process_time()
    likelihood = Chains(task.num_chains, jit_compile=task.xla).objective(fitted, log)
    likelihood.move(1e-5, task.num_moves, 0)
    first = time.process_time() - begun
    begun = time.process_time()
    for step in range(task.iterations):
        likelihood.move(1e-5, task.num_moves, random.as_seed(step))
    seconds = (time.process_time() - begun) / task.iterations
    return {"seconds": seconds, "first_seconds": first}
