# SPDX-License-Identifier: Apache-2.0
"""A belief over users with normal tastes, refitted to weighted particles at each turn."""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.belief import moments
from recsim_tf.belief.base import (
    Belief,
    Particles,
    by_user,
    difference,
    is_static,
    live,
    repeated,
    shifted,
)
from recsim_tf.belief.moments import Fitted, Sampled
from recsim_tf.belief.points import Points
from recsim_tf.belief.priors import Categories, Constant, Normals, Prior
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, WholeNumber, checked
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.models import UserModel


class GaussianState(NamedTuple):
    """State of a `GaussianBelief`: offsets from the prior, so that zeros are the prior."""

    fitted: Fitted
    # The shift of each field of the state that is no draw, [B, ...]; () if users do not change.
    moved: tuple[tf.Tensor, ...]


class GaussianBelief(Belief):
    """A belief in the families of the prior. Normal fields have a joint mean and covariance, and
    categories have independent probabilities.

    At each turn particles are weighted by the likelihood, and the moments are fitted to them:
    assumed density filtering by Monte Carlo (Kotecha & Djuric 2003, "Gaussian particle filtering").
    Normal fields are `tfd.Normal`, `tfd.MultivariateNormal...`, and `tfd.Uniform` or other
    distributions with a bijector from a normal, which are normal before the bijector. Categories
    are `tfd.Categorical`, `tfd.Bernoulli`, and other distributions that `num_outcomes` supports. A
    `tfd.Deterministic` field is the same for all users. The parts of a joint distribution must be
    independent.

    With 128 particles and ten normal coordinates, the error of the mean is 0.05 standard deviations
    after one choice between two items and 0.18 after ten. With 512 particles it is half as large.

    A reply that few particles explain would give a belief with more precision than P points
    support. Its weights are then mixed with equal weights, until the effective number of particles
    is F + 2.

    Users may change. Draws that `initial_state` passes into the state, as the same tensors, are
    refitted after `update`. The other fields of the state shift for all particles by the same
    amount: the weighted mean for floats, and the shift of the likeliest particle for other numbers.

    Args:
      users: the user model.
      num_particles: number of particles P, even, at least 2 F + 4 for F normal coordinates.
      seed: the seed of the points, an integer.

    Raises:
      ValueError: for initial draws of another family, for num_particles out of range, or if users
        change and `initial_state` does not pass on a field of normals or categories.
    """

    @checked
    def __init__(self, users: UserModel, num_particles: Count = 128, seed: WholeNumber = 0):
        super().__init__(users, num_particles)
        points = Points(num_particles, seed)
        self._innovate = points.innovate
        with tf.init_scope():
            prior = self._prior()
            if not (prior.normals or prior.categories):
                raise ValueError(
                    "initial_draws must make users differ, for a GaussianBelief, got the same for"
                    f" all users of {type(users).__name__}"
                )
            self._least_effective = prior.size + 2
            if num_particles % 2 or num_particles < 2 * self._least_effective:
                raise ValueError(
                    f"num_particles must be even and at least {2 * self._least_effective}, for"
                    f" {prior.size} normal coordinates, got {num_particles}"
                )
            self._points = moments.at_points(prior, points)
            self._layout = _Layout([], [], {})
            if not is_static(users):
                self._layout = self._find_layout(prior)

    def initial_state(self, num_users: int) -> GaussianState:
        others = self._layout.others.values()
        return GaussianState(
            moments.zeros(self._prior(), num_users),
            tuple(tf.zeros([num_users, *spec.shape], spec.dtype) for spec in others),
        )

    def update(self, belief_state: GaussianState, slate: Slate, seen: Nest):
        prior = self._prior()
        sampled = moments.sampled(prior, belief_state.fitted, self._points)
        first = self._first(prior, sampled)
        before = self._now(first, belief_state.moved)
        after, turn = live(self.users, before, slate, seen, self.num_particles, self._innovate)
        weights = moments.cautious_weights(turn, self._least_effective)
        now, changed = self._updated_draws(prior, sampled, before, after)
        fitted = moments.fitted(prior, belief_state.fitted, self._points, sampled, now, weights)
        changed |= tf.reduce_any(turn < 0, axis=1)
        return GaussianState(
            nests.where(changed, fitted, belief_state.fitted), self._moved(first, after, weights)
        )

    def particles(self, belief_state: GaussianState):
        prior = self._prior()
        sampled = moments.sampled(prior, belief_state.fitted, self._points)
        state = self._now(self._first(prior, sampled), belief_state.moved)
        equal = tf.constant(1 / self.num_particles, self.users.dtype)
        weights = tf.fill([nests.num_rows(state)], equal)
        return Particles(*by_user((state, weights), self.num_particles))

    def moments(self, belief_state: GaussianState) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean [B, F] and covariance [B, F, F] of the normal coordinates, in the order of the
        fields of initial draws, that of `tf.nest.flatten`.
        """
        mean, scale = moments.normals(self._prior(), belief_state.fitted)
        return mean, tf.matmul(scale, scale, transpose_b=True)

    def probs(self, belief_state: GaussianState) -> tuple[tf.Tensor, ...]:
        """The probabilities [B, ..., C] of each field of categories."""
        log_probs = moments.categories(self._prior(), belief_state.fitted)
        return tuple(tf.exp(each) for each in log_probs)

    def _prior(self) -> Prior:
        # The prior is computed at each call, so that parameters that are variables have gradients.
        return Prior(self.users.initial_draws(1), self.users.dtype)

    def _first(self, prior: Prior, sampled: Sampled) -> Nest:
        """The states in which sampled users begin, a nest of [B * P, ...]."""
        return self.users.initial_state(prior.draws(*nests.merge_outer(tuple(sampled))))

    def _now(self, first: Nest, moved: tuple[tf.Tensor, ...]) -> Nest:
        """The states after the moves so far, a nest of [B * P, ...]."""
        leaves = tf.nest.flatten(first)
        for index, offset in zip(self._layout.others, moved, strict=True):
            leaves[index] = shifted(leaves[index], repeated(offset, self.num_particles))
        return tf.nest.pack_sequence_as(first, leaves)

    def _moved(self, first: Nest, after: Nest, weights: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """The shift of each field that is not a draw, [B, ...]."""
        moves = by_user(difference(after, first), self.num_particles)
        likeliest = tf.argmax(weights, axis=1, output_type=tf.int32)

        def summary(move: tf.Tensor):
            if not move.dtype.is_floating:
                return tf.gather(move, likeliest, axis=1, batch_dims=1)
            shape = [-1, self.num_particles, *[1] * (move.shape.rank - 2)]
            return tf.reduce_sum(tf.cast(tf.reshape(weights, shape), move.dtype) * move, axis=1)

        leaves = tf.nest.flatten(moves)
        return tuple(summary(leaves[index]) for index in self._layout.others)

    def _updated_draws(
        self, prior: Prior, sampled: Sampled, before: Nest, after: Nest
    ) -> tuple[Sampled, tf.Tensor]:
        """The values of the draws in the state after a turn, and the users for whom they changed,
        bool [B]. Values that `update` does not change are the same objects.
        """
        changed = tf.zeros([nests.num_rows(before) // self.num_particles], tf.bool)
        if before is after:
            return sampled, changed
        old, new = tf.nest.flatten(before), tf.nest.flatten(after)
        normals, categories = self._layout.normals, self._layout.categories
        fields: list[Normals | Categories] = [*prior.normals, *prior.categories]
        values = [*sampled.coordinates, *sampled.categories]
        updated = []
        for value, index, field in zip(values, [*normals, *categories], fields, strict=True):
            if new[index] is not old[index]:
                differs = by_user(new[index] != old[index], self.num_particles)
                changed |= tf.reduce_any(differs, axis=list(range(1, differs.shape.rank)))
                value = by_user(field.read(new[index]), self.num_particles)
            updated.append(value)
        return Sampled(updated[: len(normals)], updated[len(normals) :]), changed

    def _find_layout(self, prior: Prior) -> "_Layout":
        fitted = moments.zeros(prior, 1)
        sampled = moments.sampled(prior, fitted, self._points)
        draws = prior.draws(*nests.merge_outer(tuple(sampled)))
        leaves = tf.nest.flatten(self.users.initial_state(draws))
        positions: dict[type, list[int]] = {Normals: [], Categories: []}
        for field, draw in zip(prior.flat, tf.nest.flatten(draws), strict=True):
            if isinstance(field, Constant):
                continue
            indices = [index for index, leaf in enumerate(leaves) if leaf is draw]
            if not indices:
                raise ValueError(
                    f"initial_state of users who change must pass on {field.name} as it is, for a"
                    f" GaussianBelief, got a state of {type(self.users).__name__} without it"
                )
            positions[type(field)].append(indices[0])
        draws_at = {*positions[Normals], *positions[Categories]}
        others = {
            index: tf.TensorSpec(leaf.shape[1:], leaf.dtype)
            for index, leaf in enumerate(leaves)
            if index not in draws_at
        }
        return _Layout(positions[Normals], positions[Categories], others)


class _Layout(NamedTuple):
    """The layout of the state of users who change, as positions among its fields."""

    normals: list[int]  # positions of the normal draws
    categories: list[int]  # positions of the draws of categories
    others: dict[int, tf.TensorSpec]  # specs of the other fields for a user, by position
