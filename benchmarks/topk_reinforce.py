"""The two simulations of Chen et al. 2019 (arXiv 1812.02353, sections 6.1.1 and 6.1.2): off-policy
and top-K correction.

    python benchmarks/topk_reinforce.py [--json=PATH] [--quick]

A softmax policy over 10 items without a state learns from the actions of a behaviour policy. The
paper follows samples; here every update is by the exact expected gradient, so there is no noise.
The paper gives no learning rate or length; these are ours.
"""

import os
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow is imported before recsim_tf, which would settle it.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import commands
import numpy as np
import tensorflow as tf
from absl import flags

from recsim_tf.agents.reinforce import importance_weights, top_k_multiplier
from recsim_tf.core.execution import compiled
from recsim_tf.tables import text_table

_NUM_ITEMS = 10
_NUM_UPDATES = {False: 50_000, True: 5_000}
_LEARNING_RATE = 0.1


class Simulation(NamedTuple):
    """A stateless problem."""

    rewards: np.ndarray  # [N]
    behaviour: np.ndarray  # [N], probabilities
    slate_size: int  # K


_INDEX = np.arange(1.0, _NUM_ITEMS + 1)
# The paper says that the behaviour favours the items of least reward, and draws it; this is a
# straight line down.
SKEWED = Simulation(_INDEX, _INDEX[::-1] / _INDEX.sum(), 1)
TWO_GOOD_ITEMS = Simulation(
    np.array([10.0, 9.0] + [1.0] * 8), np.full(_NUM_ITEMS, 1 / _NUM_ITEMS), 2
)

# Name of the policy -> simulation, corrections, and what it must converge to where that has a
# closed form.
_BEST_OF_TEN = np.eye(_NUM_ITEMS)[-1]
_BEST_OF_TWO = np.eye(_NUM_ITEMS)[0]
CASES: dict[str, tuple[Simulation, frozenset[str], np.ndarray]] = {
    # The maximum of sum beta r log pi.
    "one item/uncorrected": (
        SKEWED,
        frozenset(),
        SKEWED.behaviour * SKEWED.rewards / (SKEWED.behaviour @ SKEWED.rewards),
    ),
    # The maximum of sum pi r.
    "one item/off-policy": (SKEWED, frozenset({"off_policy"}), _BEST_OF_TEN),
    "two items/off-policy": (TWO_GOOD_ITEMS, frozenset({"off_policy"}), _BEST_OF_TWO),
    # The maximum of sum r (1 - (1 - pi)^2), where 10 (1 - pi_1) = 9 (1 - pi_2).
    "two items/off-policy, top-K": (
        TWO_GOOD_ITEMS,
        frozenset({"off_policy", "top_k"}),
        np.array([10 / 19, 9 / 19] + [0.0] * 8),
    ),
}


def learned_policy(
    simulation: Simulation, corrections: frozenset[str], num_updates: int
) -> np.ndarray:
    """The probabilities float [N] after gradient ascent from the uniform policy.

    Args:
      simulation: the problem.
      corrections: of "off_policy" and "top_k".
      num_updates: steps of gradient ascent.
    """
    rewards, behaviour = tf.constant(simulation.rewards), tf.constant(simulation.behaviour)

    def update(step, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            log_probs = tf.nn.log_softmax(logits)
            weights = (
                importance_weights(log_probs, tf.math.log(behaviour))
                if "off_policy" in corrections
                else tf.ones_like(logits)
            )
            if "top_k" in corrections:
                weights *= top_k_multiplier(log_probs, simulation.slate_size)
            objective = tf.reduce_sum(behaviour * weights * rewards * log_probs)
        return step + 1, logits + _LEARNING_RATE * tape.gradient(objective, logits)

    @compiled(jit_compile=True)
    def learn():
        start = (tf.constant(0), tf.zeros([_NUM_ITEMS], tf.float64))
        _, logits = tf.while_loop(lambda step, _: step < num_updates, update, start)
        return tf.nn.softmax(logits)

    return learn().numpy()


def benchmark(quick: bool) -> dict[str, Any]:
    """The probabilities by name of the policy, with what is left to their limit."""
    figures = {}
    for name, (simulation, corrections, limit) in CASES.items():
        probs = learned_policy(simulation, corrections, _NUM_UPDATES[quick])
        figures[name] = {
            "rewards": simulation.rewards.tolist(),
            "behaviour": simulation.behaviour.tolist(),
            "probabilities": probs.tolist(),
            "limit": limit.tolist(),
            "largest_difference": float(np.abs(probs - limit).max()),
        }
    return {
        "benchmark": "topk_reinforce",
        "quick": quick,
        "updates": _NUM_UPDATES[quick],
        "learning_rate": _LEARNING_RATE,
        "figures": figures,
    }


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    rows = [["item", *map(str, range(1, _NUM_ITEMS + 1))]]

    def add(name, numbers, digits):
        rows.append([name, *(f"{number:.{digits}f}" for number in numbers)])

    simulation = None
    for name, figure in result["figures"].items():
        if name.split("/")[0] != simulation:
            simulation = name.split("/")[0]
            add(f"{simulation}: reward", figure["rewards"], 0)
            add("  behaviour", figure["behaviour"], 3)
        add(f"  {name.split('/')[1]}", figure["probabilities"], 3)
        add("    limit", figure["limit"], 3)
    return (
        f"{text_table(rows)}\n"
        f"Probabilities after {result['updates']:,} updates by the exact gradient, learning rate"
        f" {result['learning_rate']}."
    )


def main() -> None:
    result = benchmark(flags.FLAGS.quick)
    commands.finish(["python benchmarks/topk_reinforce.py --json=PATH"], result, table(result))


if __name__ == "__main__":
    commands.define_flags(quick="A tenth of the updates.")
    commands.run(main)
