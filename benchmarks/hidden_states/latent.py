"""Users whose intent was not logged: how well their sensitivity is found, and how fast.

RecSim NG 0.1.2's demonstration: five users with a sensitivity each, all 0.8, from five steps, with
starts from 0 to 1. Five logs. Then one sensitivity of 40 users, from 10 steps; and that of 200
users whose intents were logged.
"""

import time

import numpy as np
import processes
from sections import Bar, Section, Settings

from recsim_tf.environments.intents import intents
from recsim_tf.fitting import MonteCarloEM, Parameter, fit, simulated_log
from recsim_tf.fitting.estimate.chains import ChainLikelihood
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.tables import text_table

_NAME = "users.sensitivity"
_TRUE = 0.8
# RecSim NG's mean absolute error after 100 iterations, and seconds of one of them.
_NG_ERROR, _NG_SECONDS = 0.091, 12.5


def measure(settings: Settings) -> Section:
    quick = settings.quick
    simulator, xla = intents(), not quick
    search = MonteCarloEM(3, num_chains=3, num_moves=1) if quick else MonteCarloEM()
    errors, close, rows = [], 0, [("log", "absolute errors", "mean", "CPU s")]
    evidences = {}
    for log_seed in range(1 if quick else 5):
        seed = 100 * settings.seed + log_seed
        begun = time.process_time()
        result = fit(
            simulator,
            {_NAME: Parameter(np.linspace(0, 1, 5))},
            simulated_log(simulator, 5, 5, seed, latent=("initial",)),
            search,
            uncertainty=None,
            jit_compile=xla,
            progress=False,
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
    own = _speed(quick, num_users=5, num_steps=5, num_chains=50, by_user=True)
    one = _one_sensitivity(simulator, settings, xla)
    of_all = _speed(quick, num_users=40, num_steps=10, num_chains=20, by_user=False)
    full = fit(
        simulator,
        {_NAME: Parameter(0.5)},
        simulated_log(simulator, 20 if quick else 200, 10, settings.seed),
        progress=False,
    )
    figures = {
        "latent.mae": float(np.mean(errors)),
        # The mean of the worst log.
        "latent.worst": float(np.max(np.mean(errors, axis=1))),
        "latent.worst_user": float(np.max(errors)),
        "latent.intents_close": float(close),
        "latent.seconds_per_iteration": own["seconds"],
        "latent.first_call_seconds": own["first_seconds"],
        "latent.one_error": abs(one - _TRUE),
        "latent.one_seconds_per_iteration": of_all["seconds"],
        "latent.full_error": abs(float(full.estimates[_NAME].value) - _TRUE),
    }
    bars = [
        Bar("latent.mae", figures["latent.mae"], 0.0, 0.01),
        Bar("latent.worst", figures["latent.worst"], 0.0, 0.02),
        Bar("latent.intents_close", figures["latent.intents_close"], 20.0, 25.0),
        Bar("latent.seconds_per_iteration", own["seconds"], 0.0, 0.015),
        Bar("latent.first_call_seconds", own["first_seconds"], 0.0, 15.0),
        Bar("latent.one_error", figures["latent.one_error"], 0.0, 0.005),
        Bar("latent.one_seconds_per_iteration", of_all["seconds"], 0.0, 0.08),
        Bar("latent.full_error", figures["latent.full_error"], 0.0, 0.0005),
    ]
    lines = [
        "Sensitivities of users with hidden intents (RecSim NG's mean error is"
        f" {_NG_ERROR}, and its iteration takes {_NG_SECONDS} s)",
        *text_table(rows).splitlines(),
        *(
            f"log {seed}: the log-likelihood of the worst user is {one:.1f} at the estimate and"
            f" {other:.1f} at 0.8"
            for seed, (one, other) in evidences.items()
        ),
        *(bar.line(quick) for bar in bars),
    ]
    details = {
        "errors": [each.round(5).tolist() for each in errors],
        "log_likelihoods_of_the_worst": evidences,
    }
    return Section(figures, details, lines)


def _evidences(simulator, seed: int, found: np.ndarray) -> tuple[float, float]:
    """Log-likelihoods of the session with the largest error, at the estimate and at the truth."""
    worst = int(np.argmax(np.abs(found - _TRUE)))
    log = simulated_log(simulator, 5, 5, seed, latent=("initial",)).take([worst])
    one, other = (
        ChainLikelihood(
            FittedSimulator(simulator, {_NAME: Parameter(float(value))}), log, 1000, True, 0
        ).value()
        for value in (found[worst], _TRUE)
    )
    return one, other


def _speed(quick: bool, **of_log) -> dict[str, float]:
    """Of an iteration on one core."""
    small = {"num_chains": 2, "num_moves": 1, "iterations": 2}
    task = {
        "num_moves": 10,
        "iterations": 50,
        "xla": not quick,
        **of_log,
        **(small if quick else {}),
    }
    return processes.run_worker("hidden_states.latent_worker", task, True)


def _one_sensitivity(simulator, settings: Settings, xla: bool) -> float:
    """The estimate of the sensitivity that all users share."""
    quick = settings.quick
    search = (
        MonteCarloEM(3, num_chains=2, num_moves=1) if quick else MonteCarloEM(120, num_chains=20)
    )
    log = simulated_log(
        simulator, 4 if quick else 40, 3 if quick else 10, settings.seed, latent=("initial",)
    )
    result = fit(
        simulator,
        {_NAME: Parameter(0.5)},
        log,
        search,
        uncertainty=None,
        jit_compile=xla,
        progress=False,
    )
    return float(result.estimates[_NAME].value)
