"""Fits of user models to logged sessions, and whether they find what made the log.

    python benchmarks/fitting.py recovery [--json=PATH] [--seed=0] [--replications=20] [--quick]

recovery: sessions of interest evolution under random slates of 3 of 10, with everything logged that the users draw: initial interests,
choices, qualities, the direction in which each click moved the interests, and departures, which are a hazard here. The interest step, the
two choice parameters, the step penalty and the budget bonus of a good document are fitted by maximum likelihood from starts that are
off by a third. The true values are RecSim 0.2.4's, but for the smallest score, -1.25 instead of -1: at -1 some documents could not
be chosen at all, an edge of the parameter's range. max_relative_error is of the first log; coverage counts how often the truth lies
in the 95 % interval over all logs.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # TensorFlow is imported before recsim_tf, which would settle it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from absl import app, flags
from tensorflow_probability import bijectors as tfb

from recsim_tf.core.execution import compiled
from recsim_tf.core.random import split_seed, uniform_slate
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, interest_evolution
from recsim_tf.fitting import Parameter, SessionLog, fit, from_trajectory

_FLAGS = flags.FLAGS
_STUDIES = ("recovery",)

# Parameter -> the truth, the support.
TRUTH = {
    "alpha_y_intercept": (0.3, "positive"),
    "no_click_mass": (1.0, "real"),
    # Below the smallest score.
    "min_normalizer": (-1.25, tfb.Chain([tfb.Shift(-1.0), tfb.Scale(-1.0), tfb.Softplus()])),
    "step_penalty": (0.5, "positive"),
    "user_update_alpha": (0.9 / 3.4, "positive"),
}
_START = 4 / 3
_HAZARD = {"departure_temperature": 1.0}
# Sessions and steps; all sessions end before the last step, but for one in thousands.
_SIZES = {False: (5000, 130), True: (50, 130)}


def recovery(seed: int, replications: int, quick: bool) -> dict[str, Any]:
    """Estimates from `replications` logs."""
    num_sessions, num_steps = _SIZES[quick]
    simulator = interest_evolution(users=InterestEvolutionUsers(**{name: value for name, (value, _) in TRUTH.items()}, **_HAZARD))
    parameters = {f"users.{name}": Parameter(_START * value, support) for name, (value, support) in TRUTH.items()}
    rows = []
    for replication in range(replications):
        log = _random_log(simulator, num_sessions, num_steps, [seed, replication])
        started = time.perf_counter()
        result = fit(simulator, parameters, log, batch_size=1000, jit_compile=True, progress=False)
        estimates = {name.split(".")[1]: estimate for name, estimate in result.estimates.items()}
        rows.append(
            {
                "estimates": {name: float(estimate.value) for name, estimate in estimates.items()},
                "standard_errors": {name: float(estimate.standard_error) for name, estimate in estimates.items()},
                "covered": {name: bool(estimate.low <= TRUTH[name][0] <= estimate.high) for name, estimate in estimates.items()},
                "converged": result.converged,
                "steps": log.num_steps,
                "seconds": time.perf_counter() - started,
            }
        )
    errors = {name: rows[0]["estimates"][name] / value - 1 for name, (value, _) in TRUTH.items()}
    covered = {name: sum(row["covered"][name] for row in rows) for name in TRUTH}
    return {
        "study": "recovery",
        "sessions": num_sessions,
        "replications": replications,
        "figures": {
            "max_relative_error": max(abs(error) for error in errors.values()),
            "pooled_coverage": sum(covered.values()) / (replications * len(TRUTH)),
            **{f"{name}/relative_error": error for name, error in errors.items()},
            **{f"{name}/covered": count for name, count in covered.items()},
            "seconds_a_fit": float(np.mean([row["seconds"] for row in rows])),
        },
        "rows": rows,
    }


def _random_log(simulator, num_sessions: int, num_steps: int, seed: Sequence[int]) -> SessionLog:
    """Sessions under random slates."""
    at_once = min(num_sessions, 1000)

    def random_slate(observation, policy_state, seed):
        del observation
        return uniform_slate(at_once, simulator.num_candidates, simulator.slate_size, seed), policy_state

    @compiled(jit_compile=True)
    def simulate(seed):
        return simulator.rollout(random_slate, at_once, num_steps, seed)

    pieces = [simulate(piece) for piece in split_seed(tf.constant(seed, tf.int32), num_sessions // at_once)]
    initial = tf.nest.map_structure(lambda *leaves: tf.concat(leaves, axis=0), *(piece.initial for piece in pieces))
    transitions = tf.nest.map_structure(lambda *leaves: tf.concat(leaves, axis=1), *(piece.transitions for piece in pieces))
    return from_trajectory(pieces[0]._replace(initial=initial, transitions=transitions))


def recovery_table(result: dict[str, Any]) -> str:
    """The result for a person."""
    first, replications = result["rows"][0], result["replications"]
    lines = [f"Interest evolution, logs of {result['sessions']:,} sessions, {first['steps']:,} steps in the first of {replications}"]
    lines.append(f"{'parameter':<20} {'truth':>8} {'estimate':>9} {'s.e.':>8} {'error':>8}   {'95 % interval holds the truth':>30}")
    for name, (truth, _) in TRUTH.items():
        lines.append(
            f"{name:<20} {truth:>8.4f} {first['estimates'][name]:>9.4f} {first['standard_errors'][name]:>8.4f} "
            f"{result['figures'][f'{name}/relative_error']:>8.2%}   {result['figures'][f'{name}/covered']:>21} of {replications}"
        )
    lines.append(
        f"Largest error {result['figures']['max_relative_error']:.2%}; coverage {result['figures']['pooled_coverage']:.1%} of "
        f"{replications * len(TRUTH)}; {result['figures']['seconds_a_fit']:.0f} s a fit."
    )
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    if len(argv) != 2 or argv[1] not in _STUDIES:
        raise app.UsageError(f"name one of {', '.join(_STUDIES)}, got {' '.join(argv[1:]) or 'nothing'}")
    replications = _FLAGS.replications or (2 if _FLAGS.quick else 20)
    result = recovery(_FLAGS.seed, replications, _FLAGS.quick)
    command = f"python benchmarks/fitting.py {argv[1]} --seed={_FLAGS.seed} --json=PATH{' --quick' if _FLAGS.quick else ''}"
    print(recovery_table(result))
    if _FLAGS.quick:
        print("A smoke run: these figures mean nothing.")
    if _FLAGS.json:
        Path(_FLAGS.json).write_text(
            json.dumps({"command": command, "benchmark": "fitting", "quick": _FLAGS.quick, **result}, indent=2) + "\n"
        )


if __name__ == "__main__":
    flags.DEFINE_string("json", None, "File for the figures.")
    flags.DEFINE_integer("seed", 0, "Seed of the logs.")
    flags.DEFINE_integer("replications", None, "Logs, by default 20.")
    flags.DEFINE_bool("quick", False, "Few and small logs; the figures mean nothing.")
    app.run(main)
