# SPDX-License-Identifier: Apache-2.0
"""Initial draws of the users that a log lacks, field by field."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest, Seed, Trajectory
from recsim_tf.core.distributions import num_outcomes
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.step.stages import log_prob_per_user
from recsim_tf.logs.log import Log
from recsim_tf.logs.trajectories import by_field

_NAMED: Any = random.class_of_family(tfd.JointDistributionNamed)


class Part(NamedTuple):
    """A part of the users' initial draws that a log lacks, for all sessions or for some."""

    field: str | None = None  # a field of the draws' NamedTuple; None for all draws
    is_partly_known: bool = False  # whether some sessions have it

    @property
    def described(self) -> str:
        """The part in words, for errors."""
        name = f"the initial draw {self.field}" if self.field else "the initial draws"
        return f"{name}, where missing," if self.is_partly_known else name

    def of(self, initial: Nest) -> Nest:
        """The part of a nest of initial draws."""
        return initial if self.field is None else getattr(initial, self.field)

    def put(self, initial: Nest, values: Nest) -> Nest:
        """The initial draws with these values for the part."""
        return values if self.field is None else initial._replace(**{self.field: values})

    def put_into(self, sessions: Trajectory, values: Nest) -> Trajectory:
        """The sessions with these values for the part."""
        user = self.put(sessions.initial.user, values)
        return sessions._replace(initial=sessions.initial._replace(user=user))

    def known(self, sessions: Trajectory) -> tf.Tensor | None:
        """The sessions that have the part, bool [B], or None if none has it."""
        if not self.is_partly_known:
            return None
        return is_known(self.of(sessions.initial.user))

    def filled(self, sessions: Trajectory, values: Nest) -> Trajectory:
        """The sessions, with these values [B, ...] for the part if they lack it."""
        has_part = self.known(sessions)
        if has_part is not None:
            values = nests.where(has_part, self.of(sessions.initial.user), values)
        return self.put_into(sessions, values)

    def prior(
        self, users: UserModel, num_users: int, given: Nest | None = None
    ) -> tfd.Distribution:
        """The users' distribution of the part, given the other fields of initial draws, a nest of
        [B, ...]. A field that is () is drawn; without `given` all fields are drawn.
        """
        initial = users.initial_draws(num_users)
        if self.field is None:
            return initial
        distribution = getattr(initial.model, self.field)
        if isinstance(distribution, tfd.Distribution):
            return distribution
        if given is not None:
            given = type(given)(*(each if tf.nest.flatten(each) else None for each in given))
        return getattr(initial.sample_distributions(value=given, seed=[0, 0])[0], self.field)

    def num_classes(self, users: UserModel, num_users: int) -> int | None:
        """The number of values of a part that is a single finite draw, such as a type, or None."""
        prior = self.prior(users, num_users)
        leaves = tf.nest.flatten(prior.model) if isinstance(prior, _NAMED) else [prior]
        return num_outcomes(leaves[0]) if len(leaves) == 1 else None


def is_known(values: Nest) -> tf.Tensor:
    """True where a row of a nest of [B, ...] has neither NaN nor a negative integer, bool [B]."""

    def of_leaf(leaf):
        unknown = tf.math.is_nan(leaf) if leaf.dtype.is_floating else leaf < 0
        return ~tf.reduce_any(unknown, axis=list(range(1, leaf.shape.rank)))

    leaves = [tf.convert_to_tensor(leaf) for leaf in tf.nest.flatten(values)]
    all_of_them = tf.ones(leaves[0].shape[:1], tf.bool)
    return functools.reduce(
        tf.logical_and, (of_leaf(leaf) for leaf in leaves if leaf.dtype != tf.bool), all_of_them
    )


def missing_parts(users: UserModel, num_users: int, spec: Nest, initial: Nest) -> tuple[Part, ...]:
    """The parts of initial draws that a log lacks, each after the parts that its distribution
    depends on.

    Args:
      users: the user model.
      num_users: the number of users B.
      spec: TensorSpecs of the initial draws.
      initial: the logged initial draws, a nest of [S, ...]. All sessions lack a part that is (). A
        session lacks a part that is NaN or a negative integer.

    Raises:
      ValueError: for parts of a joint distribution without names.
    """
    if not tf.nest.flatten(spec):
        return ()
    if not tf.nest.flatten(initial):
        return (Part(),)
    if type(initial) is not type(spec) or not nests.fields_of(spec):
        return () if _is_complete(spec, initial) else (Part(None, True),)
    parts = [
        Part(name, bool(tf.nest.flatten(value)))
        for name, like, value in zip(spec._fields, spec, initial, strict=True)
        if tf.nest.flatten(like) and not _is_complete(like, value)
    ]
    if not parts:
        return ()
    distribution = users.initial_draws(num_users)
    if not isinstance(distribution, _NAMED):
        names = ", ".join(str(part.field) for part in parts)
        raise ValueError(
            f"the log's initial draws must have {names}: single fields may be missing only where"
            " initial_draws is a JointDistributionNamed"
        )
    return tuple(parts)


def lacking(log: Log, users: UserModel, num_users: int, spec: Nest) -> tuple[tuple[Part, ...], Log]:
    """The `missing_parts` of a log, and the log with zeros for the parts that all sessions lack."""
    logged = by_field(spec, log.initial)
    parts = missing_parts(users, num_users, spec, logged)
    return parts, log._replace(initial=with_zeros(parts, spec, logged, log.num_sessions))


def lacks_innovations(log: Log, spec: Nest) -> bool:
    """True if a log lacks the innovations, of TensorSpecs `spec`, that the users draw."""
    return bool(tf.nest.flatten(spec)) and not tf.nest.flatten(log.innovation)


def are_independent(parts: Sequence[Part], users: UserModel, num_users: int) -> bool:
    """True if no part depends on another part, given the logged ones."""
    if len(parts) < 2:
        return True
    parents = dict(users.initial_draws(num_users).resolve_graph())
    fields = {part.field for part in parts}
    return not any(fields & set(parents[field]) for field in fields)


def _is_complete(spec: Nest, values: Nest) -> bool:
    leaves = tf.nest.flatten(values)
    if len(leaves) != len(tf.nest.flatten(spec)):
        return bool(leaves)  # Another structure is refused elsewhere.
    with tf.init_scope():  # The values are arrays of a log, even while a function is traced.
        return bool(tf.reduce_all(is_known(values)))


def of_parts(spec: Nest, values: Mapping[Part, Nest]) -> Nest:
    """Values of parts as initial draws, in which logged fields are ()."""
    if not values or not nests.fields_of(spec):
        return next(iter(values.values()), ())
    initial = type(spec)(*[()] * len(spec))
    for part, value in values.items():
        initial = part.put(initial, value)
    return initial


def merged(logged: Nest, estimated: Nest) -> Nest:
    """Logged initial draws, nests of [S, ...], in which estimated ones replace all that are
    missing, whether all draws, some fields, or some sessions.
    """
    if not tf.nest.flatten(logged):
        return estimated
    if fields := nests.fields_of(estimated):
        by_name = logged if isinstance(logged, Mapping) else nests.fields_of(logged)
        parts = (merged(by_name.get(name, ()), value) for name, value in fields.items())
        return type(estimated)(*parts)
    if not tf.nest.flatten(estimated):
        return logged
    tensors = tf.nest.map_structure(tf.convert_to_tensor, logged)
    return tf.nest.map_structure(
        lambda leaf: leaf.numpy(), nests.where(is_known(logged), tensors, estimated)
    )


def with_zeros(parts: Sequence[Part], spec: Nest, initial: Nest, num_sessions: int) -> Nest:
    """Logged initial draws with zeros for the parts that all sessions lack."""
    for part in parts:
        if not part.is_partly_known:
            zeros = tf.nest.map_structure(
                lambda leaf: np.zeros([num_sessions, *leaf.shape], leaf.dtype.as_numpy_dtype),
                part.of(spec),
            )
            initial = part.put(initial, zeros)
    return initial


def draw_parts(
    parts: Sequence[Part], users: UserModel, sessions: Trajectory, seed: Seed
) -> tuple[Trajectory, tf.Tensor]:
    """Sessions [T, B, ...] with draws of parts from the users' distributions given the parts that
    these depend on, and the logs of the weights [B] of the draws. The weight of a draw is the
    density of the logged parts that depend on it.
    """
    num_users = nests.batch_size(sessions.initial.user)
    log_proposal: Any = 0.0
    for part, part_seed in zip(parts, random.split_seed(seed, max(len(parts), 2)), strict=False):
        prior = part.prior(users, num_users, sessions.initial.user)
        is_logged = part.known(sessions)
        sessions = part.filled(sessions, random.sample(prior, part_seed))
        log_prob = log_prob_per_user("user", prior, part.of(sessions.initial.user))
        if is_logged is not None:
            log_prob = tf.where(is_logged, tf.zeros_like(log_prob), log_prob)
        log_proposal += log_prob
    initial = users.initial_draws(num_users)
    return sessions, log_prob_per_user("user", initial, sessions.initial.user) - log_proposal


def log_prior(parts: Sequence[Part], users: UserModel, initial: Nest) -> tf.Tensor:
    """The log-density [B] of at least one part of initial draws, given the others."""
    num_users = nests.batch_size(initial)
    priors = [part.prior(users, num_users, initial) for part in parts]
    return tf.add_n(
        [
            log_prob_per_user("user", prior, part.of(initial))
            for part, prior in zip(parts, priors, strict=True)
        ]
    )
