"""The records of users who come back."""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core.types import Nest

# Agents see which of the first visits it is.
MAX_VISIT = 10


class ReturningState(NamedTuple):
    """State of users who come back."""

    user: Nest  # the state of the wrapped users, a nest of [B, ...]
    day: tf.Tensor  # [B], days from the first visit to this one; the horizon when all is over
    days_away: tf.Tensor  # [B], days between the visit before and this one; 0 in the first
    visit: tf.Tensor  # int32 [B], the number of this visit, from 1
    step: tf.Tensor  # int32 [B], steps of this visit so far


class ReturningObservation(NamedTuple):
    """What agents see of users who come back. Times are parts of the horizon, so that networks can
    take them.
    """

    user: Nest  # what they see of the wrapped users
    time: tf.Tensor  # [B], from the first visit to this one, in [0, 1]
    time_away: tf.Tensor  # [B], between the visit before and this one, in [0, 1]; 0 in the first
    visit: tf.Tensor  # int32 [B], the number of this visit, from 1; MAX_VISIT for all later ones
    # int32 [B], steps of this visit so far; bounded where users have `visit_steps`
    step: tf.Tensor
