# SPDX-License-Identifier: Apache-2.0
"""A small simulator whose users are put together from components."""

import dataclasses

import tensorflow as tf

from recsim_tf import choice, dynamics
from recsim_tf.core.base.types import Clicks
from recsim_tf.core.simulator import Simulator
from tests.worlds.clicks import Numbers

STAY_OR_GO = (((1.0, 0.0), (0.0, 1.0)), ((0.0, 2.0), (1.0, 0.0)))


class Moody(dynamics.ComponentUsers):
    """Users of two segments with a taste, a mood, and a memory of what they clicked."""

    segment: dynamics.Component = dynamics.FromTable(((1.0, 0.0), (0.0, 1.0)), (0.2, -0.2))
    taste: dynamics.Component = dynamics.LinearGaussian(
        2, transition=0.9, gain=0.3, noise=0.1, initial_scale=0.5
    )
    mood: dynamics.Component = dynamics.MarkovChain(STAY_OR_GO)
    seen: dynamics.Component = dynamics.Where(dynamics.Keep(), dynamics.History(2, (2,)))
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=1.0)
    )

    def controls(self, state, slate, response):
        clicks = tf.reduce_sum(response.clicked, axis=1)
        chosen = tf.reduce_sum(response.clicked[..., tf.newaxis] * slate.documents, axis=1)
        is_idle = clicks < 0.5
        return {
            "taste": chosen,
            "mood": tf.cast(is_idle, tf.int32),
            "seen": (is_idle, chosen),
        }

    def scores(self, state, slate):
        liked = state.taste + state.segment - 0.5 * tf.reduce_mean(state.seen, axis=1)
        return (1 + state.mood[:, :1]) * tf.linalg.matvec(slate.documents, liked)

    def response(self, state, slate):
        return self.choice_model(self.scores(state, slate), slate.mask)

    def outcome(self, state, slate, draw):
        return Clicks(tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype))

    def observe(self, state):
        return state.seen


def moody(dtype=tf.float32, users=None, **arguments) -> Simulator:
    """The simulator; `users` are given as arguments of `Moody`."""
    return Simulator(Moody(dtype=dtype, **users or {}), Numbers(2, dtype=dtype), **arguments)
