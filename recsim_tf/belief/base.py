# SPDX-License-Identifier: Apache-2.0
"""The base of beliefs, updates of particles, which are possible states of users, and a belief over
finitely many types of users.
"""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.evidence import evidence_of
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.random.quantiles import batch_shape


class Particles(NamedTuple):
    """A belief as weighted states."""

    state: Nest  # nest of [B, P, ...]: states of users, as in the methods of `UserModel`
    weights: tf.Tensor  # [B, P], non-negative, with sum 1 for each user


class Belief(tf.Module, abc.ABC):
    """A belief about the states of B users, given the slates and the observed responses.

        belief_state = belief.initial_state(num_users)
        belief_state = belief.update(belief_state, slate, observation.response)
        state, weights = belief.particles(belief_state)

    A belief state is a nest of [B, ...]. Zeros are the prior, which is the distribution of the
    users' initial draws. So a belief state can be the state of a policy or the memory of a layer.
    All methods are pure and take no seed. They run eagerly, in a `tf.function` and under XLA, and
    are differentiable in the parameters of the user model.

    Args:
      users: the user model. Its parameters are the same for all users.
      num_particles: number of particles P.

    Raises:
      ValueError: if `users` is not a user model, or has a parameter with a value for each user.
    """

    @checked
    def __init__(self, users: UserModel, num_particles: int):
        super().__init__()
        for name, value in users.parameters().items():
            shape = validation.table_shape(name, value)
            if shape.rank == users.parameter_spec(name).rank + 1:
                raise ValueError(
                    f"users must have one value of {name} for all users, got the shape {shape}"
                )
        self.users = users
        self.num_particles = num_particles

    @abc.abstractmethod
    def initial_state(self, num_users: int) -> Nest:
        """The prior for B users: zeros, a nest of [num_users, ...]."""

    @abc.abstractmethod
    def update(self, belief_state: Nest, slate: Slate, seen: Nest) -> Nest:
        """The belief after a turn.

        Particles are weighted by `UserModel.likelihood`, and by `UserModel.departure` if leaving is
        a hazard, since the user stayed. Then they change by `UserModel.update`, with the response
        of each particle to the same draw (`UserModel.recorded_draw`).

        A turn that all particles explain equally well, or that none explains, is no evidence. It
        does not change a belief about users who do not change.

        Args:
          belief_state: a nest of [B, ...].
          slate: the slate that was shown, a `Slate` of [B, K, ...]. If its mask is False everywhere
            and no user can choose, it is no evidence.
          seen: the observed response, a nest of [B, ...].
        """

    @abc.abstractmethod
    def particles(self, belief_state: Nest) -> Particles:
        """Possible states of users, and their probabilities."""


def is_static(users: UserModel) -> bool:
    """True if the users never change."""
    return type(users).update is UserModel.update


def repeated(nest: Nest, num_particles: int) -> Nest:
    """A nest of [B, ...] repeated for particles, [B * P, ...], users first."""
    return tf.nest.map_structure(lambda leaf: tf.repeat(leaf, num_particles, axis=0), nest)


def by_user(nest: Nest, num_particles: int) -> Nest:
    """A nest of [B * P, ...] as [B, P, ...]."""

    def split(leaf: tf.Tensor):
        return tf.reshape(leaf, [-1, num_particles, *leaf.shape[1:]])

    return tf.nest.map_structure(split, nest)


def live(
    users: UserModel,
    state: Nest,
    slate: Slate,
    seen: Nest,
    num_particles: int,
    innovate: Callable[[tfd.Distribution], Nest],
) -> tuple[Nest, tf.Tensor]:
    """Particles [B * P, ...] after a turn, and the `relative` log-likelihood [B, P] of the observed
    response. `innovate` draws innovations from their distribution, of batch shape [B * P].
    """
    slate, seen = repeated((slate, evidence_of(users, seen)), num_particles)
    log_likelihood = users.likelihood(state, slate, seen)
    if log_likelihood.shape.rank != 1:
        raise ValueError(
            f"{type(users).__name__}.likelihood must have one axis, the users, got the shape"
            f" {log_likelihood.shape}"
        )
    if not is_static(users):
        response = users.outcome(state, slate, users.recorded_draw(slate, seen))
        innovation = users.innovation(state, slate, response)
        draw = () if innovation is None else innovate(innovation)
        state = users.update(state, slate, response, draw)
    departure = users.departure(state)
    if isinstance(departure, tfd.Distribution):
        log_likelihood += departure.log_prob(tf.zeros(batch_shape(departure), departure.dtype))
    return state, relative(tf.reshape(log_likelihood, [-1, num_particles]))


def relative(log_likelihood: tf.Tensor) -> tf.Tensor:
    """Log-likelihoods [B, P] less each user's largest, or zeros if no particle is possible."""
    # The comparison is False for NaN, too.
    possible = log_likelihood > -float("inf")
    best = tf.reduce_max(tf.where(possible, log_likelihood, -float("inf")), axis=1, keepdims=True)
    explained = tf.reduce_any(possible, axis=1, keepdims=True)
    difference = tf.where(possible, log_likelihood, 0) - tf.where(explained, best, 0)
    return tf.where(explained, tf.where(possible, difference, -float("inf")), 0)


def difference(after: Nest, before: Nest) -> Nest:
    """The offsets by which `shifted` turns `before` into `after`, zeros where they are equal."""

    def subtract(new: tf.Tensor, old: tf.Tensor):
        return tf.math.logical_xor(new, old) if new.dtype == tf.bool else new - old

    return tf.nest.map_structure(subtract, after, before)


def shifted(nest: Nest, offsets: Nest) -> Nest:
    """A nest with offsets from `difference` added."""

    def add(leaf: tf.Tensor, offset: tf.Tensor):
        return tf.math.logical_xor(leaf, offset) if leaf.dtype == tf.bool else leaf + offset

    return tf.nest.map_structure(add, nest, offsets)


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

    def update(self, belief_state: TypesState, slate: Slate, seen: Nest):
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

    def particles(self, belief_state: TypesState):
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
