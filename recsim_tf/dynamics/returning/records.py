"""The records of users who come back."""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core.types import Nest


class ReturningState(NamedTuple):
    """State of users who come back."""

    user: Nest  # the state of the wrapped users, a nest of [B, ...]
    day: tf.Tensor  # [B], days from the first visit to this one; the horizon when all is over
    days_away: tf.Tensor  # [B], days between the visit before and this one; 0 in the first
    visit: tf.Tensor  # int32 [B], the number of this visit, from 1
    step: tf.Tensor  # int32 [B], steps of this visit so far


class ReturningObservation(NamedTuple):
    """What agents see of users who come back."""

    user: Nest  # what they see of the wrapped users
    day: tf.Tensor  # [B], as in `ReturningState`, and so the fields below
    days_away: tf.Tensor  # [B]
    visit: tf.Tensor  # int32 [B]
    step: tf.Tensor  # int32 [B]
