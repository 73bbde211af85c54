"""Dynamics that a network learns from simulated states: RecSim NG's learnable Game of Life."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import dynamics
from recsim_tf.core.execution import compiled

SIZE, NUM_BOARDS, NUM_STEPS = 30, 4, 2
AROUND = np.float32([[1, 1, 1], [1, 0, 1], [1, 1, 1]])[..., np.newaxis, np.newaxis]


class Life(dynamics.Component):
    """Conway's Game of Life. State: [B, SIZE, SIZE], 1 where a cell lives."""

    def initial_draws(self, num_rows):
        alive = tfd.Bernoulli(probs=tf.fill([num_rows, SIZE, SIZE], 0.3), dtype=self.dtype)
        return tfd.Independent(alive, 2)

    def update(self, state, control, innovation):
        neighbours = tf.nn.conv2d(state[..., tf.newaxis], AROUND, 1, "SAME")[..., 0]
        lives = (neighbours == 3) | ((neighbours == 2) & (state > 0))
        return tf.cast(lives, self.dtype)


class Learned(Life):
    network: Any

    def update(self, state, control, innovation):
        return self.network(state[..., tf.newaxis])[..., 0]


def states(component, seed):
    return dynamics.paths(component, NUM_BOARDS, NUM_STEPS, seed=seed).states


def test_a_network_learns_the_game_of_life_through_the_loop_of_its_own_states():
    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    network = tf.keras.Sequential(
        [
            layers.Conv2D(15, 3, padding="same", activation="relu"),
            layers.Dense(15, activation="relu"),
            layers.Dense(15, activation="relu"),
            layers.Dense(1),
        ]
    )
    network.build([None, SIZE, SIZE, 1])
    optimizer = tf.keras.optimizers.Adam(0.01)
    optimizer.build(network.trainable_variables)
    played = states(Life(), seed=0)

    @compiled
    def train():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((states(Learned(network), seed=0) - played) ** 2)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    losses = [float(train()) for _ in range(300)]
    assert losses[-1] < losses[0] / 1000
    found = states(Learned(network), seed=1)
    np.testing.assert_array_equal(tf.round(found), states(Life(), seed=1))
