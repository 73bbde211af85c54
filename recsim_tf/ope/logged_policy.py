# SPDX-License-Identifier: Apache-2.0
"""An estimate of the policy that logged, for logs without probabilities."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core.base.types import Observation
from recsim_tf.core.distributions import PlackettLuce
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.log import Log
from recsim_tf.policies import PlackettLucePolicy

# Features that come near to determine the slates give logits that grow without bound. Beyond so
# much, for features of standard deviation one, they are probabilities of zero and one.
_LARGEST_COEFFICIENT = 100.0
# (observation of B users) -> float [B, N, P], features of each candidate
CandidateFeatures = Callable[[Observation], tf.Tensor]


class LoggedPolicy(PlackettLucePolicy):
    """A Plackett-Luce policy whose logits are linear in features. The verdicts of estimates that
    use its probabilities say that these are estimated.

    Args:
      features: the features of the candidates, see `fit_logging`.
      coefficients: float [P].
      slate_size: size of slates K.
    """

    def __init__(self, features: CandidateFeatures, coefficients: tf.Tensor, slate_size: int):
        self.coefficients = coefficients

        def slates(observation: Observation) -> PlackettLuce:
            of_candidates = tf.cast(features(observation), coefficients.dtype)
            return PlackettLuce(tf.linalg.matvec(of_candidates, coefficients), slate_size)

        super().__init__(slates)


def fit_logging(log: Log, features: CandidateFeatures) -> LoggedPolicy:
    """The Plackett-Luce policy with the highest likelihood of the slates of a log.

        logging = ope.fit_logging(log, features)
        ope.evaluate(new_policy, log, logging=logging)

    Args:
      log: a log with observations and full slates. Its probabilities are not read.
      features: maps an observation of B users to features of the candidates, float [B, N, P].

    Raises:
      ValueError: for a log without observations, an empty position, features of another shape, and
        features that determine the slates.
      UsageError: for anything but a log.
    """
    log = log_of("log", log)
    if not tf.nest.flatten(log.observation):
        raise ValueError("log.observation must be given to fit the policy that logged, got ()")
    observation, slate = tf.nest.map_structure(
        lambda leaf: tf.constant(leaf[log.active]), (log.observation, log.slate)
    )
    if (slate.numpy() < 0).any():
        raise ValueError("log.slate must be full to fit the policy that logged, got -1")
    inputs = tf.cast(features(observation), tf.float64)
    if inputs.shape.rank != 3 or inputs.shape[0] != len(slate):
        raise ValueError(
            f"features must be numbers [B={len(slate)}, N, P], a vector of each candidate, got"
            f" {inputs.shape.as_list()}"
        )
    spread = inputs.numpy().std((0, 1))
    scale = np.where(spread > 1e-12, spread, 1.0)

    def loss(coefficients: tf.Tensor) -> tf.Tensor:
        logits = tf.linalg.matvec(inputs, coefficients / scale)
        return -tf.reduce_mean(PlackettLuce(logits, slate.shape[1]).log_prob(slate))

    @compiled
    def value_and_gradient(point: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tfp.math.value_and_gradient(loss, point)

    search = tfp.optimizer.lbfgs_minimize(
        functools.partial(traced_call, value_and_gradient),
        tf.zeros(inputs.shape[2], tf.float64),
        max_iterations=500,
    )
    largest = tf.reduce_max(tf.abs(search.position))
    if not (search.converged and largest <= _LARGEST_COEFFICIENT):
        raise ValueError(
            "features must be finite, and must not determine the slates: no coefficients have the"
            " highest likelihood"
        )
    return LoggedPolicy(features, search.position / scale, slate.shape[1])
