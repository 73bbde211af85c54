# SPDX-License-Identifier: Apache-2.0
"""Compares an agent's first update on two replicas with that on one device, from the same
transitions; prints figures, and the errors of configurations that replicas cannot have, as JSON.

Usage: replica_gradients.py AGENT ...
"""

import json
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.runs import replicas
from recsim_tf.experiment import config
from recsim_tf.support.errors import one_line
from recsim_tf.training import Training
from recsim_tf.training.devices import connect
from tests.experiment.tiny_runs import TINY

NUM_USERS = 16
_AGENTS = {
    "slate_q": (
        "create_slate_q.optimizer = @SGD",
        "SlateQTargets.target = 'differential'",
        "SlateQTargets.num_steps = 3",
        "Learning.gradient_clipping = 0.01",
        "create_slate_q.choice_network = @ClickNetwork",
    ),
    "reinforce": (
        "experiment.create_agent = @create_reinforce",
        "create_reinforce.optimizer = @SGD",
        "Iteration.batch_size = None",
        "Learning.average_tau = None",
        "LambdaReturns.num_steps = 3",
        "PolicyGradient.normalize_advantages = True",
    ),
    "full_slate_q": (
        "experiment.create_agent = @create_full_slate_q",
        "create_full_slate_q.optimizer = @SGD",
        "Learning.gradient_clipping = 1.0",
    ),
}


_REFUSED = (
    ("experiment.num_users = 15",),
    ("Iteration.batch_size = 15",),
    ("Iteration.jit_compile = True",),
    ("experiment.create_agent = @create_tabular_q",),
)


def refused(devices) -> list[str]:
    """The errors of `_REFUSED`."""
    messages = []
    for bindings in _REFUSED:
        config.load([TINY], bindings)
        try:
            with devices.strategy.scope():
                Training()
        except ValueError as error:
            messages.append(one_line(error))
    return messages


def main(agents: list[str]) -> None:
    devices = connect("mirrored", logical_cpus=2)
    figures: dict[str, Any] = {}
    for agent in agents:
        common = ("SGD.learning_rate = 1.0", "InterestEvolutionUsers.time_budget = 8.0")
        config.load([TINY], [*common, *_AGENTS[agent]])
        single = Training()
        length = single.agent.train_sequence_length
        # So long that sessions end, and with them transitions do not count, in other numbers on
        # each replica.
        single.loop.collect(8)
        frames = single.loop.replay.latest(length)
        ends = tf.reshape(
            tf.reduce_sum(tf.cast(frames.is_boundary()[:, :-1], tf.int32), axis=1), [2, -1]
        )
        with devices.strategy.scope():
            several = Training()
            before = [weight.numpy() for weight in several.loop.trainable_variables]

            @tf.function(autograph=False)
            def update(agent=several.agent, frames=frames):
                return replicas.gather_total(
                    devices.strategy.run(lambda: agent.train(_part(frames)))
                )

            losses = tf.nest.flatten(update())
        alone = tf.nest.flatten(single.agent.train(frames))
        after = [weight.numpy() for weight in several.loop.trainable_variables]
        expected = [weight.numpy() for weight in single.loop.trainable_variables]
        figures[agent] = {
            "difference": _largest_difference(after, expected),
            "gradient": _largest_difference(expected, before),
            "ends": tf.reduce_sum(ends, axis=1).numpy().tolist(),
            "loss_difference": _largest_difference(losses, alone),
        }
    print(json.dumps({"agents": figures, "refused": refused(devices)}))


def _largest_difference(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def _part(frames):
    """A replica's users."""
    size = NUM_USERS // replicas.number()
    first = tf.distribute.get_replica_context().replica_id_in_sync_group * size
    return tf.nest.map_structure(lambda leaf: leaf[first : first + size], frames)


if __name__ == "__main__":
    main(sys.argv[1:])
