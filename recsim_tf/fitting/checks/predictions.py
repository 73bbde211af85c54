"""Predictions of each logged response from what was logged before it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.choice import ChoiceDistribution
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.likelihood.likelihood import take_sessions
from recsim_tf.fitting.logs import SessionLog, as_trajectory, scoring_simulator


class ChoicePredictions(NamedTuple):
    """Predictions of each step given all that was logged before it. Values at steps after the end
    of a session mean nothing.
    """

    # float [S, T, K + 1], of each position and of "no click"; or [S, T, K] where positions are
    # clicked independently
    probs: np.ndarray
    log_prob: np.ndarray  # float [S, T], of the logged response


def predict_choices(
    simulator: Simulator, log: SessionLog, batch_size: int = 1000
) -> ChoicePredictions:
    """Probabilities of clicks at each step of logged sessions, and of what was logged.

    Args:
      simulator: its user model draws choices of one position or none (`ChoiceDistribution`), or
        clicks [B, K] that are independent.
      log: with everything that the user model draws.
      batch_size: sessions that are predicted at once.

    Raises:
      ValueError: for another kind of response.
    """
    scorer = scoring_simulator(simulator)
    size = min(batch_size, log.num_sessions)

    @compiled
    def predict(trajectory):
        num_steps = trajectory.transitions.reward.shape[0]

        def record(arrays, step, state, transition, log_probs):
            response = scorer.users.response(state.user, scorer.shown(state, transition))
            probs = _click_probs(response, scorer.slate_size)
            return arrays[0].write(step, probs), arrays[1].write(step, log_probs["response"])

        dtype = trajectory.transitions.reward.dtype
        arrays = tuple(tf.TensorArray(dtype, num_steps) for _ in range(2))
        probs, log_prob = scorer.retrace(trajectory, record, arrays, score=True)
        return probs.stack(), log_prob.stack()

    trajectory = as_trajectory(log, scorer, size)
    parts = []
    for start in range(0, log.num_sessions, size):
        rows = tf.minimum(tf.range(start, start + size), log.num_sessions - 1)
        found = predict(take_sessions(trajectory, rows))
        parts.append(
            [np.swapaxes(values.numpy(), 0, 1)[: log.num_sessions - start] for values in found]
        )
    return ChoicePredictions(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _click_probs(response: tfd.Distribution, slate_size: int) -> tf.Tensor:
    if isinstance(response, ChoiceDistribution):
        return response.probs
    if response.event_shape == [slate_size]:
        return response.mean()
    raise ValueError(
        f"responses must be choices of a position or clicks [B, {slate_size}], got the distribution"
        f" {response.name}"
    )
