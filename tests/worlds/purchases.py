# SPDX-License-Identifier: Apache-2.0
"""A shop whose visitors click on several products of a slate and purchase some."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultipleClickCascade
from recsim_tf.core.distributions import uniform_ids

APPEAL = np.float32([0.8, -0.5, 0.2, -1.0, 0.5])
PRICE = np.float32([2.0, 0.5, 1.0, 0.3, 1.5])


class Visitors(recsim_tf.UserModel):
    """Visitors who click by appeal, and purchase what is cheap."""

    price_effect: Any = recsim_tf.parameter(0.7)
    cascade: MultipleClickCascade = dataclasses.field(
        default_factory=lambda: MultipleClickCascade(0.8, 0.55, 0.1)
    )

    def initial_draws(self, num_users):
        return tfd.Independent(tfd.Uniform(tf.zeros([num_users, 0], self.dtype), 1.0), 1)

    def response(self, state, slate):
        appeal, price = (
            tf.gather(tf.constant(table, self.dtype), slate.documents) for table in (APPEAL, PRICE)
        )
        return self.cascade(appeal, slate.mask, 1 - self.per_user("price_effect", 2) * price)

    def outcome(self, state, slate, draw):
        return draw

    def observe(self, state):
        return state


class Products(recsim_tf.DocumentModel):
    """Ids of a catalogue of five."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return uniform_ids(len(APPEAL), num_users, num_candidates, self.dtype)

    def observe(self, documents):
        return documents


def purchases(dtype=tf.float32, users=None, **simulator) -> recsim_tf.Simulator:
    """The simulator; a slate may hold a product twice. `users` are given as arguments of
    `Visitors`.
    """
    arguments = {"slate_size": 4, "num_candidates": 6, "allow_duplicates": True}
    return recsim_tf.Simulator(
        Visitors(**users or {}, dtype=dtype), Products(dtype=dtype), **(arguments | simulator)
    )
