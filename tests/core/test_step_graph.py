# SPDX-License-Identifier: Apache-2.0
"""A guard of speed that needs no clock: how many operations a step has, and that nothing is traced
twice.
"""

import json
from pathlib import Path

import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.policies import random_policy
from tests.one_world import make

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "step_operations.json").read_text())
NUM_USERS, NUM_STEPS = 8, 4


def simulation(environment_id):
    """A compiled function from a seed to the total reward of auto-reset sessions with random
    slates.
    """
    simulator = make(environment_id)

    def add(total, transition):
        return total + tf.reduce_sum(transition.reward)

    policy = random_policy(simulator)
    return compiled(
        lambda seed: simulator.fold(policy, NUM_USERS, NUM_STEPS, seed, add, 0.0, auto_reset=True)
    )


def operations_of_a_step(function) -> int:
    """Operations of the loop's body, with those of what it calls."""
    definition = function.get_concrete_function(as_seed(0)).graph.as_graph_def()
    bodies = {function.signature.name: function for function in definition.library.function}

    def count(name):
        called = [
            attr.func.name
            for node in bodies[name].node_def
            for attr in node.attr.values()
            if attr.func.name
        ]
        return len(bodies[name].node_def) + sum(map(count, called))

    loops = [node for node in definition.node if node.op in ("While", "StatelessWhile")]
    # Candidates without replacement are drawn by a small loop, also before the first step.
    return max(count(loop.attr["body"].func.name) for loop in loops)


@pytest.mark.parametrize("environment_id", recsim_tf.registered())
def test_a_step_has_no_more_operations_than_recorded_and_is_traced_once(environment_id):
    function = simulation(environment_id)
    found = operations_of_a_step(function)
    # Releases of TensorFlow and TensorFlow Probability differ by a few. Where a step has lost more,
    # or needs more, record it anew.
    assert 0.9 * RECORDED[environment_id] <= found <= 1.05 * RECORDED[environment_id]
    for seed in range(3):
        function(as_seed(seed))
    assert function.experimental_get_tracing_count() == 1
