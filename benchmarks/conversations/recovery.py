"""Parameters of replies from logs of conversations: 8 random turns of each of 5,000 users.

Tastes are known to the first fits. In the last one they are latent, and summed out by draws.
"""

import dataclasses
import math
import time

import numpy as np
from conversations.common import Bar, Section, Settings

from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.conversation import (
    ConversationUsers,
    Items,
    chosen_utility,
    conversation,
)
from recsim_tf.fitting import LBFGS, Parameter, fit
from recsim_tf.fitting.checks import recover
from recsim_tf.fitting.logs import simulated_log
from recsim_tf.tables import text_table

_PARAMETERS = (
    "choice_sharpness",
    "choice_model.no_click_mass",
    "answer_sharpness",
    "dont_know",
    "critiquing",
    "ignoring",
    "endorsement",
    "dwell_gain",
)
_START = 0.5  # of all parameters
NUM_TURNS = 8
_TEMPERATURE = "users.choice_sharpness"
_SIZES = {
    False: {"sessions": 5000, "logs": 20, "latent": 3000, "draws": 250},
    True: {"sessions": 50, "logs": 1, "latent": 20, "draws": 20},
}


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    simulator = talkers()
    true = truth(simulator)
    begun = time.process_time()
    fits = [
        _fit(simulator, true, size["sessions"], settings.seed + number, settings.quick)
        for number in range(size["logs"])
    ]
    seconds = (time.process_time() - begun) / len(fits)
    rows = recover(true, [found.estimates for found in fits])
    first = [row for row in rows if row.replication == 0]
    max_z = max(abs(row.z_score) for row in first)
    covered = [row.covered for row in rows]
    coverage = float(np.mean(covered))
    latent = _fit_latent(simulator, size, settings.seed, settings.quick)
    temperature = latent.estimates[_TEMPERATURE]
    error = abs(temperature.value / true[_TEMPERATURE] - 1)
    figures = {
        "recovery.max_z": float(max_z),
        "recovery.coverage": coverage,
        "recovery.temperature_error": float(error),
        "recovery.cpu_seconds_of_a_fit": seconds,
    }
    table = [("parameter", "truth", "estimate", "±", "z", f"covered of {len(fits)}")]
    for row in first:
        mine = [other for other in rows if other.parameter == row.parameter]
        table.append(
            (
                row.parameter,
                f"{row.truth:g}",
                f"{row.estimate:.3f}",
                f"{row.standard_error:.3f}",
                f"{row.z_score:+.1f}",
                str(sum(bool(other.covered) for other in mine)),
            )
        )
    bars = [
        Bar("recovery.max_z", figures["recovery.max_z"], 0, 3),
        Bar("recovery.coverage", coverage, 0.90, 0.98),
        Bar("recovery.temperature_error", figures["recovery.temperature_error"], 0, 0.05),
    ]
    lines = [
        f"Parameters of replies from {size['sessions']} conversations of {NUM_TURNS} turns",
        *text_table(table).splitlines(),
        (
            f"tastes latent, {size['latent']} conversations, {2 * size['draws']} draws each:"
            f" {_TEMPERATURE} {float(temperature.value):.3f}, truth {true[_TEMPERATURE]:g}"
        ),
        *(bar.line(settings.quick) for bar in bars),
    ]
    details = {
        "intervals": len(covered),
        "coverage_se": math.sqrt(coverage * (1 - coverage) / len(covered)),
        "estimates": {name: float(one.value) for name, one in fits[0].estimates.items()},
    }
    return Section(figures, details, lines)


def truth(simulator: Simulator) -> dict[str, float]:
    """The parameters that are fitted, and their values."""
    return {f"users.{name}": simulator.users.parameters()[name] for name in _PARAMETERS}


def talkers(**changes) -> Simulator:
    """Users who do not leave within the turns, so that all conversations are of one length."""
    users = ConversationUsers(initial_patience=1e3, leaves_satisfied=False, **changes)
    return conversation(
        users,
        Items(directions=users.directions),
        num_candidates=20,
        max_steps=NUM_TURNS,
        reward_fn=chosen_utility,
    )


def _fit(simulator: Simulator, true: dict[str, float], sessions: int, seed: int, quick: bool):
    log = simulated_log(simulator, sessions, NUM_TURNS, seed=[seed, 1], jit_compile=not quick)
    parameters = {name: Parameter(start=_START) for name in true}
    return fit(
        simulator,
        parameters,
        log,
        LBFGS(batch_size=min(sessions, 1000)),
        jit_compile=not quick,
        progress=False,
    )


def _fit_latent(simulator: Simulator, size, seed: int, quick: bool):
    # How long a user stays with an item tells its utility almost exactly, and draws of tastes then
    # miss it.
    simulator = dataclasses.replace(
        simulator, users=dataclasses.replace(simulator.users, dwell_gain=0.0)
    )
    log = simulated_log(
        simulator,
        size["latent"],
        NUM_TURNS,
        seed=[seed, 2],
        jit_compile=not quick,
        latent=("initial",),
    )
    return fit(
        simulator,
        {_TEMPERATURE: Parameter(start=2.0)},
        log,
        LBFGS(max_iterations=10, batch_size=min(size["latent"], 100)),
        uncertainty=None,
        num_draws=size["draws"],
        jit_compile=not quick,
        progress=False,
    )
