"""The gradient of the return through the simulator: pathwise and relaxed beside the score function.

    python benchmarks/policy_gradient.py [--json=PATH] [--plot=PATH] [--quick]

Tables: sessions of three steps that are enumerated (`tabular_sessions.py`), where the exact
gradient g in the policy's logits is known. For each temperature of the relaxation the bias |E ĝ -
g| / |g| of the pathwise gradient, with its standard error, and the standard deviation of the
gradient of one session, sqrt(tr Cov ĝ) / |g|; the same for the score function with its default
baseline.

Interest evolution, 3 of 10: Adam on the `SlatePolicyNetwork` of REINFORCE, directly by each
gradient, for the same number of user-steps (users times steps, whether the users are still there or
not). The return is of new users of the environment itself, who leave by the rule that the budget is
spent. What was taken, and why, from single runs of one seed:

- The learning rate is the best of 0.003, 0.01 and 0.03 for both gradients. It hardly matters to the
  pathwise one.
- Sessions are simulated for 250 steps, longer than the longest of 2,000. A shorter horizon is
  another objective: trained on 100 steps, the policy rose to 254 and then fell to 247.
- The rule is relaxed with the margin `budget` at a temperature of 5, about one document. Anything
  from 1 to 20 ends within two units of return, and so does any temperature of slates and choices
  from 0.25 to 1.
- Gradients are clipped at norm 1. No run of the pathwise one diverged.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import commands
import numpy as np
import tensorflow as tf
from absl import flags
from tabular_sessions import LOGITS, NUM_STEPS, exact_return, tabular_policy, tabular_sessions

from recsim_tf.agents.reinforce import SlatePolicyNetwork
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.gradients import relaxed_return, score_function_return
from recsim_tf.policies import PlackettLucePolicy
from recsim_tf.support import plots
from recsim_tf.support.tables import text_table

PATHWISE, SCORE_FUNCTION = "pathwise", "score function"
TEMPERATURES = (4.0, 2.0, 1.0, 0.5, 0.25, 0.125)
_SESSIONS_PER_CALL = 20_000

# Of interest evolution.
_SLATE_SIZE = 3
_TEMPERATURE, _DEPARTURE_TEMPERATURE = 0.5, 5.0
_LEARNING_RATE, _GRADIENT_CLIPPING = 0.01, 1.0
_HIDDEN_UNITS = (32, 32)
_EVALUATIONS = 10
_MAX_STEPS = 500  # of a session in evaluations; the longest ends well before


def tabular_figures(num_calls: int) -> dict[str, dict[str, float]]:
    """Bias and standard deviation of the gradients in the tables, relative to the exact gradient.

    Args:
      num_calls: times 20,000 sessions a row.
    """
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        expected = exact_return(logits, NUM_STEPS)
    exact = tape.gradient(expected, logits).numpy()
    simulator = tabular_sessions()

    def score_function(seed, policy):
        return score_function_return(
            simulator, policy, simulator.rollout(policy, _SESSIONS_PER_CALL, NUM_STEPS, seed)
        )

    def pathwise(seed, policy, temperature):
        return relaxed_return(simulator, policy, _SESSIONS_PER_CALL, NUM_STEPS, seed, temperature)

    def moments(function: Callable, *arguments):
        @compiled(jit_compile=True)
        def sums(seed, *arguments):
            # A copy for each user, so that one backward pass gives the gradient of each session.
            copies = tf.tile(tf.constant(LOGITS)[tf.newaxis], [_SESSIONS_PER_CALL, 1, 1])
            with tf.GradientTape() as tape:
                tape.watch(copies)
                returns = function(seed, tabular_policy(copies), *arguments)
            errors = tape.gradient(returns, copies) - exact
            return (
                tf.reduce_mean(returns),
                tf.reduce_mean(errors, axis=0),
                tf.reduce_mean(tf.square(errors)),
            )

        def figures(*arguments):
            means = [sums(seed, *arguments) for seed in random.split_seed(0, num_calls)]
            value, error, square = (np.mean(leaves, axis=0) for leaves in zip(*means, strict=True))
            norm, num_sessions = np.linalg.norm(exact), num_calls * _SESSIONS_PER_CALL
            deviation = math.sqrt(exact.size * square - np.sum(error**2))
            return {
                "return": float(value),
                "exact_return": float(expected),
                "bias": float(np.linalg.norm(error) / norm),
                "standard_error": float(deviation / math.sqrt(num_sessions) / norm),
                "standard_deviation": float(deviation / norm),
            }

        return figures

    of_pathwise = moments(pathwise)
    found = {
        f"tables/{PATHWISE}, temperature {value:g}": of_pathwise(tf.constant(value, tf.float64))
        for value in TEMPERATURES
    }
    return {**found, f"tables/{SCORE_FUNCTION}": moments(score_function)()}


class _Learner:
    """Trains one network, that of interest evolution, by either gradient."""

    def __init__(self, num_users: int, num_steps: int, num_evaluated: int):
        simulator = interest_evolution(slate_size=_SLATE_SIZE)
        self._spec = simulator.observation_spec()
        self._network = self._new_network(0)
        policy = PlackettLucePolicy.of_network(self._network)

        def pathwise(seed):
            margin = lambda user: user.budget  # noqa: E731
            return relaxed_return(
                simulator,
                policy,
                num_users,
                num_steps,
                seed,
                _TEMPERATURE,
                margin,
                _DEPARTURE_TEMPERATURE,
            )

        def score_function(seed):
            return score_function_return(
                simulator, policy, simulator.rollout(policy, num_users, num_steps, seed)
            )

        def gradient_of(function):
            @compiled(jit_compile=True)
            def gradient(seed):
                with tf.GradientTape() as tape:
                    loss = -tf.reduce_mean(function(seed))
                return tf.clip_by_global_norm(
                    tape.gradient(loss, self._network.trainable_variables), _GRADIENT_CLIPPING
                )[0]

            return gradient

        def returns_of(policy):
            def add(total, transition):
                return total + transition.reward

            return compiled(
                lambda seed: simulator.fold(
                    policy, num_evaluated, _MAX_STEPS, seed, add, tf.zeros([num_evaluated])
                ),
                jit_compile=True,
            )

        self._gradients = {
            PATHWISE: gradient_of(pathwise),
            SCORE_FUNCTION: gradient_of(score_function),
        }
        self._drawn, self._likeliest = returns_of(policy), returns_of(policy.likeliest)

    def _new_network(self, seed):
        tf.keras.utils.set_random_seed(seed)
        network = SlatePolicyNetwork(self._spec, _SLATE_SIZE, _HIDDEN_UNITS)
        network.create_variables()
        return network

    def learn(self, kind: str, num_updates: int, seed: int) -> dict[str, Any]:
        """The mean returns of new users, drawn slates: at the start and after each tenth of the
        updates.
        """
        for variable, initial in zip(
            self._network.variables, self._new_network(seed).variables, strict=True
        ):
            variable.assign(initial)
        optimizer = tf.keras.optimizers.Adam(_LEARNING_RATE)
        update_seed, evaluation_seed = random.split_seed(seed, 2)
        curve = [np.mean(self._drawn(evaluation_seed))]
        for updates in np.array_split(
            random.split_seed(update_seed, num_updates), min(_EVALUATIONS, num_updates)
        ):
            for seed_of_update in updates:
                gradient = self._gradients[kind](tf.constant(seed_of_update))
                optimizer.apply_gradients(
                    zip(gradient, self._network.trainable_variables, strict=True)
                )
            drawn = self._drawn(evaluation_seed).numpy()
            curve.append(drawn.mean())
        return {
            "curve": [float(value) for value in curve],
            "standard_error": float(drawn.std() / math.sqrt(drawn.size)),
            "likeliest": float(np.mean(self._likeliest(evaluation_seed))),
        }


def learning_figures(
    num_users: int, num_steps: int, num_updates: int, num_seeds: int, num_evaluated: int
) -> dict[str, dict[str, Any]]:
    """Returns before, during and after training by each gradient."""
    learner, figures = _Learner(num_users, num_steps, num_evaluated), {}
    for kind in (PATHWISE, SCORE_FUNCTION):
        runs = [learner.learn(kind, num_updates, seed) for seed in range(num_seeds)]
        last = np.array([run["curve"][-1] for run in runs])
        num_points = len(runs[0]["curve"]) - 1
        figures[f"interest evolution/{kind}"] = {
            "start": float(np.mean([run["curve"][0] for run in runs])),
            "return": float(last.mean()),
            "standard_error": (
                math.sqrt(sum(run["standard_error"] ** 2 for run in runs)) / num_seeds
            ),
            "lowest": float(last.min()),
            "highest": float(last.max()),
            "likeliest": float(np.mean([run["likeliest"] for run in runs])),
            "user_steps": num_users * num_steps * num_updates,
            "curve_user_steps": [
                num_users * num_steps * num_updates * point // num_points
                for point in range(num_points + 1)
            ],
            "curves": [run["curve"] for run in runs],
        }
    return figures


def benchmark(quick: bool) -> dict[str, Any]:
    """Runs everything; returns the result that goes into the JSON file."""
    num_calls = 2 if quick else 100
    sizes = {
        "num_users": 8 if quick else 64,
        "num_steps": 10 if quick else 250,
        "num_updates": 2 if quick else 100,
        "num_seeds": 1 if quick else 3,
        "num_evaluated": 32 if quick else 4_096,
    }
    figures = {**tabular_figures(num_calls), **learning_figures(**sizes)}
    return {
        "benchmark": "policy_gradient",
        "quick": quick,
        "tensorflow": tf.__version__,
        "tabular_sessions": num_calls * _SESSIONS_PER_CALL,
        **sizes,
        "figures": figures,
    }


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    rows = [("gradient in tables", "bias", "± s.e.", "st. dev. of one session", "return")]
    found = {
        name: figure for name, figure in result["figures"].items() if name.startswith("tables/")
    }
    for name, figure in found.items():
        cells = (
            f"{figure['bias']:.4f}",
            f"{figure['standard_error']:.4f}",
            f"{figure['standard_deviation']:.2f}",
            f"{figure['return']:.4f}",
        )
        rows.append((name.split("/")[1], *cells))
    exact = next(iter(found.values()))["exact_return"]
    lines = [
        text_table(rows),
        (
            f"{result['tabular_sessions']:,} sessions a row; relative to the exact gradient. Exact"
            f" return {exact:.4f}."
        ),
        "",
    ]
    heads = ("start", "return", "± s.e.", "of the seeds", "likeliest slates", "user-steps")
    rows = [("interest evolution", *heads)]
    for kind in (PATHWISE, SCORE_FUNCTION):
        figure = result["figures"][f"interest evolution/{kind}"]
        cells = (
            f"{figure['start']:.1f}",
            f"{figure['return']:.1f}",
            f"{figure['standard_error']:.1f}",
            f"{figure['lowest']:.1f} to {figure['highest']:.1f}",
            f"{figure['likeliest']:.1f}",
            f"{figure['user_steps']:,}",
        )
        rows.append((kind, *cells))
    lines += [
        text_table(rows),
        (
            f"Means over {result['num_seeds']} seeds with {result['num_evaluated']:,} new users"
            " each, and the standard error by these."
        ),
    ]
    return "\n".join(lines)


def plot(result: dict[str, Any], path: str) -> None:
    """Bias and standard deviation by temperature, and the returns in training."""
    found = result["figures"]
    score = found[f"tables/{SCORE_FUNCTION}"]
    pathwise = [found[f"tables/{PATHWISE}, temperature {value:g}"] for value in TEMPERATURES]
    with plots.figures(path, (11.0, 4.0), 1, 2) as (left, right):
        errors = [2 * point["standard_error"] for point in pathwise]
        left.errorbar(
            TEMPERATURES,
            [point["bias"] for point in pathwise],
            errors,
            fmt="o-",
            color="C0",
            capsize=3,
            label="pathwise: bias",
        )
        deviations = [point["standard_deviation"] for point in pathwise]
        left.loglog(
            TEMPERATURES, deviations, "s--", color="C0", label="pathwise: st. dev. of one session"
        )
        left.axhline(
            score["standard_deviation"],
            color="C1",
            linestyle="--",
            label="score function: st. dev. of one session",
        )
        left.set(
            xlabel="temperature",
            ylabel="relative to the exact gradient",
            title="Sessions in tables",
        )
        left.set_xticks(TEMPERATURES, [f"{value:g}" for value in TEMPERATURES])
        left.minorticks_off()
        left.legend(fontsize=8)
        for color, kind in (("C0", PATHWISE), ("C1", SCORE_FUNCTION)):
            figures = found[f"interest evolution/{kind}"]
            for number, curve in enumerate(figures["curves"]):
                right.plot(
                    np.array(figures["curve_user_steps"]) / 1e6,
                    curve,
                    color=color,
                    alpha=0.8,
                    label=None if number else kind,
                )
        right.set(
            xlabel="user-steps, millions",
            ylabel="return of new users",
            title=f"Interest evolution, {result['num_seeds']} seeds",
        )
        right.legend(fontsize=8)


def main() -> None:
    result = benchmark(flags.FLAGS.quick)
    command = ["python benchmarks/policy_gradient.py --json=PATH --plot=PATH"]
    commands.finish(command, result, table(result), functools.partial(plot, result))


if __name__ == "__main__":
    commands.define_flags(plot="PNG of the figures.")
    commands.run(main)
