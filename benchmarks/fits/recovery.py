# SPDX-License-Identifier: Apache-2.0
"""Recovery: whether fits find the parameters that made a log.

A log holds sessions of interest evolution under random slates of 3 of 10, with everything logged
that the users draw: initial interests, choices, qualities, the direction in which each click moved
the interests, and departures, which are a hazard here. The interest step, the two choice
parameters, the step penalty and the budget bonus of a good document are fitted by maximum
likelihood from starts that are off by a third. The true values are RecSim 0.2.4's, but for the
smallest score, -1.25 instead of -1: at -1 some documents could not be chosen at all, an edge of the
parameter's range. max_relative_error is of the first log; coverage counts how often the truth lies
in the 95 % interval over all logs.
"""

import time

import numpy as np
from sections import Section, Settings, section
from tensorflow_probability import bijectors as tfb

from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    interest_evolution,
)
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.fitting.report.recovery import recover
from recsim_tf.logs import simulated_log

# Parameter -> the truth, the support.
TRUTH = {
    "users.alpha_y_intercept": (0.3, "positive"),
    "users.choice_model.no_click_mass": (1.0, "real"),
    # Below the smallest score.
    "users.choice_model.min_normalizer": (
        -1.25,
        tfb.Chain([tfb.Shift(-1.0), tfb.Scale(-1.0), tfb.Softplus()]),
    ),
    "users.step_penalty": (0.5, "positive"),
    "users.user_update_alpha": (0.9 / 3.4, "positive"),
}
_START = 4 / 3
_HAZARD = {"departure_temperature": 1.0}
# Sessions and steps; all sessions end before the last step, but for one in thousands.
_SIZES = {False: (5000, 130), True: (50, 130)}


def recovery(settings: Settings) -> Section:
    """Estimates from as many logs as there are replications."""
    num_sessions, num_steps = _SIZES[settings.quick]
    replications = settings.replications
    truth = {name: value for name, (value, _) in TRUTH.items()}
    simulator = interest_evolution(users=InterestEvolutionUsers(**_HAZARD)).with_parameters(truth)
    parameters = {
        name: Parameter(_START * value, support) for name, (value, support) in TRUTH.items()
    }
    rows = []
    for replication in range(replications):
        log = simulated_log(
            simulator, num_sessions, num_steps, [settings.seed, replication], jit_compile=True
        )
        search = LBFGS(progress=False)
        started = time.perf_counter()
        result = fit(simulator, parameters, log, method=Exact(jit_compile=True, search=search))
        estimates = recover(truth, result.estimates)
        rows.append(
            {
                "estimates": {row.parameter: row.estimate for row in estimates},
                "standard_errors": {row.parameter: row.standard_error for row in estimates},
                "covered": {row.parameter: bool(row.covered) for row in estimates},
                "relative_errors": {row.parameter: row.relative_error for row in estimates},
                "converged": result.converged,
                "steps": log.num_steps,
                "seconds": time.perf_counter() - started,
            }
        )
    first, covered = rows[0], {name: sum(row["covered"][name] for row in rows) for name in TRUTH}
    table = [("parameter", "truth", "estimate", "s.e.", "error", "95 % interval holds the truth")]
    table += [
        (
            name,
            f"{truth[name]:.4f}",
            f"{first['estimates'][name]:.4f}",
            f"{first['standard_errors'][name]:.4f}",
            f"{first['relative_errors'][name]:.2%}",
            f"{covered[name]} of {replications}",
        )
        for name in TRUTH
    ]
    errors = first["relative_errors"].items()
    figures = {
        "max_relative_error": max(abs(error) for _, error in errors),
        "pooled_coverage": sum(covered.values()) / (replications * len(TRUTH)),
        **{f"{name}/relative_error": error for name, error in errors},
        **{f"{name}/covered": count for name, count in covered.items()},
        "seconds_a_fit": float(np.mean([row["seconds"] for row in rows])),
    }
    title = (
        f"Interest evolution, logs of {num_sessions:,} sessions, {first['steps']:,} steps in the"
        f" first of {replications}"
    )
    notes = [
        f"Largest error {figures['max_relative_error']:.2%}; coverage"
        f" {figures['pooled_coverage']:.1%} of {replications * len(TRUTH)};"
        f" {figures['seconds_a_fit']:.0f} s a fit."
    ]
    figures = {f"recovery.{name}": value for name, value in figures.items()}
    return section(settings, title, table, figures, notes=notes, details={"rows": rows})
