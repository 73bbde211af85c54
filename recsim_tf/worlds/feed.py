# SPDX-License-Identifier: Apache-2.0
"""A feed of short videos, fitted to KuaiRand: viewers differ in appetite, and remember for hours.

`read_kuairand` reads the log. It is under CC BY-SA 4.0, and so are the numbers fitted to it.
"""

import pathlib
from collections import namedtuple
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import IndependentClicks
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.fitting import Parameter, hierarchical_normal, load_model
from recsim_tf.logs import Log

NUM_TABS, HALF_LIVES = 15, (4.0, 24.0)  # The last ones are hours.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)  # A normal appetite is of five classes.
# What is known before a step, what is drawn at first, and the state: [B] each, and memory [B, 2].
Context = namedtuple("Context", "tab hour pause")
Draws = namedtuple("Draws", "appetite share tab hour pause")
State = namedtuple("State", "appetite share tab hour pause memory place")


class Videos(recsim_tf.DocumentModel):
    """Videos by id, with effects [V] on the logit of a click."""

    num_videos: int = 1000
    effect: Any = recsim_tf.parameter(0.0, rank=1)

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(self.num_videos, num_users, num_candidates, dtype=self.dtype)

    def show(self, documents, hidden):
        return self.entries("effect", documents, [self.num_videos])

    def observe(self, documents):
        return documents

    def observation_bounds(self):
        return recsim_tf.Bounds(0, self.num_videos - 1)


class Viewers(recsim_tf.UserModel):
    """Viewers, whose logit of a click has effects of tab, hour, video, appetite and the share of
    long views before; of two memories of clicks beyond expectation; of fatigue, the logarithm of
    the place in the visit; and of rest, that of the pause.
    """

    tab: Any = recsim_tf.parameter((0.0,) * NUM_TABS, rank=1)
    hour: Any = recsim_tf.parameter((0.0,) * 24, rank=1)
    appetite: Any = recsim_tf.parameter(0.5, low=0)  # standard deviation
    share: Any = recsim_tf.parameter(3.0)
    change: Any = recsim_tf.parameter((0.1, 0.1, 0.0, 0.0), rank=1)  # fast, slow, fatigue, rest
    tab_probs: Any = recsim_tf.parameter((1 / NUM_TABS,) * NUM_TABS, rank=1, are_probabilities=True)

    def check(self):
        if np.shape(self.change)[-1:] != (4,):
            raise ValueError(f"change must have 4 numbers, got {np.shape(self.change)}")

    def contexts(self, num_users):
        zeros = tf.zeros([num_users], self.dtype)
        tab = tf.broadcast_to(self.per_user("tab_probs", 2), [num_users, NUM_TABS])
        hour, pause = tfd.Uniform(zeros, 24.0), tfd.LogNormal(zeros + 1.5, 2.4)
        return Context(tfd.Categorical(probs=tab), hour, pause)

    def initial_draws(self, num_users):
        probs = tf.constant(np.tile(WEIGHTS / WEIGHTS.sum(), [num_users, 1]), self.dtype)
        draws = tfd.Categorical(probs=probs), tfd.Normal(tf.zeros_like(probs[:, 0]), 0.15)
        return tfd.JointDistributionNamed(Draws(*draws, *self.contexts(num_users)))

    def initial_state(self, draws):
        return State(*draws, memory=tf.stack([0 * draws.share] * 2, axis=1), place=0 * draws.share)

    def response(self, state, slate):
        times = tf.stack([tf.math.log1p(state.place), tf.math.log(state.pause + 0.02)], axis=1)
        change = self.per_user("change", 2) * tf.concat([state.memory, times], axis=1)
        node = tf.gather(tf.constant(NODES, self.dtype), state.appetite)
        viewer = self.per_user("appetite") * node + self.per_user("share") * state.share
        viewer += self.entries("tab", state.tab, [NUM_TABS]) + tf.reduce_sum(change, axis=1)
        viewer += self.entries("hour", tf.cast(state.hour, tf.int32), [24])
        return IndependentClicks()(slate.documents + viewer[:, tf.newaxis], slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(draw)

    def innovation(self, state, slate, response):
        return tfd.JointDistributionNamed(self.contexts(slate.mask.shape[0]))

    def update(self, state, slate, response, innovation):
        surprise = response.clicked - self.response(state, slate).mean()
        left = 0.5 ** (innovation.pause[:, tf.newaxis] / tf.constant(HALF_LIVES, self.dtype))
        memory = left * (state.memory + tf.reduce_sum(surprise, axis=1, keepdims=True))
        place = tf.cast(innovation.pause < 0.5, self.dtype) * (state.place + 1)  # half an hour
        return state._replace(memory=memory, place=place, **innovation._asdict())

    def observe(self, state):
        return Context(state.tab, state.hour, state.pause)


@gin.configurable(module="recsim_tf")
def feed_parameters(spread: float | None = None) -> dict[str, Parameter]:
    """The parameters of a fit; without a `spread` of the effects of videos, it is fitted too."""
    parameters = {"users.appetite": Parameter(support="positive")}
    scales = {"tab": 3.0, "hour": 0.3, "share": 5.0, "change": 1.0}
    parameters |= {f"users.{n}": Parameter(prior=tfd.Normal(0.0, s)) for n, s in scales.items()}
    normal = hierarchical_normal() if spread is None else tfd.Normal(0.0, spread)
    effect = Parameter(prior=normal, posterior="mean_field" if spread is None else None)
    return parameters | {"documents.effect": effect}


@gin.configurable(module="recsim_tf")
def feed(log: Log | None = None, dtype: tf.DType = tf.float32, **simulator: Any):
    """The feed as it is fitted, "Feed-v0", with videos that are drawn; or that of a log."""
    if not isinstance(log, Log | None):
        raise ValueError(f"log must be a Log, got {type(log).__name__}")
    if log is None:
        model = load_model(pathlib.Path(__file__).with_name("feed_v0"))
        users, spread = model.simulator.users, model.metadata["data"]["spread of videos"]
        effect = np.random.default_rng(0).normal(0.0, spread, 1000)
    else:
        counts = np.bincount(log.initial["tab"].astype(int), minlength=NUM_TABS) + 1.0
        users, effect = Viewers(tab_probs=counts / counts.sum()), np.zeros(len(log.labels.document))
    models = users.replaced(dtype=dtype), Videos(len(effect), effect, dtype=dtype)
    return recsim_tf.Simulator(*models, **{"slate_size": 1, "max_steps": 50, **simulator})
