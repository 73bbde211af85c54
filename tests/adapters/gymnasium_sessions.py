# SPDX-License-Identifier: Apache-2.0
"""Small simulators for the tests of the Gymnasium environments."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.gymnasium import GymnasiumVectorEnvironment
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos

NUM_USERS, SLATE_SIZE, NUM_CANDIDATES = 6, 2, 5
SLATE = np.array([4, 1])


def short_sessions(**arguments):
    """Interest evolution of sessions of different lengths, some of them cut off by the time
    limit.
    """
    users = InterestEvolutionUsers(time_budget=9.0)
    return recsim_tf.interest_evolution(
        slate_size=SLATE_SIZE, num_candidates=NUM_CANDIDATES, users=users, max_steps=6, **arguments
    )


def vector_environment(**arguments):
    return GymnasiumVectorEnvironment(short_sessions(), NUM_USERS, seed=3, **arguments)


def run(environment, num_steps, slate=SLATE):
    """What a number of steps return, the nests of arrays stacked over time."""
    steps = [environment.step(slate) for _ in range(num_steps)]
    return tf.nest.map_structure(lambda *leaves: np.stack(leaves), *steps)


class Oddities(NamedTuple):
    count: tf.Tensor
    kinds: tuple


class OddUsers(recsim_tf.UserModel):
    """Observed as integers, booleans and numbers in nested tuples and dicts."""

    def initial_draws(self, num_users):
        return InterestEvolutionUsers(num_features=2).initial_draws(num_users)

    def response(self, state, slate):
        choice_model = recsim_tf.choice.MultinomialLogit(no_click_mass=0.0)
        return choice_model(tf.zeros(slate.mask.shape), slate.mask)

    def observe(self, state):
        whole = tf.cast(state[:, 0] * 3, tf.int32) - 7
        return Oddities(count=whole, kinds=({"sign": state > 0}, whole, state[:, 1]))

    def observation_bounds(self):
        bounds = recsim_tf.Bounds
        return Oddities(
            count=bounds(-10, -4), kinds=({"sign": bounds()}, bounds(None, 0), bounds(-1.0, None))
        )


def odd_sessions():
    return recsim_tf.Simulator(OddUsers(), UtilityVideos(), SLATE_SIZE, NUM_CANDIDATES, max_steps=3)
