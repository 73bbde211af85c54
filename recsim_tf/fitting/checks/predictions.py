"""Predictions of each logged response from what was logged before it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.choice import CascadeDistribution, ChoiceDistribution, ClicksAndPurchases
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.stages import log_prob_per_user
from recsim_tf.core.types import Nest
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.likelihood.batches import take_sessions
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.trajectories import as_trajectory, scoring_simulator


class ChoicePredictions(NamedTuple):
    """Predictions of each step given all that was logged before it. Values at steps after the end
    of a session mean nothing.
    """

    # float [S, T, K + 1], of each position and of "no click"; or [S, T, K] where positions are
    # clicked independently
    probs: np.ndarray
    log_prob: np.ndarray  # float [S, T], of what was logged
    # what was logged: int32 [S, T], the position or K for "no click"; or [S, T, K], the clicks
    logged: np.ndarray


def predict_choices(
    simulator: Simulator, log: SessionLog, batch_size: int = 1000
) -> ChoicePredictions:
    """Probabilities of clicks at each step of logged sessions, and of what was logged.

    Where a response is a choice and more, as a `tfd.JointDistributionNamed` of a choice and a
    rating, its choice is predicted, given the parts that are drawn before it. The rest has no part
    in it.

    Args:
      simulator: its user model draws choices of one position or none (`ChoiceDistribution`), or
        clicks [B, K], with purchases or not; alone or as a part of a joint distribution.
      log: with everything that the user model draws.
      batch_size: sessions that are predicted at once.

    Raises:
      ValueError: for another kind of response, or a batch_size below 1.
    """
    check_at_least(1, batch_size=batch_size)
    scorer = scoring_simulator(simulator)
    size = min(batch_size, log.num_sessions)

    @compiled
    def predict(trajectory):
        num_steps = trajectory.transitions.reward.shape[0]

        def record(arrays, step, state, transition, log_probs):
            response = scorer.users.response(state.user, scorer.shown(state, transition))
            clicks, logged = _clicks(response, transition.draws.response, scorer.slate_size)
            log_prob = (
                log_probs["response"]
                if clicks is response
                else log_prob_per_user("response", clicks, logged)
            )
            values = (_click_probs(clicks), log_prob, tf.cast(logged, tf.int32))
            return tuple(
                array.write(step, value) for array, value in zip(arrays, values, strict=True)
            )

        dtype = trajectory.transitions.reward.dtype
        arrays = tuple(tf.TensorArray(kind, num_steps) for kind in (dtype, dtype, tf.int32))
        found = scorer.retrace(trajectory, record, arrays, score=True)
        return tuple(array.stack() for array in found)

    trajectory = as_trajectory(log, scorer, size)
    parts = []
    for start in range(0, log.num_sessions, size):
        rows = tf.minimum(tf.range(start, start + size), log.num_sessions - 1)
        found = predict(take_sessions(trajectory, rows))
        parts.append(
            [np.swapaxes(values.numpy(), 0, 1)[: log.num_sessions - start] for values in found]
        )
    return ChoicePredictions(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _clicks(
    response: tfd.Distribution, draw: Nest, slate_size: int
) -> tuple[tfd.Distribution, tf.Tensor]:
    """The distribution of clicks in a response, and what was logged of it.

    Raises:
      ValueError: if there is none, or more than one.
    """
    parts = [
        (distribution, value)
        for distribution, value in _parts(response, draw)
        if isinstance(distribution, ChoiceDistribution) or distribution.event_shape == [slate_size]
    ]
    choices = [part for part in parts if isinstance(part[0], ChoiceDistribution)]
    if len(choices or parts) != 1:
        raise ValueError(
            f"responses must be choices of a position or clicks [B, {slate_size}], alone or as one"
            f" part of a joint distribution, got the distribution {response.name}"
        )
    return (choices or parts)[0]


def _parts(distribution: tfd.Distribution, draw: Nest) -> list[tuple[tfd.Distribution, Nest]]:
    """The parts of a joint distribution, each given those drawn before it, beside their draws. Of
    clicks and purchases it is the clicks.
    """
    if isinstance(distribution, CascadeDistribution) and isinstance(draw, ClicksAndPurchases):
        return [(distribution.clicks, draw.clicked)]
    if not isinstance(distribution, tfd.JointDistribution):
        return [(distribution, draw)]
    # Nothing is sampled, since all values are given.
    distributions, draws = distribution.sample_distributions(value=draw, seed=random.as_seed(0))
    leaves, found = iter(tf.nest.flatten(draws)), []
    for part in tf.nest.flatten(distributions):
        own = [next(leaves) for _ in tf.nest.flatten(part.dtype)]
        found += _parts(part, tf.nest.pack_sequence_as(part.dtype, own))
    return found


def _click_probs(clicks: tfd.Distribution) -> tf.Tensor:
    return clicks.probs if isinstance(clicks, ChoiceDistribution) else clicks.mean()
