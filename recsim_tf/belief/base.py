"""The base of the beliefs, and what they do with particles: states that users may be in."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base import validation
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.evidence import evidence_of
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.random.quantiles import batch_shape


class Particles(NamedTuple):
    """A belief as weighted states."""

    state: Nest  # nest of [B, P, ...]: states of users, as the methods of `UserModel` take
    weights: tf.Tensor  # [B, P], non-negative, with sum 1 for each user


class Belief(tf.Module, abc.ABC):
    """What an agent believes about the states of B users, given what it showed and saw.

        belief_state = belief.initial_state(num_users)
        belief_state = belief.update(belief_state, slate, observation.response)
        state, weights = belief.particles(belief_state)

    A belief state is a nest of [B, ...], and zeros are the prior, the users' initial draws. So it
    can be the state of a policy or the memory of a layer. All methods are pure and take no seed.
    They run eagerly, in a `tf.function` and under XLA, and are differentiable in the parameters of
    the user model.

    Args:
      users: the user model. Its parameters are the same for all users.
      num_particles: P.

    Raises:
      ValueError: if users is no user model, or has a parameter with a value for each user.
    """

    def __init__(self, users: UserModel, num_particles: int):
        super().__init__()
        validation.check_type("users", users, UserModel)
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

        Particles are weighed by `UserModel.likelihood`, and by `UserModel.departure` where leaving
        is a hazard, since the user stayed. Then they change by `UserModel.update`, with the
        response that each would have given with the same draw (`UserModel.recorded_draw`).

        A turn that says nothing, since all particles explain it equally well or none does, changes
        a belief about users who do not change in nothing.

        Args:
          belief_state: a nest of [B, ...].
          slate: what was shown, a `Slate` of [B, K, ...]. Where its mask is False everywhere and
            no user can choose, it is no evidence.
          seen: what was seen of the response, a nest of [B, ...].
        """

    @abc.abstractmethod
    def particles(self, belief_state: Nest) -> Particles:
        """States that users may be in, and their probabilities."""


def is_static(users: UserModel) -> bool:
    """Whether the users never change."""
    return type(users).update is UserModel.update


def repeated(nest: Nest, num_particles: int) -> Nest:
    """A nest of [B, ...] for particles, [B * P, ...], users first."""
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
    """Particles [B * P, ...] after a turn, and the `relative` log-likelihood [B, P] of what was
    seen of it. `innovate` draws innovations of their distribution, of batch shape [B * P].
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
    """Log-likelihoods [B, P] less the largest of each user; zeros where no particle explains what
    was seen.
    """
    # NaN is no greater than -inf either.
    possible = log_likelihood > -float("inf")
    best = tf.reduce_max(tf.where(possible, log_likelihood, -float("inf")), axis=1, keepdims=True)
    explained = tf.reduce_any(possible, axis=1, keepdims=True)
    difference = tf.where(possible, log_likelihood, 0) - tf.where(explained, best, 0)
    return tf.where(explained, tf.where(possible, difference, -float("inf")), 0)


def difference(after: Nest, before: Nest) -> Nest:
    """What `shifted` adds to get from one nest to another: zeros where they are equal."""

    def subtract(one: tf.Tensor, other: tf.Tensor):
        return tf.math.logical_xor(one, other) if one.dtype == tf.bool else one - other

    return tf.nest.map_structure(subtract, after, before)


def shifted(nest: Nest, offsets: Nest) -> Nest:
    """A nest with its `difference` to another added."""

    def add(leaf: tf.Tensor, offset: tf.Tensor):
        return tf.math.logical_xor(leaf, offset) if leaf.dtype == tf.bool else leaf + offset

    return tf.nest.map_structure(add, nest, offsets)
