# SPDX-License-Identifier: Apache-2.0
"""Latent draws of logged sessions, as coordinates over the reals."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest, Seed, Trajectory
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.parameters.unconstrained import bijector_to, check_continuous, unpack
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Log
from recsim_tf.logs.missing import (
    Part,
    are_independent,
    log_prior,
    missing_parts,
    of_parts,
)
from recsim_tf.logs.trajectories import as_trajectory, by_field, scoring_simulator

_MASKED: Any = random.class_of_family(tfd.Masked)
# Prior draws that give the units in which the chains move.
_NUM_PRIOR_DRAWS = 200
# Of them, those whose masks of innovations are compared.
_NUM_PATHS = 2


class Latents:
    """The latent draws of S sessions, as D coordinates over the reals in units of their standard
    deviations under the prior. Raises a ValueError if there are none, or they have no density.

    Args:
      simulator: the models.
      log: the sessions; () as `initial`, as some of its fields, as `innovation` or as both.
      seed: int32 [2].

    Attributes:
      start: a draw from about the prior, [S, D].
      scale: the units, [S, D].
      described: the latents in words.
      counts: whether each latent counts, bool [S, D], False for innovations after the end of a
        session or under a mask.
    """

    def __init__(self, simulator: Simulator, log: Log, seed: Seed):
        initial_seed, innovation_seed = random.split_seed(seed, 2)
        self._scorer = scoring_simulator(simulator)
        self._active = log.active
        self._drawn, innovation = (), ()
        self._spec = session_spec(self._scorer, log.num_sessions).initial.user
        logged = by_field(self._spec, log.initial)
        self._parts = _parts(self._scorer, log.num_sessions, self._spec, logged)
        initial_draws = self._prior_draws(logged, initial_seed)
        self._bijectors = [
            bijector_to("initial draws", self._prior(part, logged)) for part in self._parts
        ]
        # A uniform draw may lie on the edge of its support.
        initial = tuple(
            tf.nest.map_structure(
                lambda x: tf.where(tf.math.is_finite(x), x, 0), bijector.inverse(draws)
            )
            for bijector, draws in zip(self._bijectors, initial_draws, strict=True)
        )
        for part, draws in zip(self._parts, initial_draws, strict=True):
            logged = part.put(logged, nests.at_step(draws, 0))
        log = log._replace(initial=logged)
        self._trajectory = as_trajectory(
            log, self._scorer, log.num_sessions, latent=not tf.nest.flatten(log.innovation)
        )
        distribution = None
        if not tf.nest.flatten(log.innovation):
            transitions = tf.nest.map_structure(lambda leaf: leaf[:1], self._trajectory.transitions)
            first_step = self._trajectory._replace(transitions=transitions)
            (distribution,) = _innovations(self._scorer, first_step)
        if distribution is not None:
            check_continuous("innovations", distribution)
            draws = distribution.sample([_NUM_PRIOR_DRAWS, log.max_length], seed=innovation_seed)
            innovation = tf.nest.map_structure(lambda leaf: tnp.swapaxes(leaf, 1, 2), draws)
            self._drawn = self._drawn_along(initial_draws, innovation)
        if not tf.nest.flatten((initial, innovation)):
            raise ValueError(
                "the log must lack the initial draws or the innovations, got all that the models"
                " draw"
            )
        names = [part.described for part in self._parts]
        self.described = " and ".join(names + ["the innovations"] * (distribution is not None))
        like = nests.at_step((initial, innovation), 0)
        self._specs = tf.nest.map_structure(
            lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), like
        )
        deviations = tf.nest.map_structure(
            lambda leaf: tf.math.reduce_std(leaf, axis=0), (initial, innovation)
        )
        self.scale = _pack((deviations[0], tf.nest.map_structure(_filled, deviations[1])), 1)
        self.start = _pack(like, 1) / self.scale
        ones = tf.nest.map_structure(tf.ones_like, like)
        self.counts = _pack((ones[0], self._in_session(ones[1])), 1).numpy() > 0

    def _drawn_along(self, initial_draws: Nest, innovation: Nest) -> Nest:
        """Marks the elements of innovations that are drawn, a nest of bool [S, T, ...]. Raises a
        ValueError for innovations that are not all reals, or where masks differ between two prior
        draws of the latents.
        """
        masks = []
        for number in range(_NUM_PATHS):
            path = _with_innovation(self._trajectory, nests.at_step(innovation, number))
            for part, draws in zip(self._parts, initial_draws, strict=True):
                path = part.put_into(path, nests.at_step(draws, number))
            masks.append(_drawn(self._scorer, path, nests.at_step(innovation, number)))
        first, *later = masks
        for mask in later:
            if not all(map(np.array_equal, first, mask)):
                raise ValueError(
                    "latent innovations must be drawn in steps that do not depend on what is"
                    " latent, got masks that differ between two draws of it"
                )
        return tf.nest.pack_sequence_as(innovation, first)

    def _prior_draws(self, logged: Nest, seed: Seed) -> list[Nest]:
        """Draws of each part, a nest of [N, S, ...]."""
        seeds = random.split_seed(seed, len(self._parts)) if len(self._parts) > 1 else [seed]
        return [
            self._prior(part, logged).sample(_NUM_PRIOR_DRAWS, seed=part_seed)
            for part, part_seed in zip(self._parts, seeds, strict=False)
        ]

    def _prior(self, part: Part, initial: Nest) -> tfd.Distribution:
        return part.prior(self._scorer.users, len(self._active), initial)

    def log_parts(
        self, positions: tf.Tensor, scorer: Simulator | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The log-density of the latents under the models alone, and the log-likelihood of what was
        logged given them, each [...], at coordinates [..., D] of S rows in all; the second is -inf
        where the models are impossible. A scorer has other parameters.
        """
        shape, positions = positions.shape[:-1], tf.reshape(positions, self.start.shape)
        initial, innovation = self._unpack(positions)
        scorer, trajectory, log_det = scorer or self._scorer, self._trajectory, 0.0
        for part, bijector, coordinates in zip(self._parts, self._bijectors, initial, strict=True):
            event_ndims = tf.nest.map_structure(lambda leaf: leaf.shape.rank - 1, coordinates)
            log_det += bijector.forward_log_det_jacobian(coordinates, event_ndims)
            trajectory = part.put_into(trajectory, bijector.forward(coordinates))
        if tf.nest.flatten(innovation):
            innovation = tf.nest.map_structure(
                lambda leaf, drawn: leaf if drawn.all() else tf.where(drawn, leaf, 0),
                innovation,
                self._drawn,
            )
            trajectory = _with_innovation(trajectory, innovation)
        scores = scorer.log_prob(trajectory)
        of_initial = self._of_latents(scorer, trajectory.initial.user, scores.initial)
        is_latent = bool(tf.nest.flatten(innovation))
        of_innovation = scores.innovation if is_latent else tf.zeros_like(scores.innovation)
        prior = of_initial + of_innovation + log_det
        of_logged = scores.initial - of_initial + scores.innovation - of_innovation
        likelihood = of_logged + scores.response + scores.departure
        # What is not drawn acts on nothing, and would be unbounded.
        rest = -0.5 * tf.reduce_sum(tf.where(~self.counts, positions**2, 0), axis=1)
        prior, likelihood, rest = (
            tf.reshape(tf.cast(each, positions.dtype), shape) for each in (prior, likelihood, rest)
        )
        is_finite = tf.math.is_finite(prior + likelihood)
        zero = tf.zeros([], positions.dtype)
        return tf.where(is_finite, prior, zero) + rest, tf.where(is_finite, likelihood, -np.inf)

    def values(self, positions: np.ndarray) -> tuple[Nest, Nest]:
        """The initial draws, nest of [N, S, ...], and the innovations, nest of [N, S, T, ...], at
        coordinates [N, S, D].
        """
        initial, innovation = self._unpack(tf.constant(positions))
        draws = {
            part: bijector.forward(point)
            for part, bijector, point in zip(self._parts, self._bijectors, initial, strict=True)
        }
        return of_parts(self._spec, draws), self._in_session(innovation)

    def _of_latents(self, scorer: Simulator, initial: Nest, of_all: tf.Tensor) -> tf.Tensor:
        """The log-density of the latent parts, given the others, [S]. `of_all` is the log-density
        of all initial draws.
        """
        if self._parts == (Part(),):
            return of_all
        if not self._parts:
            return tf.zeros_like(of_all)
        return log_prior(self._parts, scorer.users, initial)

    def _unpack(self, positions: tf.Tensor) -> tuple[Nest, Nest]:
        return unpack(positions * self.scale, self._specs)

    def _in_session(self, innovation: Nest) -> Nest:
        """Innovations [..., S, T, ...] with zeros after the ends of the sessions, and where nothing
        is drawn.
        """

        def mask(leaf, drawn):
            active = np.reshape(self._active, [*self._active.shape, *[1] * (drawn.ndim - 2)])
            return tf.where(active & drawn, leaf, 0)

        return tf.nest.map_structure(mask, innovation, self._drawn)


def _parts(scorer: Simulator, num_users: int, spec: Nest, initial: Nest) -> tuple[Part, ...]:
    """The parts of the initial draws that the log lacks. Raises a ValueError for those that some
    sessions have, or that depend on one another.
    """
    parts = missing_parts(scorer.users, num_users, spec, initial)
    if any(part.is_partly_known for part in parts):
        raise ValueError(
            "the log's initial draws must be missing in all sessions or in none where they are"
            " sampled by chains"
        )
    if not are_independent(parts, scorer.users, num_users):
        raise ValueError(
            "fields of the log's initial draws that depend on one another must all be missing where"
            " they are sampled by chains"
        )
    return parts


def _filled(deviations: tf.Tensor) -> tf.Tensor:
    """Standard deviations [S, T, ...] with the largest of all sessions and steps where nothing is
    drawn, or 1.
    """
    largest = tf.reduce_max(deviations, axis=[0, 1], keepdims=True)
    largest = tf.where(largest > 0, largest, tf.ones_like(largest))
    return tf.where(deviations > 0, deviations, largest)


def _pack(nest: Nest, num_axes: int) -> tf.Tensor:
    """The leaves of a nest, each flat after its leading axes, side by side: [..., D]."""
    leaves = tf.nest.flatten(nest)
    flat = [
        tf.reshape(tf.cast(leaf, leaves[0].dtype), [*leaf.shape[:num_axes], -1]) for leaf in leaves
    ]
    return tf.concat(flat, axis=-1)


def _with_innovation(trajectory: Trajectory, innovation: Nest) -> Trajectory:
    """The trajectory [T, S, ...] with these innovations, a nest of [S, T, ...]."""
    steps_first = tf.nest.map_structure(lambda leaf: tnp.swapaxes(leaf, 0, 1), innovation)
    transitions = trajectory.transitions
    draws = transitions.draws._replace(innovation=steps_first)
    return trajectory._replace(transitions=transitions._replace(draws=draws))


def _innovations(scorer: Simulator, trajectory: Trajectory) -> list[Any]:
    """The distributions of the innovations at each step of a trajectory [T, S, ...] of a
    `scoring_simulator`, or None where the users have none.
    """
    distributions = []

    def record(carry, step, state, transition, log_probs):
        slate = scorer.shown(state, transition)
        distributions.append(scorer.users.innovation(state.user, slate, transition.response))
        return carry

    scorer.retrace(trajectory, record, (), score=False)
    return distributions


def _drawn(scorer: Simulator, trajectory: Trajectory, innovation: Nest) -> list[np.ndarray]:
    """Marks the elements of each leaf of innovations, [S, T, ...], that are drawn along a
    trajectory with these innovations: no mask covers them.
    """
    by_step = [_masks(each, each.name) for each in _innovations(scorer, trajectory)]
    elements = []
    for leaf, *masks in zip(tf.nest.flatten(innovation), *by_step, strict=True):
        shape = leaf.shape.as_list()
        mask = np.stack([np.broadcast_to(mask, shape[:1]) for mask in masks], axis=1)
        elements.append(np.broadcast_to(mask.reshape([*mask.shape, *[1] * len(shape[2:])]), shape))
    return elements


def _masks(distribution: tfd.Distribution, name: str) -> list[np.ndarray]:
    """The answer for each leaf of the draws, bool [S] or a bool: True where it is drawn."""
    if isinstance(distribution, tfd.JointDistribution):
        parts, _ = distribution.sample_distributions(seed=[0, 0])
        return [mask for part in tf.nest.flatten(parts) for mask in _masks(part, name)]
    mask, inner = np.array(True), distribution
    if isinstance(distribution, _MASKED):
        mask, inner = np.asarray(distribution.validity_mask), distribution.distribution
    ones = tf.ones(inner.batch_shape + inner.event_shape, inner.dtype)
    bijector = inner.experimental_default_event_space_bijector()
    if bijector is None or not np.all(bijector.forward(ones) == 1):
        raise ValueError(
            f"latent innovations must be of all reals at every step, as a Normal, got {name}"
        )
    return [mask]
