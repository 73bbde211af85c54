"""A belief over finitely many types of users."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.belief.base import (
    Belief,
    Particles,
    by_user,
    difference,
    is_static,
    live,
    relative,
    shifted,
)
from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.models import UserModel


class TypesState(NamedTuple):
    """State of a `TypesBelief`; zeros are the prior."""

    log_likelihoods: tf.Tensor  # [B, P], log-likelihood of each type, less that of the likeliest
    # Shifts of the states of the types, a nest of [B, P, ...]; () if users do not change.
    moved: Nest


class TypesBelief(Belief):
    """The exact belief about users of P types, by Bayes' rule.

    It is exact if each user is of one of the types, and changes, if at all, without innovations.
    After many turns the weight is on the type that explains them best, even if no type is right.

        types = users.initial_draws(1000).sample(seed=0)  # or the draws of a known population
        belief = TypesBelief(users, types)

    Args:
      users: the user model.
      draws: the types, a nest of [P, ...] of the users' initial draws.
      probs: the prior probabilities, [P]; by default all types are equally likely.

    Raises:
      ValueError: if draws have other leading axes, or probs are not probabilities of P types; in
        `update`, for users with an innovation.
    """

    def __init__(self, users: UserModel, draws: Nest, probs: Any = None):
        with tf.init_scope():
            self._draws = tf.nest.map_structure(tf.convert_to_tensor, draws)
        shapes = [leaf.shape for leaf in tf.nest.flatten(self._draws)]
        if not shapes or any(not shape.rank or shape[0] != shapes[0][0] for shape in shapes):
            raise ValueError(
                "draws must have the types as leading axis [P, ...], got"
                f" {', '.join(map(str, shapes)) or 'nothing'}"
            )
        super().__init__(users, shapes[0][0])
        probs = np.full([self.num_particles], 1 / self.num_particles) if probs is None else probs
        validation.check_table("probs", probs, num_types=self.num_particles)
        validation.check_probabilities("probs", probs)
        self._log_probs = tf.math.log(tf.cast(probs, users.dtype))

    def initial_state(self, num_users: int) -> TypesState:
        moved = () if is_static(self.users) else nests.zeros_like(self._first(num_users))
        shape = [num_users, self.num_particles]
        return TypesState(tf.zeros(shape, self.users.dtype), moved)

    def update(self, belief_state: Nest, slate: Slate, seen: Nest):
        first = self._first(nests.num_rows(belief_state))
        before = nests.merge_outer(self._now(first, belief_state))
        after, turn = live(self.users, before, slate, seen, self.num_particles, _refuse)
        total = belief_state.log_likelihoods + turn
        explained = tf.reduce_any(total > -float("inf"), axis=1, keepdims=True)
        # A turn that contradicts all possible types is ignored.
        total = relative(tf.where(explained, total, belief_state.log_likelihoods))
        moved = belief_state.moved
        if not is_static(self.users):
            moved = difference(by_user(after, self.num_particles), first)
        return TypesState(total, moved)

    def particles(self, belief_state: Nest):
        state = self._now(self._first(nests.num_rows(belief_state)), belief_state)
        return Particles(state, tf.nn.softmax(self._log_probs + belief_state.log_likelihoods))

    def _first(self, num_users: int) -> Nest:
        """The states of the types at the start of a session, a nest of [B, P, ...]."""
        tiled = tf.nest.map_structure(
            lambda leaf: tf.tile(leaf, [num_users, *[1] * (leaf.shape.rank - 1)]), self._draws
        )
        return by_user(self.users.initial_state(tiled), self.num_particles)

    def _now(self, first: Nest, belief_state: TypesState) -> Nest:
        return first if is_static(self.users) else shifted(first, belief_state.moved)


def _refuse(innovation: tfd.Distribution):
    raise ValueError(
        "users of a TypesBelief must change without innovations, so that a type stays one state,"
        f" got innovations of {innovation.name}"
    )
