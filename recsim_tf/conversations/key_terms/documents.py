# SPDX-License-Identifier: Apache-2.0
"""Arms and the key-terms that describe them, as candidates of the same kind.

A question is a slate. Beside the arms of a round, the candidates contain key-terms, flagged by
`is_key_term`. To recommend, an agent shows an arm. To ask whether the user likes a key-term, it
shows the key-term. Its answer is not a click and earns no reward, and the step does not count as a
round of the user. Only the answer to that question is drawn.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import AtLeast, Count, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.core.distributions.custom import CustomDistribution
from recsim_tf.core.models.models import DocumentModel

_MOST_ARMS = 10  # largest number of arms of a key-term


class Candidate(NamedTuple):
    """Ids of arms and key-terms in the catalogue, which all users share."""

    item_id: tf.Tensor  # int32 [B, N], arms in [0, A), key-terms in [A, A + W)


class Shown(NamedTuple):
    """The arms and key-terms of slates."""

    item_id: tf.Tensor  # int32 [B, K]
    is_key_term: tf.Tensor  # [B, K], 1 for a key-term, 0 for an arm
    features: tf.Tensor  # [B, K, F]


@configurable
class KeyTermDocuments(DocumentModel):
    """A arms and W key-terms that all users share, with F features each.

    The first candidates of a round are arms, which are drawn in each round, each equally likely.
    The other candidates are key-terms: all W in their order if num_candidates = num_offered_arms +
    W, else a sample that is drawn in each round. The defaults are those of Xie et al. 2021, see
    `draw_catalogue`, except that their 50 arms differ. Of 50 arms drawn here, two are the same in
    one round of five; that changes the regret by less than one in a thousand.

    Agents observe ids. A policy that needs features gets those of some ids from `features_of`,
    since the features of all candidates take N F numbers for each user.

    The table of features may be an array, a tensor or a variable, also with a leading axis [B], and
    has gradients through the `response` part of `log_prob`.

    Args:
      num_arms: number of arms A.
      num_key_terms: number of key-terms W.
      num_features: number of features F, at least 2.
      num_offered_arms: number of candidates that are arms; with fewer candidates all are arms.
      features: [A + W, F], features of arms, then of key-terms. None draws them by
        `draw_catalogue`.
      seed: the seed of `features`, an integer.
    """

    num_arms: Count = 5000
    num_key_terms: Count = 500
    num_features: Annotated[int, AtLeast(2)] = 50
    num_offered_arms: Count = 50
    features: Any = parameter(
        rank=2,
        drawn=lambda documents: draw_catalogue(
            documents.num_arms, documents.num_key_terms, documents.num_features, documents.seed
        ),
    )
    seed: int = 0

    def check(self):
        random.as_seed(self.seed)
        validation.check_table(
            "features",
            self.features,
            items=self.num_arms + self.num_key_terms,
            num_features=self.num_features,
        )

    def split(self, num_candidates: int) -> tuple[int, int]:
        """The numbers of arms, which come first, and of key-terms among N candidates."""
        num_arms = min(num_candidates, self.num_offered_arms)
        return num_arms, num_candidates - num_arms

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        return OfferedIds(
            self.num_arms,
            self.num_key_terms,
            num_users,
            *self.split(num_candidates),
            dtype=self.dtype,
        )

    def describe(self, draw: tf.Tensor, corpus: Nest):
        return Candidate(draw)

    def features_of(self, item_id: tf.Tensor) -> tf.Tensor:
        """The features of arms and key-terms, [B, ..., F] of ids int32 [B, ...]."""
        num_items = self.num_arms + self.num_key_terms
        return self.entries("features", item_id, [num_items, self.num_features])

    def show(self, documents: Candidate, hidden: Nest):
        ids = documents.item_id
        is_key_term = tf.cast(ids >= self.num_arms, self.dtype)
        return Shown(ids, is_key_term, self.features_of(ids))

    def observe(self, documents: Candidate):
        return documents

    def observation_bounds(self):
        return Candidate(Bounds(0, self.num_arms + self.num_key_terms - 1))


class OfferedIds(CustomDistribution):
    """The distribution of ids int32 [N]: first of arms, in [0, A), each equally likely, then of
    key-terms, in [A, A + W).

    If all key-terms are offered, they are in their order, and nothing is drawn. Otherwise each is
    equally likely, too.

    Args:
      num_arms: number of arms A.
      num_key_terms: number of key-terms W.
      num_users: number of users B, the batch shape.
      num_offered_arms: number of ids that are arms.
      num_offered_key_terms: number of ids that are key-terms.
      dtype: dtype of `log_prob`.
    """

    def __init__(
        self,
        num_arms: int,
        num_key_terms: int,
        num_users: int,
        num_offered_arms: int,
        num_offered_key_terms: int,
        dtype: tf.DType = tf.float32,
    ):
        parameters = dict(locals())
        self._arms = uniform_ids(num_arms, num_users, num_offered_arms, dtype)
        self._key_terms = None
        if num_offered_key_terms not in (0, num_key_terms):
            self._key_terms = uniform_ids(num_key_terms, num_users, num_offered_key_terms, dtype)
        self._num_arms = num_arms
        self._num_offered = (num_offered_arms, num_offered_key_terms)
        self._log_prob_dtype = dtype
        super().__init__(tf.int32, parameters, batch=[num_users])

    def _event_shape(self):
        return tf.TensorShape([sum(self._num_offered)])

    def _log_prob(self, value: tf.Tensor):
        arms, key_terms = tf.split(value, self._num_offered, axis=-1)
        key_terms -= self._num_arms
        arms_log_prob = self._arms.log_prob(arms)
        if self._key_terms is not None:
            return arms_log_prob + self._key_terms.log_prob(key_terms)
        in_order = tf.reduce_all(key_terms == tf.range(self._num_offered[1]), axis=-1)
        return tf.where(in_order, arms_log_prob, tf.constant(-float("inf"), self._log_prob_dtype))

    def _sample_n(self, n: int, seed: Any = None):
        return self._drawn(
            lambda part, seed: part.sample(n, seed=seed), tfp.random.sanitize_seed(seed)
        )

    def _drawn(self, sample: Callable[[tfd.Distribution, Any], tf.Tensor], seed: Any):
        arm_seed, key_term_seed = random.split_seed(seed, 2)
        arms = sample(self._arms, arm_seed)
        if self._key_terms is not None:
            key_terms = sample(self._key_terms, key_term_seed) + self._num_arms
            return tf.concat([arms, key_terms], axis=-1)
        # A sum needs less memory than a concatenation, since a graph adds in place.
        num_arms, num_key_terms = self._num_offered
        in_order = tf.pad(self._num_arms + tf.range(num_key_terms), [[num_arms, 0]])
        paddings = [[0, 0]] * (arms.shape.rank - 1) + [[0, num_key_terms]]
        return tf.pad(arms, paddings) + in_order


@random.sample.register
def _(distribution: OfferedIds, seed: random.Seed):
    return distribution._drawn(random.sample, seed)


def draw_catalogue(num_arms: int, num_key_terms: int, num_features: int, seed: int) -> np.ndarray:
    """Draws the features of arms, then of key-terms, with NumPy, float64 [A + W, F].

    The distribution and its constants are those of the synthetic data of Xie et al. 2021,
    "Comparison-based conversational recommender system with relative bandit feedback" (SIGIR 2021),
    by the authors' generator (github.com/zhxieml/RelativeConUCB). The features of key-terms are
    computed from those of arms as in ConUCB (Zhang et al. 2020, arXiv 1906.01219).

    Each key-term gets a vector of F - 1 standard normals, and 1 to 10 arms, every number and every
    set of arms equally likely. An arm is a normal vector of standard deviation 1 around the mean of
    the vectors of its key-terms, or around 0 without key-terms, scaled to length 1. The features of
    a key-term are the weighted mean of its arms, where an arm with n key-terms has the weight 1/n.
    The last feature of each arm and key-term is 1, for the users' biases.
    """
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal([num_key_terms, num_features - 1])
    weights = _memberships(generator, num_key_terms, num_arms).astype(np.float64)
    weights /= np.maximum(weights.sum(axis=0), 1)
    arms = generator.normal(weights.T @ vectors)
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    key_terms = weights @ arms / weights.sum(axis=1, keepdims=True)
    return np.pad(np.concatenate([arms, key_terms]), [(0, 0), (0, 1)], constant_values=1.0)


def _memberships(generator: np.random.Generator, num_key_terms: int, num_arms: int) -> np.ndarray:
    """The arms of each key-term, bool [W, A]."""
    most = min(_MOST_ARMS, num_arms)
    num_members = generator.integers(1, most + 1, num_key_terms)
    # The arms with the smallest of independent uniform numbers are a random set.
    numbers = generator.random([num_key_terms, num_arms])
    smallest = np.sort(np.partition(numbers, most - 1)[:, :most])
    return numbers <= np.take_along_axis(smallest, num_members[:, np.newaxis] - 1, axis=1)
