"""A belief over users with normal tastes, refitted to weighted particles at each turn."""

from typing import NamedTuple

import gin
import tensorflow as tf

from recsim_tf.belief.base import Belief
from recsim_tf.core.models import UserModel
from recsim_tf.core.types import Nest


class GaussianState(NamedTuple):
    """State of a `GaussianBelief`: offsets from the prior, so that zeros are the prior.

    F is the number of normal coordinates of all fields together.
    """

    mean: tf.Tensor  # [B, F]
    scale: tf.Tensor  # [B, F, F], of a square root of the covariance
    log_probs: Nest  # [B, ..., C] for each field of categories
    # For each field of the state that is no draw, how far it has moved, [B, ...]; () for users who
    # do not change
    moved: Nest


@gin.configurable
class GaussianBelief(Belief):
    """(skeleton; see `Belief`.)

    Args:
      users: the user model.
      num_particles: P, even, at least twice the number of normal coordinates.
      seed: of the points, an integer.
    """

    def __init__(self, users: UserModel, num_particles: int = 128, seed: int = 0):
        super().__init__(users, num_particles)

    def initial_state(self, num_users: int) -> GaussianState:
        raise NotImplementedError

    def update(self, belief_state, slate, seen):
        raise NotImplementedError

    def particles(self, belief_state):
        raise NotImplementedError
